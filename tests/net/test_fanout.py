"""Writing to many sockets past their transports: every byte once, in the order of the writes, whoever reads how."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest
import uvloop

import parlour.net.fanout
from parlour.net.fanout import FEWEST, FanOut
from tests.support.timeout import TIMEOUT_S

ROOT = Path(__file__).resolve().parents[2]
LINES = 12


class Line(asyncio.Protocol):
    """A connection that has enlisted, as net/connection.py does it."""

    def __init__(self, fan_out: FanOut) -> None:
        self.fan_out = fan_out
        self.descriptor = -1
        self.given = bytearray()
        self.is_lost = False
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.descriptor = self.fan_out.enlist(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True

    def buffered(self) -> int:
        return self.transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        if self.descriptor >= 0:
            self.fan_out.busy[self.descriptor] = 1
        self.transport.write(data)

    def say(self, data: bytes) -> None:
        """Something for this one alone: an acknowledgement, a heartbeat."""
        self.given += data
        self.write(data)


class Place:
    """Lines and the sockets at their other ends."""

    def __init__(self, lines: list[Line], peers: list[socket.socket]) -> None:
        self.lines = lines
        self.peers = peers
        self.taken = [bytearray() for _ in peers]

    def read(self, index: int, size: int) -> None:
        with suppress(BlockingIOError):
            self.taken[index] += self.peers[index].recv(size)

    async def read_all(self) -> None:
        while any(len(line.given) > len(taken) for line, taken in zip(self.lines, self.taken, strict=True)):
            for index in range(len(self.peers)):
                self.read(index, 1 << 20)
            await asyncio.sleep(0)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library, compiled by the very script that prepares a server."""
    folder = tmp_path_factory.mktemp("fanout")
    source = Path(shutil.copy(Path(parlour.net.fanout.__file__).with_suffix(".c"), folder))
    script = f"import sys; sys.path.insert(0, {str(ROOT / 'tools')!r}); import environment, pathlib\n"
    script += f"environment.compile_library(pathlib.Path({str(source)!r}))"
    subprocess.run([sys.executable, "-c", script], check=True)
    made = folder / "_fanout.so"
    assert made.exists(), "a C compiler is needed: apt-get install gcc libc6-dev"
    return made


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Runs a test's coroutine on each of the loops."""

    def run(main: Callable[[], Coroutine[None, None, None]]) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(TIMEOUT_S):
                await main()

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(bounded())

    return run


async def open_place(fan_out: FanOut, count: int = LINES, receive_buffer: int = 0) -> Place:
    loop = asyncio.get_running_loop()
    lines: list[Line] = []

    def factory() -> Line:
        lines.append(Line(fan_out))
        return lines[-1]

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = await loop.create_server(factory, sock=listener, backlog=count)
    peers = []
    for _ in range(count):
        peer = socket.socket()
        if receive_buffer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        peer.setblocking(False)
        await loop.sock_connect(peer, listener.getsockname())
        peers.append(peer)
        while len(lines) < len(peers) or not hasattr(lines[-1], "transport"):
            await asyncio.sleep(0)
    server.close()
    return Place(lines, peers)


async def close(place: Place) -> None:
    for line, peer in zip(place.lines, place.peers, strict=True):
        peer.close()
        line.transport.abort()
    while not all(line.is_lost for line in place.lines):
        await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(4))
def test_every_reader_gets_every_byte_once_and_in_order(library: Path, run: Callable[..., None], seed: int) -> None:
    chance = random.Random(seed)

    async def main() -> None:
        fan_out = FanOut(library)
        assert fan_out.send is not None
        place = await open_place(fan_out, receive_buffer=4096 if seed % 2 else 0)
        write = fan_out.make_write(place.lines)
        for number in range(200):
            size = chance.choice((1, 300, 300, 300, 20_000, 200_000 if number % 20 == 0 else 300))
            batch = b"%06d" % number + chance.randbytes(size)
            for line in place.lines:
                line.given += batch
            assert write(batch) == []
            for _ in range(chance.randrange(3)):
                chance.choice(place.lines).say(b"<%d>" % number)
            for index in range(LINES):
                if chance.random() < index / LINES:  # the first never reads, the last nearly always
                    place.read(index, chance.choice((100, 5000, 1 << 20)))
            if chance.random() < 0.6:
                await asyncio.sleep(0)
        await place.read_all()
        assert [bytes(taken) for taken in place.taken] == [bytes(line.given) for line in place.lines]
        await close(place)

    run(main)


def test_what_waits_in_a_transport_is_not_overtaken_though_the_kernel_has_room_again(
    library: Path, run: Callable[..., None]
) -> None:
    async def main() -> None:
        fan_out = FanOut(library)
        place = await open_place(fan_out, receive_buffer=4096)
        write = fan_out.make_write(place.lines)
        slow = place.lines[0]
        slow.say(b"x" * 3_000_000)  # more than the kernel takes
        await asyncio.sleep(0)
        assert slow.buffered()
        place.read(0, 1 << 20)  # the kernel has room, but the loop has not looked yet
        for line in place.lines:
            line.given += b"news"
        write(b"news")
        await place.read_all()
        assert place.taken[0].endswith(b"news")
        assert [bytes(taken) for taken in place.taken] == [bytes(line.given) for line in place.lines]
        await close(place)

    run(main)


def test_a_peer_that_is_gone_costs_the_others_nothing_and_is_found_out(library: Path, run: Callable[..., None]) -> None:
    async def main() -> None:
        fan_out = FanOut(library)
        place = await open_place(fan_out)
        write = fan_out.make_write(place.lines)
        write(b"first")  # from here on past the transports
        place.peers[3].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        place.peers[3].close()
        for _ in range(3):
            assert write(b"again") == []
        for index in range(LINES):
            if index != 3:
                place.read(index, 100)
                assert place.taken[index] == b"first" + b"again" * 3
        while not place.lines[3].is_lost:
            await asyncio.sleep(0)
        await close(place)

    run(main)


def test_a_descriptor_is_nobody_elses_before_the_loss_of_the_connection_has_been_told(run: Callable[..., None]) -> None:
    """What the way past the transport rests on: members leave their group in `connection_lost`."""
    found: list[bool] = []

    class Watch(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport
            self.descriptor = transport.get_extra_info("socket").fileno()
            self.file = os.fstat(self.descriptor).st_ino

        def connection_lost(self, exc: Exception | None) -> None:
            found.append(os.fstat(self.descriptor).st_ino == self.file)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        watches: list[Watch] = []

        def factory() -> Watch:
            watches.append(Watch())
            return watches[-1]

        server = await loop.create_server(factory, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        peers = [socket.create_connection(address) for _ in range(3)]
        while sum(hasattr(watch, "file") for watch in watches) < 3:
            await asyncio.sleep(0)
        peers[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peers[0].close()  # reset by the peer
        peers[1].close()  # ended by the peer
        watches[2].transport.close()  # by us
        more = [socket.create_connection(address) for _ in range(3)]  # they would take what is free
        while len(found) < 3 or sum(hasattr(watch, "file") for watch in watches) < 6:
            await asyncio.sleep(0)
        for peer in (*more, peers[2]):
            peer.close()
        for watch in watches[3:]:
            watch.transport.close()
        server.close()
        while len(found) < len(watches):
            await asyncio.sleep(0)

    run(main)
    assert found == [True] * 6


@pytest.mark.parametrize("count", [1, FEWEST - 1, FEWEST])
async def test_few_are_written_to_as_well(library: Path, count: int) -> None:
    place = await open_place(FanOut(library), count)
    for line in place.lines:
        line.given += b"hello"
    place.lines[0].fan_out.make_write(place.lines)(b"hello")
    await place.read_all()
    assert place.taken == [b"hello"] * count
    await close(place)


async def test_without_a_library_everyone_is_written_to_by_transport(tmp_path: Path) -> None:
    (tmp_path / "broken.so").write_bytes(b"no library")
    for fan_out in (FanOut(None), FanOut(tmp_path / "missing.so"), FanOut(tmp_path / "broken.so")):
        place = await open_place(fan_out)
        assert [line.descriptor for line in place.lines] == [-1] * LINES
        for line in place.lines:
            line.given += b"hello"
        fan_out.make_write(place.lines)(b"hello")
        await place.read_all()
        assert place.taken == [b"hello"] * LINES
        await close(place)
