"""After thousands of connections a server owns what it owned before; and each frees itself, without collector."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import signal
import socket
import ssl
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from parlour import RunningServer, start_server_async
from tests.support import raw
from tests.support.certificates import make_certificate
from tests.support.server import ServerProcess
from tests.support.talk import Client
from tests.support.timeout import wait_until

WARM_UP = 250
"""Every kind from every address, and more."""

CONNECTIONS = 300
LONG_CONNECTIONS = 2000
ADDRESSES = 10
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time (socket(7)): closing is a reset, as when a client vanishes."""

ALIVE = raw.head("GET", "/healthz")

KINDS: dict[str, tuple[bytes, bytes]] = {
    "GET": (raw.head("GET", "/lobby"), b"\r\n\r\n"),
    "page": (raw.head("GET", "/lobby", "Accept: text/html"), b"</html>"),
    "POST": (raw.post("/lobby", b"hello"), b"\r\n\r\n"),
    "refusal": (raw.head("GET", "/lobby/999999"), b"\r\n\r\n"),
    "refused POST": (raw.post("/lobby", b" "), b"\r\n\r\n"),
    "refused form": (
        raw.post("/lobby", b"message=+", "Content-Type: application/x-www-form-urlencoded", "Accept: text/html"),
        b"</html>",
    ),
    "refused JSON": (raw.post("/lobby", b"{", "Content-Type: application/json"), b"\r\n\r\n"),
    "no HTTP": (b"hello\r\n\r\n", b"\r\n\r\n"),
    "half a request": (ALIVE + b"GET /lobby HTTP/1.1\r\nHo", b"ok\n"),
    "SSE": (raw.head("GET", "/lobby", "Accept: text/event-stream"), b"caught_up"),
    "NDJSON": (raw.head("GET", "/lobby?follow=1&format=ndjson"), b"caught_up"),
    "many": (raw.head("GET", "/api/v1/stream?room=lobby&room=dev", "Accept: text/event-stream"), b'"room":"dev"'),
    "WebSocket": (raw.head("GET", "/lobby", *raw.UPGRADE), b"caught_up"),
    "many WebSocket": (
        raw.head("GET", "/api/v1/stream", *raw.UPGRADE) + raw.ws_frame(b'{"op":"subscribe","room":"lobby"}'),
        b"caught_up",
    ),
    "WebSocket send": (
        raw.head("GET", "/lobby", *raw.UPGRADE) + raw.ws_frame(b'{"op":"send","text":"hi"}'),
        b'"key":null',
    ),
    "WebSocket error": (raw.head("GET", "/lobby", *raw.UPGRADE) + raw.ws_frame(b'{"op":"?"}'), b'"type":"error"'),
    "WebSocket close": (raw.head("GET", "/lobby", *raw.UPGRADE) + raw.ws_frame(b"\x03\xe8", 8), b"\x88\x02\x03\xe8"),
    "long-poll": (ALIVE + raw.head("GET", "/dev?format=json&since=0&wait=55"), b"ok\n"),
}
"""What is sent on a connection, and how the answer ends; then the client vanishes."""


@pytest.fixture
def collector_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "TLS"])
def test_connections_of_every_kind_are_freed_by_reference_counting_alone(
    collector_off: None, tmp_path: Path, is_tls: bool
) -> None:
    cert, key = make_certificate(tmp_path, "one") if is_tls else (None, None)
    context = ssl.create_default_context(cafile=str(cert)) if is_tls else None

    async def visit(server: RunningServer, kind: str) -> None:
        request, end = KINDS[kind]
        port = int(server.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writer.write(request)
        await reader.readuntil(end)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()
        while server.app.server.drain.connections:
            await asyncio.sleep(0.001)

    async def scenario() -> dict[str, list[str]]:
        left: dict[str, list[str]] = {}
        async with await start_server_async(
            0, data=tmp_path / "data", rate_limits=False, tls_cert=cert, tls_key=key
        ) as server:
            for kind in KINDS:
                await visit(server, kind)  # what is made once for all
            gc.collect()
            gc.set_debug(gc.DEBUG_SAVEALL)
            for kind in KINDS:
                await visit(server, kind)
                await asyncio.sleep(0.001)  # the last callbacks of the transport
                gc.collect()
                if gc.garbage:
                    left[kind] = sorted({type(thing).__qualname__ for thing in gc.garbage})
                    gc.garbage.clear()
        return left

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(scenario()) == {}, "cycles that only the collector would free"


class Visitor:
    """Opens connections of every kind, from many addresses behind a proxy."""

    def __init__(self, server: ServerProcess, trust: ssl.SSLContext | None) -> None:
        self._server, self._trust = server, trust

    def visit(self, number: int) -> None:
        """One connection: it gets an answer, then vanishes."""
        request, end = KINDS[list(KINDS)[number % len(KINDS)]]
        forwarded = f"HTTP/1.1\r\nX-Forwarded-For: 10.0.0.{number // len(KINDS) % ADDRESSES}\r\n".encode()
        with Client.to(self._server.port, self._trust) as client:
            client.send(request.replace(b"HTTP/1.1\r\n", forwarded))
            while end not in client.buffer and b"429 Too Many Requests" not in client.buffer:
                client.buffer += client.sock.recv(65536)
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def sizes(self, most_objects: int = sys.maxsize, most_descriptors: int = sys.maxsize) -> dict[str, int]:
        """What SIGUSR1 says when all connections are gone, and with them all but so many objects and descriptors.

        The loop closes a socket in the turn after that in which it has told of the loss of its connection.
        """
        most = {"connections": 0, "gc_objects": most_objects, "descriptors": most_descriptors}
        sizes: dict[str, int] = {}

        def is_at_rest() -> bool:
            seen = len(self._reports())
            os.kill(self._server.pid, signal.SIGUSR1)
            wait_until(lambda: len(self._reports()) > seen)
            sizes.update(json.loads(self._reports()[-1]))
            return all(sizes[name] <= number for name, number in most.items())

        wait_until(is_at_rest, lambda: f"it does not come to rest: {sizes}")
        return sizes

    def _reports(self) -> list[str]:
        return re.findall(r'^.*"event": "sizes".*}$', self._server.log, re.MULTILINE)


@pytest.mark.parametrize("connections", [CONNECTIONS, pytest.param(LONG_CONNECTIONS, marks=pytest.mark.long)])
@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "TLS"])
def test_after_hundreds_of_connections_everything_is_as_before(tmp_path: Path, is_tls: bool, connections: int) -> None:
    options = ["--trusted-proxies", "127.0.0.1", "--log-format", "json"]
    trust = None
    if is_tls:
        cert, key = make_certificate(tmp_path, "one")
        trust = ssl.create_default_context(cafile=str(cert))
        options += ["--tls-cert", str(cert), "--tls-key", str(key)]
    with ServerProcess(tmp_path / "data", *options, rate_limits=True) as server:
        visitor = Visitor(server, trust)
        for number in range(WARM_UP):
            visitor.visit(number)
        before = visitor.sizes()
        for number in range(connections):
            visitor.visit(number)
        # One visitor in nine leaves a message, and some are guests that are cached: less than an object a connection.
        # A connection that is not freed leaves a dozen.
        after = visitor.sizes(before["gc_objects"] + connections, before["descriptors"])
    nothing = {"connections": 0, "addresses": 0, "subscriptions": 0, "waiters": 0, "reads": 0, "repaired": 0}
    assert {name: after[name] for name in nothing} == nothing
    assert all(after[name] <= ADDRESSES for name in after if name.startswith("rates_of_"))
    assert after["gc_full_collections"] == before["gc_full_collections"], "it was not the collector that tidied up"
