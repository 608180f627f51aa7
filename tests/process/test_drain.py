"""A graceful stop: what was accepted is answered, readers are sent away in good order, and soon it is over."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import raw
from tests.support.certificates import make_certificate
from tests.support.server import ServerProcess
from tests.support.talk import Client
from tests.support.timeout import wait_until

MANY = "/api/v1/stream"
PROMPT_S = 15
"""Far from both the 30 s that a stop may take and the 55 s that a long-poll may wait."""


def upgrade(target: str) -> bytes:
    return raw.head("GET", target, *raw.UPGRADE)


def sse(target: str) -> bytes:
    return raw.head("GET", target, "Accept: text/event-stream")


STREAMS = {
    "sse": sse("/lobby?since=0"),
    "many-sse": sse(f"{MANY}?room=lobby&room=dev"),
    "ndjson": raw.head("GET", "/lobby?follow=1&format=ndjson&since=0"),
    "text": raw.head("GET", "/lobby?follow=1&format=text&since=0"),
    "http-1.0": raw.head("GET", "/lobby?follow=1&format=ndjson&since=0").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "websocket": upgrade("/lobby?since=0"),
    "many-websocket": upgrade(MANY),
}


def send(server: ServerProcess, room: str, text: str) -> int:
    """Send a message; gives its seq."""
    answer = raw.exchange(server.port, raw.post(f"/{room}", text.encode(), "Connection: close"))
    assert raw.status(answer) == 201, answer
    return int(raw.body(answer).decode().rpartition("/")[2])


def opened(server: ServerProcess, name: str) -> Client:
    """A stream that has shown the one message of the lobby."""
    client = Client.to(server.port).send(STREAMS[name])
    assert client.head().status == (101 if "websocket" in name else 200)
    if name == "many-websocket":
        client.send(raw.ws_frame(b'{"op":"subscribe","room":"lobby","since":0}'))
    client.read_until(b"caught_up" if name == "many-sse" else b"first")
    return client


def bye(name: str, rest: bytes) -> int:
    """The milliseconds in the bye that ends a stream, whose framing ends properly too."""
    if "websocket" in name:
        text, mark, reason = rest.rpartition(b"\x88")
        assert mark, rest
        assert reason[1:3] == (1012).to_bytes(2, "big"), "the registry's Service Restart"
        data = text
    elif name == "http-1.0":
        data = rest
    else:
        assert rest.endswith(b"\r\n0\r\n\r\n"), "the last chunk (RFC 9112 §7.1)"
        data = rest
    if name == "text":
        return int(data.rpartition(b"come back in ")[2].split(b" ")[0]) * 1000
    item = data[data.index(b'{"type":"bye"') :]
    return int(json.loads(item[: item.index(b"}") + 1])["reconnect_after_ms"])


def test_every_stream_ends_with_bye_and_a_long_poll_does_not_hold_the_stop(server: ServerProcess) -> None:
    first = send(server, "lobby", "first")
    streams = {name: opened(server, name) for name in STREAMS}
    poll = Client.to(server.port).send(raw.head("GET", f"/lobby?format=json&since={first}&wait=55"))
    api = Client.to(server.port).send(raw.head("GET", f"/api/v1/rooms/lobby/messages?since={first}&wait=55"))
    idle = Client.to(server.port).send(raw.head("GET", "/healthz"))
    assert idle.answer().status == 200
    begun = time.monotonic()
    os.kill(server.pid, signal.SIGTERM)
    for client in (poll, api):
        answer = client.answer()
        assert (answer.status, answer.fields["connection"]) == (200, "close")
        assert json.loads(answer.body)["events"] == []
    assert idle.rest() == b""
    waits = {name: bye(name, client.rest()) for name, client in streams.items()}
    assert all(0 <= wait <= 15_000 for wait in waits.values()), waits
    assert len(set(waits.values())) > 1, "not all at the same moment"
    for client in (poll, api, idle, *streams.values()):
        client.sock.close()
    assert server.wait() == 0
    assert time.monotonic() - begun < PROMPT_S
    assert "cut_off=0" in server.log


def test_an_event_source_is_told_by_retry_when_to_come_back(server: ServerProcess) -> None:
    """WHATWG HTML §9.2.6: a page that knows nothing of `bye` waits as long too."""
    send(server, "lobby", "first")
    with opened(server, "sse") as client:
        os.kill(server.pid, signal.SIGTERM)
        lines = raw.dechunk(client.read_until(b"bye").partition(b"\r\n")[2] + client.rest()).split(b"\n")
    after = json.loads(next(line for line in lines if b"reconnect_after_ms" in line)[6:])["reconnect_after_ms"]
    assert b"retry: %d" % after in lines
    assert server.wait() == 0


def test_what_had_arrived_when_the_signal_came_is_answered(server: ServerProcess) -> None:
    """On a kept connection, on a new one, and the end of what had only begun; readiness says 503 to the last."""
    kept = Client.to(server.port).send(raw.head("GET", "/healthz"))
    assert kept.answer().status == 200
    message = raw.post("/lobby", b"in two parts")
    parted = Client.to(server.port).send(message[:-5])
    probe = Client.to(server.port).send(raw.head("GET", "/readyz")[:-2])
    alive = Client.to(server.port).send(raw.head("GET", "/healthz"))
    assert alive.answer().status == 200, "the loop has turned, and read what came before"
    os.kill(server.pid, signal.SIGSTOP)  # so that signal and requests are there in the same moment
    kept.send(raw.post("/lobby", b"kept"))
    new = Client.to(server.port).send(raw.post("/lobby", b"new"))
    os.kill(server.pid, signal.SIGTERM)
    os.kill(server.pid, signal.SIGCONT)
    assert alive.rest() == b""
    parted.send(message[-5:])
    probe.send(b"\r\n")
    for client in (kept, new):  # perhaps answered before the signal was seen: then the connection ends as an idle one
        assert client.answer().status == 201
        assert client.rest() == b""
    answer = parted.answer()
    assert (answer.status, answer.fields["connection"]) == (201, "close")
    answer = probe.answer()
    assert (answer.status, answer.fields["retry-after"], answer.fields["connection"]) == (503, "1", "close")
    assert b"draining" in answer.body
    for client in (kept, new, parted, probe, alive):
        client.sock.close()
    assert server.wait() == 0
    server.start()
    page = raw.exchange(server.port, raw.head("GET", "/lobby?format=ndjson", "Connection: close"))
    assert sorted(json.loads(line)["text"] for line in raw.body(page).splitlines()) == ["in two parts", "kept", "new"]


@pytest.mark.parametrize("transport", raw.TRANSPORTS, ids=lambda transport: transport.name)
def test_readers_that_come_back_miss_and_repeat_nothing(server: ServerProcess, transport: raw.Transport) -> None:
    for number in range(1, 6):
        send(server, "lobby", f"number {number}")
    epoch = json.loads(raw.body(raw.exchange(server.port, raw.head("GET", "/lobby?format=json", "Connection: close"))))
    seen: list[bytes] = []

    def follow(until: Callable[[bytes], bool], stop: bool) -> None:
        since = json.loads(seen[-1])["seq"] if seen else 0
        with raw.connected(server.port) as sock:
            sock.sendall(raw.ask(transport, "lobby", since, epoch["epoch"]))
            data = raw.read_until(sock, until)
            if stop:
                os.kill(server.pid, signal.SIGTERM)
                data += raw.read_until(sock, lambda data: False)
        seen.extend(raw.events(transport, data))

    follow(raw.is_caught_up(transport), stop=True)
    assert server.wait() == 0
    server.start()
    for number in range(6, 9):
        send(server, "lobby", f"number {number}")
    follow(raw.is_caught_up(transport), stop=False)
    assert [json.loads(event)["text"] for event in seen] == [f"number {number}" for number in range(1, 9)]


def test_a_reader_that_takes_nothing_is_cut_off_by_a_second_signal(server: ServerProcess) -> None:
    """The first one would wait for it; what is stored stays."""
    message = raw.post("/lobby", "é".encode() * 8000)
    with Client.to(server.port) as sender:
        for _ in range(400):
            assert sender.send(message).answer().status == 201
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", server.port))
        Client(sock).send(raw.head("GET", "/lobby?follow=1&format=ndjson&since=0")).head()  # and then it does not read
        os.kill(server.pid, signal.SIGTERM)
        wait_until(lambda: "stopping" in server.log)
        os.kill(server.pid, signal.SIGTERM)
        assert server.wait() == 0
    assert "cut_off=1" in server.log
    server.start()
    assert send(server, "lobby", "and on") == 401


def test_the_deadline_of_the_drain_is_a_setting(server: ServerProcess) -> None:
    server.stop()
    server.options = ("--drain-seconds", "0.2")
    server.start()
    with Client.to(server.port) as client:
        alive = raw.head("GET", "/healthz")
        assert client.send(alive + alive[:-2]).answer().status == 200  # and then a request that never ends
        assert server.stop() == 0
    assert "cut_off=1" in server.log


def test_tls_clients_that_do_not_answer_our_close_do_not_hold_the_stop(tmp_path: Path) -> None:
    """A pool of idle connections reads nothing until it wants to use one."""
    cert, key = make_certificate(tmp_path, "one")
    trust = ssl.create_default_context(cafile=str(cert))
    server = ServerProcess(tmp_path / "data", "--tls-cert", str(cert), "--tls-key", str(key)).start()
    with server, Client.to(server.port, trust) as idle, Client.to(server.port, trust) as stream:
        assert idle.send(raw.head("GET", "/healthz")).answer().status == 200
        stream.send(sse("/lobby")).read_until(b"caught_up")
        begun = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun < PROMPT_S
        assert b"bye" in stream.rest()
        assert idle.rest() == b"", "a close_notify: else ssl raises"
