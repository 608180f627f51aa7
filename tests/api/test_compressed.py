"""Answers are compressed for those who accept it, mean the same, and others get them as they are."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import httpx
import pytest

from tests.support.server import ServerProcess

BROWSER = "gzip, deflate, br, zstd"


@pytest.fixture(scope="module")
def told(server: ServerProcess) -> Iterator[httpx.Client]:
    """A client of a server where something has been said, that sends no Accept-Encoding by itself."""
    with server.client() as client:
        for number in range(60):
            assert client.post("/lobby", content=f"Message {number} of many, which are much alike").status_code == 201
        client.headers["Accept-Encoding"] = ""
        yield client


def _ask(http: httpx.Client, path: str, coding: str | None, method: str = "GET", **fields: str) -> httpx.Response:
    """The answer; its `content` is the body as it came over the wire."""
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    request = http.build_request(method, path, headers=headers)
    del request.headers["Accept-Encoding"]
    if coding is not None:
        request.headers["Accept-Encoding"] = coding
    answer = http.send(request, stream=True)
    answer._content = b"".join(answer.iter_raw())
    answer.close()
    return answer


LARGE = {
    "history as JSON": ("/lobby?format=json", "*/*"),
    "history as text": ("/lobby", "*/*"),
    "history as NDJSON": ("/lobby?format=ndjson", "*/*"),
    "history of the API": ("/api/v1/rooms/lobby/messages", "*/*"),
    "help": ("/help", "*/*"),
    "limits": ("/limits", "*/*"),
    "limits as JSON": ("/api/v1/limits", "*/*"),
    "the description": ("/api/v1/openapi.json", "*/*"),
    "the reference": ("/api", "*/*"),
    "an error for people": (f"/{'x' * 60}/999", "text/html"),
}


@pytest.mark.parametrize(("path", "accept"), LARGE.values(), ids=LARGE)
def test_answer_when_compression_is_accepted_is_smaller_and_the_same(
    told: httpx.Client, path: str, accept: str
) -> None:
    plain, coded = _ask(told, path, None, accept=accept), _ask(told, path, BROWSER, accept=accept)
    assert "content-encoding" not in plain.headers
    assert coded.headers["content-encoding"] == "gzip"
    assert gzip.decompress(coded.content) == plain.content
    assert (
        len(coded.content)
        == int(coded.headers["content-length"])
        < len(plain.content)
        == int(plain.headers["content-length"])
    )
    for answer in (plain, coded):
        assert "accept-encoding" in ",".join(answer.headers.get_list("vary")).lower()
    for field in ("content-type", "cache-control", "content-security-policy", "link"):
        assert coded.headers.get(field) == plain.headers.get(field)
    assert coded.status_code == plain.status_code
    head = _ask(told, path, BROWSER, "HEAD", accept=accept)
    assert head.content == b""
    for field in ("content-encoding", "content-length", "vary"):
        assert head.headers[field] == coded.headers[field]


def test_page_of_a_room_when_compressed_is_a_fifth_and_whole(told: httpx.Client) -> None:
    plain = _ask(told, "/lobby", None, accept="text/html")
    coded = _ask(told, "/lobby", BROWSER, accept="text/html")
    assert coded.headers["content-encoding"] == "gzip"
    page = gzip.decompress(coded.content)
    assert abs(len(page) - len(plain.content)) < 200, "but for the name of the guest and the key of the form"
    assert page.endswith(b"</html>\n")
    assert len(coded.content) < len(page) / 5


@pytest.mark.parametrize(
    "coding", [None, "", "identity", "br", "zstd, deflate", "gzip;q=0", "*;q=0", "identity, gzip;q=0.1"]
)
def test_answer_when_gzip_is_not_wanted_is_as_it_is(told: httpx.Client, coding: str | None) -> None:
    answer = _ask(told, "/help", coding)
    assert "content-encoding" not in answer.headers
    assert answer.content.startswith(b"PARLOUR")


@pytest.mark.parametrize(
    "path", ["/healthz", "/api/v1", "/lobby/1", "/lobby?limit=1", "/api/v1/nothing", "/favicon.ico"]
)
def test_answer_when_it_is_small_is_as_it_is(told: httpx.Client, path: str) -> None:
    answer = _ask(told, path, BROWSER)
    assert "content-encoding" not in answer.headers
    assert len(answer.content) < 1024


@pytest.mark.parametrize("query", ["follow=1&since=0", "follow=1&format=ndjson&since=0", "format=sse&since=0"])
def test_stream_is_never_compressed(told: httpx.Client, query: str) -> None:
    with told.stream("GET", f"/lobby?{query}", headers={"Accept-Encoding": BROWSER}) as answer:
        assert "content-encoding" not in answer.headers
        received = b""
        for piece in answer.iter_raw():
            received += piece
            if b"Message 59" in received:
                break
        assert b"Message 0 " in received


def test_description_when_the_client_has_it_is_not_sent_again(told: httpx.Client) -> None:
    """One weak tag stands for the same content in every coding (RFC 9110 §8.8.3.3)."""
    plain, coded = _ask(told, "/api/v1/openapi.json", None), _ask(told, "/api/v1/openapi.json", BROWSER)
    assert plain.headers["etag"] == coded.headers["etag"]
    assert coded.headers["etag"].startswith("W/")
    for coding in (None, BROWSER):
        again = _ask(told, "/api/v1/openapi.json", coding, if_none_match=coded.headers["etag"])
        assert (again.status_code, again.content) == (304, b"")


FETCHED = {
    "by a person": ({}, True),
    "by a page of ours": ({"sec_fetch_site": "same-origin"}, True),
    "typed": ({"sec_fetch_site": "none", "sec_fetch_user": "?1"}, True),
    "by a link elsewhere": (
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_user": "?1"},
        True,
    ),
    "by a script elsewhere": ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"}, False),
    "by a script elsewhere in a window": ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, False),
    "by a script of a sister site": ({"sec_fetch_site": "same-site", "sec_fetch_mode": "navigate"}, False),
}


@pytest.mark.parametrize(("fields", "compressed"), FETCHED.values(), ids=FETCHED)
def test_answer_that_a_script_of_another_site_causes_shows_nothing_by_its_size(
    told: httpx.Client, fields: dict[str, str], compressed: bool
) -> None:
    """What such a script has the visitor ask for, often, is measured by who can see its length (BREACH)."""
    for path, accept in (("/lobby", "text/html"), ("/lobby?format=json", "*/*"), (f"/{'x' * 60}/999", "text/html")):
        answer = _ask(told, path, BROWSER, accept=accept, **fields)
        assert ("content-encoding" in answer.headers) is compressed
