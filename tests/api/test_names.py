"""By which names a server may be called, and which it calls itself: Host, and what a proxy says that it was called."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.server import ServerProcess

NAME = "chat.example"


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client, as a trusted proxy is one, of a server with names."""
    data = tmp_path_factory.mktemp("named") / "data"
    with (
        ServerProcess(data, "--trusted-proxies", "127.0.0.1", "--allowed-hosts", f"{NAME},2001:db8::7") as running,
        running.client(headers={"Accept": "application/json"}) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("host", "told", "refused"),
    [
        (NAME, None, None),
        (NAME, NAME, None),
        ("127.0.0.1:8080", NAME, None),
        ("CHAT.Example:443", "Chat.EXAMPLE:443", None),
        (f"{NAME}.", f"{NAME}.:443", None),
        ("[2001:db8::7]", "[2001:db8::7]:443", None),
        (NAME, "evil.example", "X-Forwarded-Host"),
        ("evil.example", NAME, "Host"),
        ("evil.example", None, "Host"),
        ("evil.example", "evil.example", "Host"),
        (NAME, f"{NAME}, evil.example", "X-Forwarded-Host"),
        (NAME, f"evil.example, {NAME}", None),  # the nearest proxy wrote the last one
        (NAME, f"{NAME}.evil.example", "X-Forwarded-Host"),
        (NAME, f"evil{NAME}", "X-Forwarded-Host"),
        (NAME, "[2001:db8::8]", "X-Forwarded-Host"),
        (NAME, f"{NAME}..", "X-Forwarded-Host"),
        (NAME, "user@evil.example", None),  # malformed: as if not sent
    ],
)
def test_name_is_ours_wherever_it_is_said(http: httpx.Client, host: str, told: str | None, refused: str | None) -> None:
    headers = {"Host": host} if told is None else {"Host": host, "X-Forwarded-Host": told}
    answer = http.get("/lobby", headers=headers)
    if refused is None:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (421, "misdirected", refused)


def test_name_in_forwarded_counts_for_nothing(http: httpx.Client) -> None:
    """Proxies that write X-Forwarded-* pass a client's Forwarded (RFC 7239) on."""
    answer = http.get("/help", headers={"Host": NAME, "Forwarded": "host=evil.example;proto=https;for=192.0.2.1"})
    assert answer.status_code == 200
    assert "evil.example" not in answer.text


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server that knows where it is, and trusts a proxy that passes on what clients say."""
    data = tmp_path_factory.mktemp("public") / "data"
    options = ("--trusted-proxies", "127.0.0.1", "--public-url", "https://Chat.Example:443")
    with ServerProcess(data, *options) as running, running.client() as client:
        yield client


@pytest.mark.parametrize("fields", [{}, {"X-Forwarded-Host": "evil.example"}, {"Host": "evil.example"}])
def test_addresses_are_those_of_the_public_url_whatever_the_client_says(
    public: httpx.Client, fields: dict[str, str]
) -> None:
    for path, accept in (("/help", "text/plain"), ("/api", "text/plain"), ("/lobby", "text/html")):
        answer = public.get(path, headers={**fields, "Accept": accept})
        assert "https://chat.example/" in answer.text
        assert "evil.example" not in answer.text


def test_page_of_the_public_url_may_write_whatever_the_proxy_calls_us(public: httpx.Client) -> None:
    inside = {"Host": "10.0.0.5:8080"}
    assert public.post("/lobby", content="x", headers={**inside, "Origin": "https://chat.example"}).status_code == 201
    for other in ("http://chat.example", "https://chat.example:8443", "https://evil.example", "null"):
        assert public.post("/lobby", content="x", headers={**inside, "Origin": other}).status_code == 403


def test_public_name_is_one_of_ours_where_names_are_looked_at(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("loopback") / "data"
    with ServerProcess(data, "--public-url", "https://chat.example") as running, running.client() as client:
        assert client.get("/lobby", headers={"Host": "chat.example"}).status_code == 200
        assert client.get("/lobby", headers={"Host": "evil.example"}).status_code == 421
