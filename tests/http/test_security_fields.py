"""Every class of response, whoever makes it, carries the fields that keep browsers from misusing it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from parlour.ui.page import CSP
from tests.support.raw import WS_KEY, head, post
from tests.support.server import ServerProcess
from tests.support.talk import Client

NO_ACTIVE_CONTENT = "default-src 'none'; frame-ancestors 'none'"
ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
PAGES = {
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",
}
"""A page's forms must say where they come from, so it may tell its own server."""
HTML = "Accept: text/html"
FORM = ("Content-Type: application/x-www-form-urlencoded", HTML)

# What is asked, the status, the policy, and what may be kept of it.
RESPONSES: dict[str, tuple[bytes, int, str, str]] = {
    "text": (head("GET", "/lobby"), 200, NO_ACTIVE_CONTENT, "no-store"),
    "JSON": (head("GET", "/lobby?format=json"), 200, NO_ACTIVE_CONTENT, "no-store"),
    "room page": (head("GET", "/lobby", HTML), 200, CSP, "no-store"),
    "sign-in page": (head("GET", "/login", HTML), 200, CSP, "no-store"),
    "link that has ended": (head("GET", "/join/nothing", HTML), 410, CSP, "no-store"),
    "receipt": (post("/lobby", b"hello"), 201, NO_ACTIVE_CONTENT, "no-store"),
    "options": (head("OPTIONS", "/lobby"), 204, NO_ACTIVE_CONTENT, "no-store"),
    "form sent": (post("/lobby", b"message=hello", *FORM), 303, NO_ACTIVE_CONTENT, "no-store"),
    "another room": (head("GET", "/?room=other"), 303, NO_ACTIVE_CONTENT, "no-store"),
    "help": (head("GET", "/help"), 200, NO_ACTIVE_CONTENT, "no-store"),
    "robots": (head("GET", "/robots.txt"), 200, NO_ACTIVE_CONTENT, "public, max-age=86400"),
    "icon": (head("GET", "/favicon.ico"), 200, NO_ACTIVE_CONTENT, "public, max-age=86400"),
    "script": (head("GET", "/static/room.js"), 200, NO_ACTIVE_CONTENT, "no-cache"),
    "refusal": (head("GET", "/lobby?limit=x"), 400, NO_ACTIVE_CONTENT, "no-store"),
    "refusal as a page": (head("GET", "/auth", HTML), 404, CSP, "no-store"),
    "refusal as JSON": (head("GET", "/a/b/c", "Accept: application/json"), 404, NO_ACTIVE_CONTENT, "no-store"),
    "form refused": (post("/lobby", b"message=+", *FORM), 400, CSP, "no-store"),
    "cross-origin": (post("/lobby", b"a", "Origin: https://evil.test"), 403, NO_ACTIVE_CONTENT, "no-store"),
    "nothing there": (head("GET", "/lobby/99"), 404, NO_ACTIVE_CONTENT, "no-store"),
    "wrong method": (head("DELETE", "/lobby"), 405, NO_ACTIVE_CONTENT, "no-store"),
    "cursor gone": (head("GET", "/lobby?format=json&since=x1.5"), 410, NO_ACTIVE_CONTENT, "no-store"),
    "too large": (head("POST", "/lobby", "Content-Length: 99999"), 413, NO_ACTIVE_CONTENT, "no-store"),
    "parser": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, NO_ACTIVE_CONTENT, "no-store"),
    "parser, no request at all": (b"\x16\x03\x01\x02\x00\x01\x00", 400, NO_ACTIVE_CONTENT, "no-store"),
    "line too long": (b"GET /" + b"a" * 9000, 414, NO_ACTIVE_CONTENT, "no-store"),
    "fields too large": (head("GET", "/", "X: " + "a" * 20_000), 431, NO_ACTIVE_CONTENT, "no-store"),
    "expectation": (head("POST", "/lobby", "Expect: a"), 417, NO_ACTIVE_CONTENT, "no-store"),
    "method unknown": (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501, NO_ACTIVE_CONTENT, "no-store"),
    "version": (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, NO_ACTIVE_CONTENT, "no-store"),
    "handshake refused": (
        head("GET", "/lobby", "Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 8"),
        426,
        NO_ACTIVE_CONTENT,
        "no-store",
    ),
    "event stream": (
        head("GET", "/lobby", "Accept: text/event-stream"),
        200,
        NO_ACTIVE_CONTENT,
        "no-store, no-transform",
    ),
    "text stream": (head("GET", "/lobby?follow=1"), 200, NO_ACTIVE_CONTENT, "no-store, no-transform"),
    "many rooms": (head("GET", "/api/v1/stream?room=a"), 200, NO_ACTIVE_CONTENT, "no-store, no-transform"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("fields") / "data") as server:
        yield server


@pytest.mark.parametrize("kind", RESPONSES)
def test_response_carries_its_security_fields(server: ServerProcess, kind: str) -> None:
    request, status, policy, cache = RESPONSES[kind]
    with Client.to(server.port) as client:
        found = client.send(request).head()
    assert found.status == status, found.head
    expected = ALWAYS | {"content-security-policy": policy, "cache-control": cache} | (PAGES if policy == CSP else {})
    assert {name: found.fields.get(name) for name in expected} == expected
    assert not found.fields.keys() & {"server", "x-powered-by", "access-control-allow-origin"}
    kind_of_content = found.fields.get("content-type", "")
    if kind_of_content.startswith("text/") and kind_of_content != "text/event-stream":  # that is UTF-8 by definition
        assert kind_of_content.endswith("; charset=utf-8")


def test_not_modified_carries_them_too(server: ServerProcess) -> None:
    with Client.to(server.port) as client:
        etag = client.send(head("GET", "/favicon.ico")).answer().fields["etag"]
        found = client.send(head("GET", "/favicon.ico", f"If-None-Match: {etag}")).answer()
        assert found.status == 304
        assert ALWAYS.items() <= found.fields.items()
        assert client.send(head("GET", "/healthz")).answer().body == b"ok\n"


def test_full_server_carries_them_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("full") / "data"
    with ServerProcess(data, "--address-connections", "1", rate_limits=True) as server:
        with Client.to(server.port) as one, Client.to(server.port) as two:
            assert one.send(head("GET", "/healthz")).answer().status == 200
            found = two.send(head("GET", "/lobby")).answer()
        assert found.status == 429
        assert ALWAYS.items() <= found.fields.items()
        assert int(found.fields["retry-after"]) >= 1


# --- response splitting ---

SPLIT = "%0d%0aSet-Cookie:%20split=1%0d%0a%0d%0a%3Chtml%3E"
WIDE = "%e5%98%8a%e5%98%8d"
"""U+560A U+560D: their low bytes are LF and CR, which is what a careless encoder makes of them."""

REFLECTED: dict[str, bytes] = {
    "room in the path": head("GET", f"/a{SPLIT}"),
    "room in a redirect": head("GET", f"/?room=a{SPLIT}"),
    "wide room in a redirect": head("GET", f"/?room=a{WIDE}Set-Cookie"),
    "room of a message": post(f"/a{SPLIT}", b"hello"),
    "wide room of a message": post(f"/a{WIDE}", b"hello"),
    "wide room of a form": post(f"/b{WIDE}", b"message=hello", *FORM),
    "room in a form": post("/send", f"message=a&room=a{SPLIT}".encode(), *FORM),
    "room in JSON": post(
        "/send", b'{"text":"a","room":"a\\r\\nSet-Cookie: split=1"}', "Content-Type: application/json"
    ),
    "key in the path": post(f"/lobby/12345678{SPLIT}", b"hello").replace(b"POST", b"PUT", 1),
    "key in a form": post("/lobby", f"message=a&key=12345678{SPLIT}".encode(), *FORM),
    "name in a form": post("/lobby", f"message=a&name=b{SPLIT}".encode(), *FORM),
    "wide name in a form": post("/lobby", f"message=a&name=b{WIDE}".encode(), *FORM),
    "cursor": head("GET", f"/lobby?format=json&since=1{SPLIT}"),
    "page of a wide room": head("GET", f"/c{WIDE}?format=json&limit=1"),
    "parameter": head("GET", f"/lobby?{SPLIT}=1"),
    "method not allowed": head("DELETE", f"/a{SPLIT}"),
    "last event": head("GET", "/lobby", "Accept: text/event-stream", "Last-Event-ID: 1%0d%0aSet-Cookie: split=1"),
    "host": head("GET", "/help").replace(b"localhost", b"local%0d%0ahost"),
    "handshake key": head(
        "GET",
        "/lobby",
        "Connection: upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {WS_KEY}%0d%0a",
    ),
}

_FIELD_LINE = re.compile(rb"[A-Za-z-]+: [\t\x20-\x7e]*")


@pytest.mark.parametrize("where", REFLECTED)
def test_line_break_in_what_is_reflected_splits_no_response(server: ServerProcess, where: str) -> None:
    with Client.to(server.port) as client:
        found = client.send(REFLECTED[where]).head()
    assert found.status < 500
    assert "split=1" not in found.fields.get("set-cookie", "")
    for line in found.head[:-4].split(b"\r\n")[1:]:
        assert _FIELD_LINE.fullmatch(line), line
