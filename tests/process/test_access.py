"""What a server says about itself on standard output and in its log, and whom `--access members` lets in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import raw
from tests.support.server import ROOT, ServerProcess
from tests.support.timeout import TIMEOUT_S

SSE = "Accept: text/event-stream"
JSON = "Accept: application/json"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("access") / "data", "--access", "members") as server:
        yield server


CLOSED = {
    "page": raw.head("GET", "/lobby", "Accept: text/html", "Connection: close"),
    "text": raw.head("GET", "/lobby", "Connection: close"),
    "json": raw.head("GET", "/lobby", JSON, "Connection: close"),
    "long-poll": raw.head("GET", "/lobby?format=json&since=0&wait=5", "Connection: close"),
    "ndjson": raw.head("GET", "/lobby?format=ndjson&follow=1", "Connection: close"),
    "sse": raw.head("GET", "/lobby", SSE, "Connection: close"),
    "websocket": raw.head("GET", "/lobby", *raw.UPGRADE),
    "many as SSE": raw.head("GET", "/api/v1/stream?room=lobby", SSE, "Connection: close"),
    "many as WebSocket": raw.head("GET", "/api/v1/stream", *raw.UPGRADE),
    "one event": raw.head("GET", "/lobby/1", "Connection: close"),
    "head": raw.head("HEAD", "/lobby", "Connection: close"),
    "front page": raw.head("GET", "/", "Accept: text/html", "Connection: close"),
    "rooms": raw.head("GET", "/api/v1/rooms", "Connection: close"),
    "post": raw.post("/lobby", b"hello", "Connection: close"),
    "form": raw.post("/send", b"message=hello", "Content-Type: application/x-www-form-urlencoded", "Connection: close"),
    "put": raw.post("/lobby/key-00000001", b"hello", "Connection: close").replace(b"POST", b"PUT", 1),
    "api post": raw.post(
        "/api/v1/rooms/lobby/messages", b'{"text":"hello"}', "Content-Type: application/json", "Connection: close"
    ),
}


@pytest.mark.parametrize("name", CLOSED)
def test_guests_of_a_members_server_get_401_with_a_challenge(closed: ServerProcess, name: str) -> None:
    """RFC 9110 §15.5.2."""
    answer = raw.exchange(closed.port, CLOSED[name])
    assert raw.status(answer) == 401, answer
    assert b"\r\nWWW-Authenticate: Bearer realm=" in answer
    if name == "json":
        assert b'"code":"login_required"' in answer


@pytest.mark.parametrize(
    "target", ["/help", "/healthz", "/readyz", "/limits", "/static/room.css", "/api/v1", "/api", "/robots.txt"]
)
def test_what_is_no_conversation_is_open_to_all(closed: ServerProcess, target: str) -> None:
    assert raw.status(raw.exchange(closed.port, raw.head("GET", target, "Connection: close"))) == 200


def test_the_only_output_is_the_address(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "parlour", "serve", "--port", "0", "--data", str(tmp_path / "data")]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    line = process.stdout.readline()
    process.terminate()
    rest, log = process.communicate(timeout=TIMEOUT_S)
    assert re.fullmatch(r"Listening on http://127\.0\.0\.1:[1-9][0-9]*\n", line), log
    assert rest == ""
    assert "open_to_the_network" not in log
    assert "not_encrypted" not in log


@pytest.mark.parametrize("access", ["open", "members"])
def test_who_listens_on_every_address_is_told_what_that_means(tmp_path: Path, access: str) -> None:
    with ServerProcess(tmp_path / "data", "--host", "0.0.0.0", "--access", access) as server:
        pass
    log = server.log  # whole when the server has ended: it writes it beside its work
    opened = 'WARNING open_to_the_network hosts=0.0.0.0 meaning="whoever reaches this port may read and write'
    assert (opened in log) == (access == "open")
    assert "WARNING not_encrypted hosts=0.0.0.0" in log
