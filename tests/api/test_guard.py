"""Who is let in: members-only servers, pages of other sites, and clients that are too fast."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.table import TABLE
from tests.support.timeout import TIMEOUT_S

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ALLOWED_ORIGIN = "https://chat.example.org"


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server for members only."""
    options = ("--access", "members", "--allowed-origins", ALLOWED_ORIGIN)
    with (
        ServerProcess(tmp_path_factory.mktemp("members") / "data", *options) as running,
        running.client(headers={"Accept": "application/json"}) as client,
    ):
        yield client


def test_the_public_addresses_tell_nothing_that_was_said() -> None:
    public = {operation.path for operation in TABLE if operation.right is None}
    assert public == {
        "/api", "/api/v1", "/api/v1/limits", "/api/v1/openapi.json", "/favicon.ico", "/healthz", "/help", "/limits",
        "/manifest.webmanifest", "/readyz", "/robots.txt", "/static/{file}",
        # Signing in and out, and what a link is for; the pages of members lead a guest to signing in.
        "/account", "/account/digest/{code}", "/account/email/{code}", "/account/second-factor",
        "/admin", "/admin/bans", "/admin/log",
        "/admin/reports", "/me", "/people", "/people/{name}", "/rooms/{room}",
        "/rooms/{room}/guests", "/rooms/{room}/guests/{id}",
        "/api/v1/accounts", "/api/v1/guests", "/api/v1/me", "/api/v1/me/pass", "/api/v1/passkeys/options",
        "/api/v1/password", "/api/v1/password/forgotten", "/api/v1/session", "/api/v1/session/confirm",
        "/api/v1/session/passkey", "/api/v1/sign-ins/{id}", "/auth/{provider}", "/auth/{provider}/callback",
        "/auth/{provider}/new", "/join/{code}", "/login", "/login/code", "/login/passkey", "/logout", "/register",
        "/reset", "/reset/{code}",
    }  # fmt: skip


def test_a_members_server_refuses_a_guest_in_its_own_language(members: httpx.Client) -> None:
    text = members.get("/lobby", headers={"Accept": "*/*"})
    page = members.get("/lobby", headers={"Accept": BROWSER})
    assert text.text.startswith("error: This server is for members only")
    assert text.text.endswith(" (login_required)\n")
    assert (text.status_code, page.status_code) == (401, 401)
    assert page.headers["content-type"] == "text/html; charset=utf-8"


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("origins") / "data"
    with ServerProcess(data, "--allowed-origins", ALLOWED_ORIGIN) as running:
        yield running


ORIGINS = {
    "no browser": ({}, True),
    "its own page": ({"Origin": "http://{host}"}, True),
    "its own page behind a proxy with TLS": ({"Origin": "https://{host}"}, True),
    "an allowed site": ({"Origin": ALLOWED_ORIGIN}, True),
    "an allowed site, as browsers say it": ({"Origin": ALLOWED_ORIGIN, "Sec-Fetch-Site": "cross-site"}, True),
    "its own page, as browsers say it": ({"Origin": "http://{host}", "Sec-Fetch-Site": "same-origin"}, True),
    "typed by a person": ({"Sec-Fetch-Site": "none"}, True),
    "its own page without an origin": ({"Sec-Fetch-Site": "same-origin"}, True),
    "another site": ({"Origin": "https://evil.example"}, False),
    "another port": ({"Origin": "http://127.0.0.1:1"}, False),
    "no port": ({"Origin": "http://127.0.0.1"}, False),
    "a name that begins alike": ({"Origin": "http://{host}.evil.example"}, False),
    "a name that ends alike": ({"Origin": "http://evil.{host}"}, False),
    "a sandbox or a file": ({"Origin": "null"}, False),
    "nothing": ({"Origin": ""}, False),
    "another scheme of the allowed site": ({"Origin": "http://chat.example.org"}, False),
    "a cross-site form without an origin": ({"Sec-Fetch-Site": "cross-site"}, False),
    "a sister site": ({"Sec-Fetch-Site": "same-site"}, False),
    "its own page that tells no referrer": ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, True),
    "its own page behind a proxy that changes Host": (
        {"Origin": "https://chat.example", "Sec-Fetch-Site": "same-origin"},
        True,
    ),
    "another scheme, as browsers say it": ({"Origin": "https://{host}", "Sec-Fetch-Site": "cross-site"}, False),
    "another port, as browsers say it": ({"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"}, False),
    "a sandbox, as browsers say it": ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, False),
    "no scheme of the web": ({"Origin": "ftp://{host}"}, False),
}
WRITES = (
    ("POST", "/lobby"),
    ("POST", "/send"),
    ("PUT", "/lobby/12345678"),
    ("POST", "/api/v1/rooms/lobby/messages"),
    ("PUT", "/api/v1/rooms/lobby/messages/12345678"),
)


@pytest.mark.parametrize(("headers", "welcome"), ORIGINS.values(), ids=ORIGINS)
def test_pages_of_other_sites_may_say_nothing(
    open_server: ServerProcess, headers: dict[str, str], welcome: bool
) -> None:
    host = f"127.0.0.1:{open_server.port}"
    headers = {name: value.replace("{host}", host) for name, value in headers.items()}
    with open_server.client(headers={"Accept": "application/json"} | headers) as http:
        before = http.get("/api/v1/rooms/lobby").json()["head_seq"]
        for method, path in WRITES:
            answer = http.request(method, path, json={"text": "Hello"})
            if welcome:
                assert answer.status_code == 201, (method, path)
            else:
                assert (answer.status_code, answer.json()["code"]) == (403, "cross_origin"), (method, path)
                assert answer.json()["stored"] is False
        after = http.get("/api/v1/rooms/lobby")
    assert after.status_code == 200
    assert (after.json()["head_seq"] > before) == welcome
    assert "access-control-allow-origin" not in after.headers


@pytest.mark.parametrize(("headers", "welcome"), ORIGINS.values(), ids=ORIGINS)
@pytest.mark.parametrize("path", ["/lobby", "/api/v1/stream"])
def test_pages_of_other_sites_may_open_no_websocket(
    open_server: ServerProcess, headers: dict[str, str], welcome: bool, path: str
) -> None:
    host = f"127.0.0.1:{open_server.port}"
    fields = [f"{name}: {value}".replace("{host}", host) for name, value in headers.items()]
    request = raw.head("GET", path, *raw.UPGRADE, *fields).replace(b"Host: localhost", b"Host: " + host.encode())
    with raw.connected(open_server.port) as sock:
        sock.sendall(request)
        answer = raw.read_until(sock, lambda data: b"\r\n\r\n" in data)
    assert raw.status(answer) == (101 if welcome else 403)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server whose rates are so low that waiting for them would be noticed."""
    options = (
        *("--sends-per-s", "0.01", "--sends-burst", "3"),
        *("--room-sends-per-s", "0.01", "--room-sends-burst", "5"),
        *("--history-ms-per-s", "0.1", "--history-burst-ms", "1"),
    )
    with (
        ServerProcess(tmp_path_factory.mktemp("slow") / "data", *options, rate_limits=True) as running,
        running.client(headers={"Accept": "application/json"}) as client,
    ):
        yield client


def is_limited(answer: httpx.Response) -> bool:
    if answer.status_code != 429:
        return False
    problem = answer.json()
    assert (problem["code"], problem.get("stored")) == (
        "rate_limited",
        None if answer.request.method == "GET" else False,
    )
    assert 1 <= int(answer.headers["retry-after"]) <= 1000
    assert problem["retry_after"] <= int(answer.headers["retry-after"]) < problem["retry_after"] + 1
    return True


def test_a_sender_has_a_rate(slow: httpx.Client) -> None:
    said = [slow.post("/lobby?name=ann", content=f"{number}") for number in range(5)]
    assert [is_limited(answer) for answer in said] == [False, False, False, True, True]
    assert [answer.status_code for answer in said[:3]] == [201, 201, 201]
    assert said[3].json()["detail"] == "You send more messages than the rate allows."
    assert slow.get("/api/v1/rooms/lobby").json()["head_seq"] == 3


def test_a_room_has_a_rate_for_all_senders_together(slow: httpx.Client) -> None:
    said = [slow.post(f"/busy?name=guest{number}", content=b"Hello") for number in range(7)]
    assert [is_limited(answer) for answer in said] == [False] * 5 + [True] * 2


def test_what_is_wrong_anyway_costs_nothing(slow: httpx.Client) -> None:
    for _ in range(10):
        assert slow.post("/calm?name=eve", content=b" ").status_code == 400
    assert slow.post("/calm?name=eve", content=b"Hello").status_code == 201


def test_pages_of_history_have_a_rate_and_health_has_none(slow: httpx.Client) -> None:
    paths = ("/lobby", "/lobby?format=json", "/lobby/1", "/api/v1/rooms", "/api/v1/rooms/lobby/messages") * 3
    assert is_limited([slow.get(path) for path in paths][-1])
    plain = slow.get("/lobby", headers={"Accept": "*/*"})
    assert plain.text.startswith("error: ")
    assert "retry-after" in plain.headers
    assert slow.get("/healthz").status_code == 200
    assert slow.get("/help").status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:80", 200),
        ("127.0.0.1:8080", 200),
        ("127.8.9.1", 200),
        ("[::1]:8080", 200),
        ("chat.localhost", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example:8080", 421),
        ("192.168.0.7", 421),
        ("[::2]", 421),
    ],
)
def test_a_server_on_loopback_answers_to_the_names_of_its_machine_only(
    server: ServerProcess, host: str, status: int
) -> None:
    """A page of evil.example can have that name resolve to 127.0.0.1 (DNS rebinding)."""
    for request in ("GET /lobby", "POST /lobby", "GET /healthz"):
        method, target = request.split()
        sent = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host.lower()}\r\nConnection: close\r\n"
        sent += "Content-Length: 2\r\n\r\nhi" if method == "POST" else "\r\n"
        found = raw.status(raw.exchange(server.port, sent.encode()))
        assert found == (201 if (status, method) == (200, "POST") else status), request


def test_names_can_be_given(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--allowed-hosts", "Chat.Example,other.example") as server:
        for host, status in (("chat.example", 200), ("localhost", 200), ("evil.example", 421)):
            request = f"GET /lobby HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            assert raw.status(raw.exchange(server.port, request.encode())) == status, host


def test_an_origin_is_a_scheme_and_a_host(server: ServerProcess) -> None:
    for origin in ("null", "x://", "://localhost", "localhost"):
        request = f"POST /lobby HTTP/1.0\r\nOrigin: {origin}\r\nContent-Length: 2\r\n\r\nhi"
        assert raw.status(raw.exchange(server.port, request.encode())) == 403, origin


def test_what_one_peer_may_another_may_not_with_the_same_head(tmp_path: Path) -> None:
    """Results are cached with a head, but not the address of its sender."""
    head = b"GET /healthz HTTP/1.1\r\nHost: chat.example.net\r\nConnection: close\r\n\r\n"
    path = str(tmp_path / "p.sock")

    def status(family: socket.AddressFamily, address: str | tuple[str, int]) -> bytes:
        with socket.socket(family) as line:
            line.settimeout(TIMEOUT_S)
            line.connect(address)
            line.sendall(head)
            return line.recv(65536)[9:12]

    with ServerProcess(tmp_path / "data", "--unix-socket", path) as server:
        for _ in range(2):
            assert status(socket.AF_UNIX, path) == b"200"
            assert status(socket.AF_INET, ("127.0.0.1", server.port)) == b"421"


def test_only_a_cookie_that_the_server_made_makes_a_guest(open_server: ServerProcess) -> None:
    """Whoever could choose the cookie could choose to be somebody who used to have it."""

    def author(cookie: str) -> str:
        with open_server.client(headers={"Accept": "application/json", "Cookie": cookie}) as http:
            by: dict[str, str] = http.post("/guests", content="hi").json()["by"]
        return by["id"]

    with open_server.client(headers={"Accept": "text/html"}) as http:
        cookie = http.get("/guests").headers["set-cookie"].partition(";")[0]
        assert "set-cookie" not in http.get("/guests", headers={"Cookie": cookie}).headers
        http.cookies.clear()
        name, _, value = cookie.partition("=")
        token, _, seal = value.partition(".")
        nobody, somebody = author("x=y"), author(cookie)
        assert somebody != nobody
        for made_up in (
            token,
            "A" * 22,
            f"{'A' * 22}.{seal}",
            f"{token}.{'A' * 22}",
            f"{token}.",
            f"{seal}.{token}",
            f"{value}=",
        ):
            assert author(f"{name}={made_up}") == nobody, made_up
            assert "set-cookie" in http.get("/guests", headers={"Cookie": f"{name}={made_up}"}).headers
            http.cookies.clear()
