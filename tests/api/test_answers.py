"""How refusals look to each kind of client, and what HTTP asks of every answer: Allow, HEAD, OPTIONS, HTTP/1.0."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from parlour.core.errors import ERRORS
from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
TEXT, HTML, PROBLEM = "text/plain; charset=utf-8", "text/html; charset=utf-8", "application/problem+json"


@pytest.mark.parametrize(
    ("path", "accept", "kind"),
    [
        ("/search", None, TEXT),
        ("/search", "*/*", TEXT),
        ("/search", "text/plain", TEXT),
        ("/search", "image/png", TEXT),
        ("/search", BROWSER, HTML),
        ("/search", "application/json", PROBLEM),
        ("/search", "application/problem+json", PROBLEM),
        ("/search", "application/json;q=0.4, text/html", HTML),
        ("/api/v1/nothing", None, PROBLEM),
        ("/api/v1/nothing", "*/*", PROBLEM),
        ("/api/v1/nothing", "application/json", PROBLEM),
        ("/api/v1/nothing", BROWSER, HTML),
        ("/api/v1/nothing", "text/plain", TEXT),
        ("/api/v1?x=1", "*/*", PROBLEM),
        ("/api/v1x", "*/*", TEXT),
    ],
)
def test_a_refusal_speaks_the_language_of_the_client(
    http: httpx.Client, path: str, accept: str | None, kind: str
) -> None:
    request = http.build_request("GET", path)
    del request.headers["Accept"]
    if accept is not None:
        request.headers["Accept"] = accept
    answer = http.send(request)
    assert answer.status_code >= 400
    assert answer.headers["content-type"] == kind


@pytest.mark.parametrize(
    ("query", "body_type", "accept", "kind"),
    [
        ("format=json", None, None, PROBLEM),
        ("format=json", None, "*/*", PROBLEM),
        ("format=json", None, BROWSER, PROBLEM),
        ("limit=%zz&format=json", None, None, PROBLEM),
        ("format=ndjson", None, None, PROBLEM),
        ("", None, "application/x-ndjson", PROBLEM),
        ("format=text", None, None, TEXT),
        ("format=jsonx", None, None, TEXT),
        ("", "application/json", None, PROBLEM),
        ("", "application/json; charset=utf-8", "*/*", PROBLEM),
        ("", "text/json", None, PROBLEM),
        ("", "application/json", "text/plain", TEXT),
        ("", "application/json", BROWSER, HTML),
        ("", "text/plain", None, TEXT),
    ],
)
def test_a_format_and_a_body_of_json_ask_for_json_too(
    http: httpx.Client, query: str, body_type: str | None, accept: str | None, kind: str
) -> None:
    request = http.build_request(
        "POST" if body_type else "GET", f"/lobby?since=x&{query}", content=b" " if body_type else None
    )
    del request.headers["Accept"]
    for name, value in (("Content-Type", body_type), ("Accept", accept)):
        if value is not None:
            request.headers[name] = value
    answer = http.send(request)
    assert (answer.status_code, answer.headers["content-type"]) == (400, kind), answer.text


def test_only_a_request_that_could_store_is_told_that_nothing_was_stored(http: httpx.Client) -> None:
    assert "stored" not in http.get("/lobby?since=x&format=json").json()
    assert http.request("DELETE", "/lobby?format=json").json()["stored"] is False
    assert http.post("/lobby", json={}).json()["stored"] is False


def test_an_unknown_parameter_is_named_in_words(http: httpx.Client) -> None:
    asked = http.get("/lobby?lmit=3")
    said = http.post("/lobby?nmae=bob", content=b"Hello")
    many = http.get("/api/v1/stream?romm=lobby", headers={"Accept": "text/plain"})
    known = "before, follow, format, limit, name, since, ticket, wait"
    assert asked.text == f"error: There is no parameter lmit here; known are {known}. (bad_parameter: lmit)\n"
    assert said.text == "error: There is no parameter nmae here; known is name. (bad_parameter: nmae)\n"
    assert many.text.startswith("error: There is no parameter romm here; known are ")
    hostile = http.get("/lobby", params={"\u202e\x9b2J" + "x" * 500: "1", "format": "json"})
    assert "<U+202E><U+009B>2Jx" in hostile.json()["detail"]
    assert len(hostile.json()["detail"]) < 250


def test_a_bad_last_event_id_is_not_called_since(http: httpx.Client) -> None:
    asked = {"Last-Event-ID": "x", "Accept": "text/event-stream"}
    assert http.get("/lobby", headers=asked).text.endswith("(bad_cursor: Last-Event-ID)\n")
    assert http.get("/api/v1/stream?room=a", headers=asked).json()["field"] == "Last-Event-ID"
    assert http.get("/api/v1/stream?room=a&since=x").json()["field"] == "since"
    assert http.get("/api/v1/stream?room=a&since=k;a=-1").json()["field"] == "since"


def test_a_refusal_in_json_is_a_problem_document(http: httpx.Client) -> None:
    answer = http.post("/lobby", content=b" ", headers={"Accept": "application/json"})
    assert answer.json() == {
        "type": "/help#blank_text",
        "title": ERRORS["blank_text"].title,
        "status": 400,
        "code": "blank_text",
        "detail": "The text is empty or blank.",
        "stored": False,
        "field": "text",
    }


def test_a_refusal_in_text_is_one_plain_line(http: httpx.Client) -> None:
    answer = http.post("/lobby", content=b" ")
    assert answer.text == "error: The text is empty or blank. (blank_text: text)\n"


def test_a_refusal_as_page_shows_no_foreign_markup(http: httpx.Client) -> None:
    page = http.get("/lobby?since=<script>alert(1)</script>&format=html", headers={"Accept": BROWSER})
    named = http.get("/%3Cscript%3Ealert(1)%3C%2Fscript%3E", headers={"Accept": BROWSER})
    for answer in (page, named):
        assert (answer.status_code, answer.headers["content-type"]) == (400, HTML)
        assert "<script>alert" not in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_hostile_words_are_not_passed_on_to_a_terminal(http: httpx.Client) -> None:
    answer = http.get("/lobby", params={"\x1b[31mred": "1"})
    assert answer.status_code == 400
    assert "\x1b" not in answer.text
    assert "␛[31mred" in answer.text


def test_every_answer_has_the_fields_that_protect_browsers(http: httpx.Client) -> None:
    for path in (
        "/",
        "/lobby",
        "/lobby?format=html",
        "/search",
        "/help",
        "/api/v1",
        "/api/v1/openapi.json",
        "/healthz",
    ):
        answer = http.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff", path
        is_page = answer.headers["content-type"].startswith("text/html")  # whose forms say where they come from
        assert answer.headers["referrer-policy"] == ("same-origin" if is_page else "no-referrer"), path
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], path
        assert "server" not in answer.headers, path


ALLOWED = {
    "/": "GET, HEAD, OPTIONS",
    "/lobby": "GET, HEAD, OPTIONS, POST, PUT",
    "/lobby/1": "DELETE, GET, HEAD, OPTIONS, PUT",
    "/send": "OPTIONS, POST",
    "/help": "GET, HEAD, OPTIONS",
    "/api": "GET, HEAD, OPTIONS",
    "/api/v1": "GET, HEAD, OPTIONS",
    "/api/v1/rooms": "GET, HEAD, OPTIONS, POST",
    "/api/v1/rooms/lobby": "GET, HEAD, OPTIONS, PATCH",
    "/api/v1/rooms/lobby/messages": "GET, HEAD, OPTIONS, POST",
    "/api/v1/rooms/lobby/messages/1": "DELETE, GET, HEAD, OPTIONS, PUT",
    "/api/v1/stream": "GET, HEAD, OPTIONS",
    "/healthz": "GET, HEAD, OPTIONS",
}


@pytest.mark.parametrize("path", ALLOWED)
def test_a_method_that_is_not_allowed_is_told_which_are(http: httpx.Client, path: str) -> None:
    allowed = ALLOWED[path].split(", ")
    assert http.options(path).headers["allow"] == ALLOWED[path]
    assert http.options(path).status_code == 204
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"):
        if method not in allowed:
            answer = http.request(method, path, headers={"Accept": "application/json"})
            assert (answer.status_code, answer.headers["allow"]) == (405, ALLOWED[path]), method
            if method != "HEAD":
                assert (answer.json()["code"], answer.json()["allow"]) == ("method_not_allowed", ALLOWED[path])


def test_the_whole_server_has_options_too(server: ServerProcess) -> None:
    answer = raw.exchange(server.port, raw.head("OPTIONS", "*", "Connection: close"))
    assert raw.status(answer) == 204
    assert b"\r\nAllow: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT\r\n" in answer


def test_a_refused_head_has_no_body(server: ServerProcess) -> None:
    answer = raw.exchange(server.port, raw.head("HEAD", "/search", "Connection: close"))
    assert raw.status(answer) == 404
    assert raw.body(answer) == b""
    assert re.search(rb"Content-Length: [1-9]", answer)


@pytest.mark.parametrize(("path", "status"), [("/lobby", 200), ("/api/v1/stream?room=lobby", 200)])
def test_only_a_get_becomes_a_websocket(server: ServerProcess, path: str, status: int) -> None:
    """RFC 6455 §4.1."""
    answer = raw.exchange(server.port, raw.head("HEAD", path, *raw.UPGRADE))
    assert (raw.status(answer), raw.body(answer)) == (status, b"")


def test_http_1_0_is_answered_and_closed(server: ServerProcess) -> None:
    sent = raw.exchange(server.port, b"POST /ten HTTP/1.0\r\nContent-Length: 5\r\n\r\nHello")
    read = raw.exchange(server.port, b"GET /ten HTTP/1.0\r\n\r\n")
    assert (raw.status(sent), raw.body(sent)) == (201, b"ten/1\n")
    assert raw.body(read).endswith(b": Hello\n")
    assert b"Connection: close\r\n" in read
    assert b"Transfer-Encoding" not in read


def test_http_1_0_may_ask_to_keep_the_connection(server: ServerProcess) -> None:
    keep = b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    both = raw.exchange(server.port, keep + b"GET /healthz HTTP/1.0\r\n\r\n")
    assert both.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert both.count(b"Connection: keep-alive\r\n") == 1


def test_http_1_0_gets_a_stream_that_ends_with_the_connection(server: ServerProcess) -> None:
    with raw.connected(server.port) as sock:
        sock.sendall(b"GET /ten-live?follow=1 HTTP/1.0\r\n\r\n")
        head = raw.read_until(sock, lambda data: b"\r\n\r\n" in data)
        raw.exchange(server.port, b"POST /ten-live HTTP/1.0\r\nContent-Length: 5\r\n\r\nHello")
        line = raw.read_until(sock, lambda data: data.endswith(b"\n"))
    assert b"Transfer-Encoding" not in head
    assert line.endswith(b": Hello\n")


def test_only_websocket_13_is_spoken(server: ServerProcess) -> None:
    fields = ("Upgrade: websocket", "Connection: Upgrade, close", f"Sec-WebSocket-Key: {raw.WS_KEY}")
    old = raw.exchange(server.port, raw.head("GET", "/lobby", *fields, "Sec-WebSocket-Version: 8"))
    assert raw.status(old) == 426
    assert b"\r\nSec-WebSocket-Version: 13\r\n" in old
    assert b"\r\nUpgrade: websocket\r\n" in old
    keyless = raw.exchange(server.port, raw.head("GET", "/lobby", *fields[:2], "Sec-WebSocket-Version: 13"))
    assert raw.status(keyless) == 400


def test_health_and_limits_are_for_scripts_and_people(http: httpx.Client) -> None:
    assert (http.get("/healthz").text, http.get("/readyz").text) == ("ok\n", "ready\n")
    lines = http.get("/limits").text.splitlines()
    limits = http.get("/limits", headers={"Accept": "application/json"}).json()
    assert limits == http.get("/limits?format=json").json() == http.get("/api/v1/limits").json()
    assert [line.split()[0] for line in lines] == list(limits)


def test_help_names_every_error_and_this_server(http: httpx.Client) -> None:
    text = http.get("/help").text
    assert str(http.base_url).rstrip("/") in text
    for code, kind in ERRORS.items():
        assert re.search(rf"^ +{kind.status} {code} ", text, re.MULTILINE), code


@pytest.mark.parametrize(
    ("seconds", "scheme", "field"),
    [("0", "https", None), ("86400", "https", "max-age=86400"), ("86400", "http", None)],
)
def test_browsers_are_bound_to_https_only_when_asked_to_and_over_https(
    tmp_path: Path, seconds: str, scheme: str, field: str | None
) -> None:
    """RFC 6797 §7.2."""
    with ServerProcess(tmp_path / "data", "--trusted-proxies", "127.0.0.1", "--hsts-seconds", seconds) as server:
        answer = httpx.get(
            f"{server.url}/lobby", headers={"Accept": BROWSER, "X-Forwarded-Proto": scheme}, timeout=TIMEOUT_S
        )
    assert (answer.status_code, answer.headers.get("strict-transport-security")) == (200, field)
