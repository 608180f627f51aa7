"""A server below a path of another site: every address it gives begins there, and it answers with and without it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S
from tests.support.ui import parse

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
TRUST = ("--trusted-proxies", "127.0.0.1")


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that is told by its proxy where it is."""
    with ServerProcess(tmp_path_factory.mktemp("proxied") / "data", *TRUST) as running:
        yield running


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that knows by its settings where it is."""
    data = tmp_path_factory.mktemp("public") / "data"
    with ServerProcess(data, *TRUST, "--public-url", "https://example.org/chat/") as running:
        yield running


@pytest.fixture(params=["by the proxy", "by a setting", "by a setting, with the path left in"])
def http(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of a server below `https://example.org/chat`, as the proxy passes its requests on."""
    site = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "example.org", "Accept": "*/*"}
    base, server = "", request.getfixturevalue("proxied" if "proxy" in request.param else "public")
    if "proxy" in request.param:
        site["X-Forwarded-Prefix"] = "/chat"
    elif "left in" in request.param:
        base = "/chat"
    with httpx.Client(base_url=server.url + base, headers=site, timeout=TIMEOUT_S) as client:
        yield client


def _addresses(page: str) -> set[str]:
    """All that a page names inside its site."""
    found = {attributes.get(name) for _, attributes in parse(page) for name in ("href", "src", "action")}
    return {address for address in found if address and not address.startswith("#")}


def test_page_names_nothing_outside(http: httpx.Client) -> None:
    for number in range(3):
        http.post("/lobby", content=f"Hello {number}")
    paths = ("/", "/lobby", "/lobby/", "/lobby?before=3&limit=1", "/lobby?since=0&limit=1")
    for path in (*paths, "/lobby/999", "/nothing/at/all", "/lobby?since=9999", "/%FF", "/search"):
        answer = http.get(path, headers=BROWSER)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        found = _addresses(answer.text)
        assert found
        assert [address for address in found if not address.startswith("/chat/")] == [], path
    page = http.get("/lobby", headers=BROWSER).text
    assert 'data-prefix="/chat"' in page
    assert "-d hello <bdi>https://example.org/chat/lobby</bdi>" in page
    assert "/chat/lobby/1" in _addresses(page)


@pytest.mark.parametrize("path", ["/uploads", "/search", "/nothing/at/all"])
def test_where_nothing_is_the_way_to_the_help_is_of_this_server(http: httpx.Client, path: str) -> None:
    assert "GET /chat/help shows" in http.get(path).text
    assert "GET /chat/help shows" in http.get(path, headers={"Accept": "application/json"}).json()["detail"]
    page = http.get(path, headers=BROWSER).text
    assert "There is nothing at this address." in page
    assert "GET " not in page


def test_a_wrong_room_in_the_address_can_be_mended_on_the_page(http: httpx.Client) -> None:
    for path in ("/Class%207B", "/Class%207B/3", "/?room=!Class 7B"):
        answer = http.get(path, headers=BROWSER)
        assert answer.status_code == 400
        fields = [attributes for tag, attributes in parse(answer.text) if tag == "input"]
        assert [field.get("value", "").lstrip("!") for field in fields] == ["Class 7B"], path


def test_ways_on_stay_inside(http: httpx.Client) -> None:
    sent = http.post("/ways", content="Hello")
    assert sent.status_code == 201
    assert re.fullmatch("/chat/ways/[0-9]+", sent.headers["location"])
    http.post("/ways", content="Hello again")
    page = http.get("/ways?format=json&limit=1")
    assert page.json()["next"].startswith("/chat/ways?since=")
    assert page.json()["prev"].startswith("/chat/ways?before=")
    assert re.findall("<([^>?]+)", page.headers["link"]) == ["/chat/ways", "/chat/ways"]
    assert http.get("/api/v1/rooms/ways/messages").json()["next"].startswith("/chat/api/v1/rooms/ways/messages?")
    assert http.get("/?room=Dev").headers["location"] == "/chat/dev"
    assert http.get("/ways/1", headers=BROWSER).headers["location"].startswith("/chat/ways")
    form = http.post("/ways", data={"message": "Hi", "name": "alice"}, headers=BROWSER)
    assert (form.status_code, form.headers["location"]) == (303, "/chat/ways#latest")
    assert "Path=/chat;" in form.headers["set-cookie"]
    assert http.get("/people?q=a", headers=BROWSER).headers["location"] == "/chat/login?next=/people%3Fq%3Da"
    manifest = http.get("/manifest.webmanifest")
    assert manifest.headers["location"].startswith("/chat/static/manifest.webmanifest?v=")
    with_dot = http.put("/ways/notes.txt", content="x")
    assert "https://example.org/chat/ways" in with_dot.text


def test_words_name_the_place(http: httpx.Client) -> None:
    assert "curl -d 'hello' https://example.org/chat/lobby\n" in http.get("/help").text
    assert "https://example.org/chat/api/v1/openapi.json" in http.get("/api").text
    assert http.get("/api/v1/openapi.json").json()["servers"][0]["url"] == "/chat"
    assert http.get("/robots.txt").text == "User-agent: *\nDisallow: /chat/\n"
    for path in ("/lobby?before=x", "/api/v1/nothing"):
        problem = http.get(path, headers={"Accept": "application/json"})
        assert problem.json()["type"].startswith("/chat/help#")


def test_guest_keeps_a_cookie_of_this_path_alone(http: httpx.Client) -> None:
    first = http.get("/lobby", headers=BROWSER)
    cookie = first.headers["set-cookie"]
    assert cookie.startswith("__Secure-parlour_guest=")
    assert "; Path=/chat;" in cookie
    assert "; Secure" in cookie
    token = cookie.partition(";")[0]
    assert "set-cookie" not in http.get("/lobby", headers={**BROWSER, "Cookie": token}).headers


def test_json_is_what_a_program_gets_below_the_path_too(http: httpx.Client) -> None:
    answer = http.get("/api/v1/rooms/lobby?x=1")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "status", "found"),
    [
        ("/chat", 200, "PARLOUR"),
        ("/chat/", 200, "PARLOUR"),
        ("/chat/help", 200, "PARLOUR"),
        ("/help", 200, "PARLOUR"),
        ("/chatx/1", 404, "no event 1"),
        ("/chat//help", 404, "nothing at this address"),
        ("//chat/help", 404, "nothing at this address"),
        ("/%63hat/help", 404, "by number"),
        ("/chat%2Fhelp", 400, "bad_room_name"),
        ("/chat/chat/help", 404, "by number"),
    ],
)
def test_path_is_taken_off_once_and_only_where_it_is_whole(
    public: ServerProcess, path: str, status: int, found: str
) -> None:
    with public.client(headers={"Accept": "text/plain"}) as client:
        answer = client.get(public.url + path)
    assert (answer.status_code, found in answer.text) == (status, True), answer.text


def test_room_named_like_the_path_is_reached_where_the_proxy_says_what_it_took_off(public: ServerProcess) -> None:
    with public.client(headers={"X-Forwarded-Prefix": "/chat"}) as client:
        assert client.post("/chat", content="Hello").headers["location"] == "/chat/chat/1"
    with public.client() as client:
        assert client.get("/chat/chat").text.endswith("Hello\n")


HARMLESS = [
    "//evil.example", "/chat/../", "/..", "/./chat", "/%2e%2e", "/chat%2Fx", "chat", "https://evil.example", "/a b",
    "/a//b", "/a?b", "/a#b", "/a;b", '/a"b', "/<script>", "\\evil", "/\\evil", "/" + "x" * 200, "/", "", ",",
    "/café",
]  # fmt: skip


@pytest.mark.parametrize("prefix", HARMLESS)
def test_prefix_that_is_no_plain_path_is_none(proxied: ServerProcess, prefix: str) -> None:
    with proxied.client(headers={"X-Forwarded-Prefix": prefix.encode()}) as client:
        assert client.post("/plain", content="Hello").headers["location"].startswith("/plain/")
        problem = client.get("/nothing/at/all", headers={"Accept": "application/json"})
        assert problem.json()["type"] == "/help#not_found"


@pytest.mark.parametrize(
    ("said", "prefix"), [("/chat", "/chat"), ("/chat/", "/chat"), ("/a/b.c/~d_e-f", "/a/b.c/~d_e-f"), ("/x, /y", "/y")]
)
def test_prefix_of_the_nearest_proxy_counts(proxied: ServerProcess, said: str, prefix: str) -> None:
    with proxied.client(headers={"X-Forwarded-Prefix": said}) as client:
        assert client.post("/plain", content="Hello").headers["location"].startswith(prefix + "/plain/")


def test_prefix_of_anybody_else_is_not_believed(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("direct") / "data"
    with ServerProcess(data) as direct, direct.client(headers={"X-Forwarded-Prefix": "/chat"}) as client:
        assert client.post("/plain", content="Hello").headers["location"] == "/plain/1"
        page = client.get("/plain", headers=BROWSER)
        assert "/chat" not in page.text
        assert "/chat" not in json.dumps(dict(page.headers))
        assert "/chat" not in client.get("/a/b/c", headers=BROWSER).text
