"""How the files of the page are sent: as small as the client can read, kept for ever under a name of their content."""

from __future__ import annotations

import gzip
import re

import httpx
import pytest

BROWSER = "gzip, deflate, br, zstd"


def _get(http: httpx.Client, address: str, coding: str | None, **fields: str) -> tuple[httpx.Response, bytes]:
    """The answer, and its body as it came over the wire."""
    request = http.build_request("GET", address, headers={**fields, "Accept-Encoding": coding or ""})
    if coding is None:
        del request.headers["Accept-Encoding"]
    answer = http.send(request, stream=True)
    try:
        return answer, b"".join(answer.iter_raw())
    finally:
        answer.close()


@pytest.fixture(scope="module", params=["room.js", "room.css"])
def address(http: httpx.Client, request: pytest.FixtureRequest) -> str:
    page = http.get("/lobby", headers={"Accept": "text/html"}).text
    found = re.search(rf"/static/{re.escape(request.param)}\?v=\w+", page)
    assert found
    return found[0]


def test_file_when_asked_for_by_its_content_is_kept_for_ever(http: httpx.Client, address: str) -> None:
    answer, body = _get(http, address, None)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in answer.headers
    assert len(body) == int(answer.headers["content-length"])


@pytest.mark.parametrize("query", ["", "?v=0123456789abcdef", "?v=", "?x"])
def test_file_when_asked_for_by_another_version_is_there_but_not_kept(
    http: httpx.Client, address: str, query: str
) -> None:
    """A page from just before an update gets a file under its old address; the next page asks for the new one."""
    now, body = _get(http, address, None)
    answer, other = _get(http, address.partition("?")[0] + query, None)
    assert (answer.status_code, other) == (200, body)
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["etag"] == now.headers["etag"]


@pytest.mark.parametrize(("wanted", "coding"), [(BROWSER, "br"), ("gzip, deflate", "gzip"), ("br;q=0, *", "gzip")])
def test_file_when_compressed_is_the_same(http: httpx.Client, address: str, wanted: str, coding: str) -> None:
    plain, content = _get(http, address, "identity")
    answer, body = _get(http, address, wanted)
    assert answer.headers["content-encoding"] == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert len(body) == int(answer.headers["content-length"]) < len(content) / 2
    assert answer.headers["etag"] != plain.headers["etag"], "other bytes, another strong tag"
    assert answer.headers["content-type"] == plain.headers["content-type"]
    if coding == "gzip":
        assert gzip.decompress(body) == content
    head = http.head(address, headers={"Accept-Encoding": wanted})
    for field in ("content-encoding", "content-length", "etag", "vary"):
        assert head.headers[field] == answer.headers[field]


def test_file_when_the_client_has_it_is_not_sent_again(http: httpx.Client, address: str) -> None:
    plain, _ = _get(http, address, None)
    coded, _ = _get(http, address, BROWSER)
    for known in (plain.headers["etag"], coded.headers["etag"], f'"other", {coded.headers["etag"]}', "*"):
        answer, body = _get(http, address, BROWSER, **{"If-None-Match": known})
        assert (answer.status_code, body) == (304, b"")
        assert answer.headers["etag"] == coded.headers["etag"]
        assert answer.headers["vary"] == "Accept-Encoding"
    assert _get(http, address, BROWSER, **{"If-None-Match": '"other"'})[0].status_code == 200
