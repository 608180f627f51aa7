"""Promise 7: a reader that does not read holds a cursor, costs the others nothing, and loses nothing."""

from __future__ import annotations

import json
import select
import socket
from pathlib import Path

import pytest

from tests.stream.test_resume import say
from tests.support import raw
from tests.support.server import ServerProcess, own_kb

BIG = "x" * 7_900


def flood(server: ServerProcess, room: str, count: int) -> int:
    """Send BIG so many times; gives `count`."""
    raw.flood(server.port, [(room, BIG)] * count)
    return count


def read_to(sock: socket.socket, transport: raw.Transport, received: bytes, seq: int) -> bytes:
    """All that was received, once the event with this seq is complete in it."""
    while b'"seq":%d,' % seq not in received[-20_000:]:
        received += sock.recv(1 << 20)
    while len(raw.events(transport, received)) < seq:
        received += sock.recv(1 << 20)
    return received


@pytest.mark.parametrize("transport", raw.TRANSPORTS[:3], ids=lambda transport: transport.name)
def test_reader_that_sleeps_through_megabytes_gets_every_event_once_when_it_wakes(
    server: ServerProcess, transport: raw.Transport
) -> None:
    room = f"sleepy-{transport.name}"
    with raw.connected(server.port) as sleepy, raw.connected(server.port) as awake:
        for sock in (sleepy, awake):
            sock.sendall(raw.ask(transport, room, 0, ""))
            raw.read_until(sock, raw.is_caught_up(transport))
        heard = b"HTTP\r\n\r\n"
        total = 0
        for _ in range(6):
            total += flood(server, room, 100)
            heard = read_to(awake, transport, heard, total)
        late = read_to(sleepy, transport, b"HTTP\r\n\r\n", total)
    assert raw.events(transport, late) == raw.events(transport, heard)
    assert [json.loads(event)["seq"] for event in raw.events(transport, late)] == list(range(1, total + 1))


def test_hundred_sleeping_readers_cost_little_memory(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", fresh=True) as server:
        sleepers: list[socket.socket] = []
        for _ in range(100):
            sock = socket.create_connection(("127.0.0.1", server.port), 10)
            sock.sendall(raw.ask(raw.TRANSPORTS[0], "heavy", 0, ""))
            raw.read_until(sock, raw.is_caught_up(raw.TRANSPORTS[0]))
            sleepers.append(sock)
        flood(server, "heavy", 50)
        before = own_kb(server.pid)
        for _ in range(10):
            flood(server, "heavy", 50)  # 4 MB in all; a queue for each reader would be 400 MB
        grown = own_kb(server.pid) - before
        for sock in sleepers:
            sock.close()
        assert grown < 100 * 100, f"{grown} KB for 100 readers"


def test_reader_that_takes_nothing_is_closed_and_the_others_stay(tmp_path: Path) -> None:
    with (
        ServerProcess(tmp_path / "data", "--stalled-s", "1") as server,
        raw.connected(server.port) as stuck,
        raw.connected(server.port) as well,
    ):
        for sock in (stuck, well):
            sock.sendall(raw.ask(raw.TRANSPORTS[0], "stuck", 0, ""))
            raw.read_until(sock, raw.is_caught_up(raw.TRANSPORTS[0]))
        heard, total = b"HTTP\r\n\r\n", 0
        for _ in range(12):  # more than the buffers of both kernels take
            total += flood(server, "stuck", 50)
            heard = read_to(well, raw.TRANSPORTS[0], heard, total)
        poller = select.poll()
        poller.register(stuck, select.POLLRDHUP)
        assert poller.poll(30_000), "the reader that takes nothing was not closed"
        say(server, "stuck", "still here")
        assert b"still here" in raw.read_until(well, lambda data: b"still here" in data)
