"""Thousands of readers in one process, each of which proves for itself that it is given everything, in order, once."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import cast

from tests.fault.transports import STREAMS, Stream
from tests.support import raw
from tests.support.timeout import TIMEOUT_S

EVENT = re.compile(rb'"seq":([0-9]+),"type":"message","at":"[^"]*","by":\{[^}]*\},"text":"([0-9.]*)')
BYE = re.compile(rb'"reconnect_after_ms":([0-9]+)')
LENGTH = re.compile(rb"(?i)\r\ncontent-length: ([0-9]+)\r\n")
BEGIN = b'"seq":'
PONG = raw.ws_frame(b"", 10)

WAIT_S = 55
AGAIN_S = 0.2
"""Before the next attempt of a client that finds nobody there."""

WAVE = 100
"""Connections that are opened at the same time when a crowd comes in, one after the other when it is cut off."""

LOOK_S = 0.01


@dataclass(slots=True)
class Seen:
    """What the members of a crowd have seen together. Latencies are seconds from the sending of a message."""

    latencies: list[float] = field(default_factory=list)
    delays_ms: list[int] = field(default_factory=list)
    refused: int = 0
    faults: list[str] = field(default_factory=list)


class Member(asyncio.Protocol):
    """One reader of one room. It comes back with its cursor whenever its connection ends, as long as it is wanted.

    `delay` makes seconds out of the milliseconds that it is told to stay away.
    """

    def __init__(self, crowd: Crowd, room: str) -> None:
        self.room = room
        self.seq = 0
        self.connections = 0
        self.is_live = False
        self._crowd = crowd
        self._told_ms = 0
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    # --- what kinds of readers differ in ---

    def ask(self) -> bytes:
        """The request for what comes after the cursor."""
        raise NotImplementedError

    def take(self, data: bytes) -> None:
        """Bytes have come."""
        raise NotImplementedError

    # --- connections ---

    async def connect(self) -> None:
        """Open a connection; try again until somebody is there."""
        loop = asyncio.get_running_loop()
        while self._crowd.is_wanted:
            try:
                await loop.create_connection(lambda: self, "127.0.0.1", self._crowd.port)
            except OSError:
                self._crowd.seen.refused += 1
                await asyncio.sleep(AGAIN_S)
            else:
                return

    def cut(self) -> None:
        """Cut the connection, as a network would."""
        if self._transport is not None:
            self.is_live = False
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.connections += 1
        self._rest = b""
        self._transport.write(self.ask())

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.is_live = False
        if self._crowd.is_wanted:
            told, self._told_ms = self._told_ms, 0
            self._crowd.spawn(self._come_back(self._crowd.delay(told)))

    async def _come_back(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.connect()

    def data_received(self, data: bytes) -> None:
        self.take(data)

    # --- what came ---

    def read(self, data: bytes) -> int:
        """Judge the whole events in some bytes; gives where the rest begins that may be a part of one."""
        end = 0
        now = time.monotonic()
        for match in EVENT.finditer(data):
            end = match.end()
            seq = int(match[1])
            if seq != self.seq + 1:
                self._crowd.seen.faults.append(f"{type(self).__name__} in {self.room}: {seq} after {self.seq}")
            self.seq = seq
            if match[2]:
                self._crowd.seen.latencies.append(now - float(match[2]))
        return max(end, data.find(BEGIN, end)) if BEGIN in data[end:] else max(end, len(data) - len(BEGIN))

    def note_bye(self, data: bytes) -> None:
        """Note when to come back, if that is said."""
        match = BYE.search(data)
        if match is not None:
            self._told_ms = int(match[1])
            self._crowd.seen.delays_ms.append(self._told_ms)


class Follower(Member):
    """A reader of a stream."""

    def __init__(self, crowd: Crowd, room: str, stream: Stream) -> None:
        super().__init__(crowd, room)
        self._stream = stream

    def ask(self) -> bytes:
        return self._stream.request(self.room, self._crowd.epoch, self.seq)

    def take(self, data: bytes) -> None:
        data = self._rest + data
        if not self.is_live and b"caught_up" in data:
            self.is_live = True
        if b'"heartbeat"' in data and self._stream.status == 101 and self._transport is not None:
            self._transport.write(PONG)
        if b"reconnect_after_ms" in data:
            self.note_bye(data)
        if b'"type":"reset"' in data:
            self._crowd.seen.faults.append(f"{self._stream.name} in {self.room} was reset at {self.seq}")
        self._rest = data[self.read(data) :]


class Poller(Member):
    """A reader by long-poll, over a connection that is kept; it is live while it waits."""

    def ask(self) -> bytes:
        self.is_live = True
        cursor = f"{self._crowd.epoch}.{self.seq}"
        return raw.head("GET", f"/{self.room}?format=json&wait={WAIT_S}&limit=1000&since={cursor}")

    def take(self, data: bytes) -> None:
        self._rest += data
        head, mark, body = self._rest.partition(b"\r\n\r\n")
        if not mark:
            return
        length = LENGTH.search(head + b"\r\n")
        assert length is not None, head
        if len(body) < int(length[1]):
            return
        self._rest = b""
        if not head.startswith(b"HTTP/1.1 200 "):
            self._crowd.seen.faults.append(f"Poller in {self.room}: {head[:100]!r}")
        self.read(body)
        if self._transport is not None and b"onnection: close" not in head:
            self._transport.write(self.ask())


class Crowd:
    """Readers of every transport in rooms of one server. As a context manager it brings them in and sends them home."""

    def __init__(
        self, port: int, epoch: str, rooms: Iterable[str], count: int, delay: Callable[[int], float] = lambda ms: 0.0
    ) -> None:
        self.port = port
        self.epoch = epoch
        self.delay = delay
        self.seen = Seen()
        self.is_wanted = True
        rooms = tuple(rooms)
        kinds: list[Callable[[str], Member]] = [
            *[lambda room, stream=stream: Follower(self, room, stream) for stream in STREAMS],
            lambda room: Poller(self, room),
        ]
        # Every kind in every room: the kinds change with each member, the rooms once all kinds have had a turn.
        self.members = [kinds[n % len(kinds)](rooms[n // len(kinds) % len(rooms)]) for n in range(count)]
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run a reconnection."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def live(self) -> int:
        """How many have caught up, or wait for news."""
        return sum(member.is_live for member in self.members)

    def cut(self) -> None:
        """Cut all connections at once."""
        for member in self.members:
            member.cut()

    async def __aenter__(self) -> Crowd:
        for start in range(0, len(self.members), WAVE):
            await asyncio.gather(*[member.connect() for member in self.members[start : start + WAVE]])
        await until(lambda: self.live == len(self.members), 60)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.is_wanted = False
        self.cut()
        await until(lambda: not any(member.is_live for member in self.members), TIMEOUT_S)
        for task in self._tasks:
            task.cancel()


class Talker:
    """Sends messages at a rate, each with a key, over some kept connections; retries until it knows.

    The text of a message is the time of its sending and `size` letters. `acks` are (room, seq) by key, `latencies` the
    seconds until the acknowledgement, the attempts in between included.
    """

    def __init__(self, port: int, rooms: Iterable[str], per_second: float, *, lines: int = 10, size: int = 0) -> None:
        self.acks: dict[str, tuple[str, int]] = {}
        self.latencies: list[float] = []
        self._port = port
        self._rooms = tuple(rooms)
        self._every_s = lines / per_second
        self._lines = lines
        self._filling = "x" * size
        self._is_stopping = False
        self._made = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Talker:
        self._tasks = [asyncio.create_task(self._talk(number)) for number in range(self._lines)]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Send no more; wait until every message is known to be stored."""
        self._is_stopping = True
        await asyncio.gather(*self._tasks)

    async def _talk(self, number: int) -> None:
        reader: asyncio.StreamReader | None = None
        writer: asyncio.StreamWriter | None = None
        due = time.monotonic() + self._every_s * number / self._lines
        while not self._is_stopping:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due += self._every_s
            self._made += 1
            room, key = self._rooms[self._made % len(self._rooms)], f"key-{self._made:08}"
            sent_at = time.monotonic()
            request = raw.post(f"/{room}", f"{sent_at:.6f} {self._filling}".encode(), f"Idempotency-Key: {key}")
            while key not in self.acks:
                try:
                    if reader is None or writer is None:
                        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                    writer.write(request)
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = LENGTH.search(head)
                    assert length is not None
                    body = await reader.readexactly(int(length[1]))
                except (OSError, EOFError):
                    if writer is not None:
                        writer.transport.abort()
                    reader = writer = None
                    await asyncio.sleep(AGAIN_S)
                    continue
                if b" 201 " in head[:16]:
                    self.acks[key] = (room, int(body.decode().rpartition("/")[2]))
                else:
                    await asyncio.sleep(AGAIN_S)
            self.latencies.append(time.monotonic() - sent_at)
        if writer is not None:
            writer.transport.abort()


async def until(condition: Callable[[], bool], seconds: float) -> float:
    """Wait for a condition; gives the seconds that took. Raises TimeoutError."""
    begun = time.monotonic()
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(LOOK_S)
    return time.monotonic() - begun


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of them is; 0 of none."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0
