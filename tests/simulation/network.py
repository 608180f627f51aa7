"""The network of the simulated world: connections that are late, come in pieces, stand still and break at any byte.

Both ends are `asyncio.Transport`s with the manners of the real ones: a buffer above which the protocol is told to
pause, a window of bytes that the peer has not read, an orderly end and a reset. Bytes of one direction keep their
order, as TCP has it; everything else is up to the seed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.simulation.loop import SimulatedLoop, World

LATENCIES_S = (2e-5, 2e-4, 2e-3, 5e-2)
WINDOWS = (600, 5_000, 60_000, 300_000)
RATES = (2_000.0, 20_000.0, 1e9, 1e9, 1e9)
"""Bytes a second that the reading half takes; one connection in five is slow, one very slow."""

STALL_S = 45.0
REFUSED_S = 0.2
SILENCE_S = 5.0
"""After a power cut: until a peer learns that its connection is gone."""


@dataclass
class Weather:
    """How bad the network is: shares of the connections that break and that stand still for a while."""

    cuts: float = 0.3
    stalls: float = 0.05
    slow: bool = True


class Link:
    """What both directions of a connection share. It breaks once `budget` bytes have passed."""

    def __init__(self, random: Random, weather: Weather, number: int) -> None:
        self.number = number
        self.latency_s = random.choice(LATENCIES_S)
        self.window = random.choice(WINDOWS) if weather.slow else WINDOWS[-1]
        self.rate = random.choice(RATES) if weather.slow else RATES[-1]
        self.budget = int(random.expovariate(1 / 20_000)) if random.random() < weather.cuts else None
        self.stall_at = int(random.expovariate(1 / 5_000)) if random.random() < weather.stalls else None
        self.is_broken = False
        self.ends: tuple[End, ...] = ()

    def passed(self, size: int) -> int:
        """How many of so many bytes still pass."""
        if self.budget is not None:
            size = min(size, self.budget)
            self.budget -= size
        return size

    def stall(self, size: int, random: Random) -> float:
        """For how long these bytes stand still."""
        if self.stall_at is None:
            return 0.0
        self.stall_at -= size
        if self.stall_at > 0:
            return 0.0
        self.stall_at = None
        return random.uniform(0.0, STALL_S)


class End(asyncio.Transport):
    """One end of a connection."""

    def __init__(self, network: Network, loop: SimulatedLoop, link: Link, name: str) -> None:
        super().__init__()
        self.name = name
        self.loop = loop
        self.peer: End
        self.protocol: asyncio.Protocol
        self.is_lost = False
        self._network = network
        self._random = network.world.random
        self._link = link
        self._buffer = bytearray()
        self._in_flight = 0
        self._arrival = 0.0
        self._high, self._low = 65536, 16384
        self._is_paused = False  # the protocol has been told to write no more
        self._is_reading = True
        self._is_closing = False
        self._ends_after = False  # an orderly end follows what is in the buffer
        self._has_ended = False
        self._inbox: deque[bytes | None] = deque()  # what came and was not read; None: the end

    # --- asyncio.Transport ---

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 40_000 + self._link.number % 20_000) if name == "peername" else default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def is_closing(self) -> bool:
        return self._is_closing

    def is_reading(self) -> bool:
        return self._is_reading and not self._is_closing

    def pause_reading(self) -> None:
        self._is_reading = False

    def resume_reading(self) -> None:
        if not self._is_reading:
            self._is_reading = True
            if self._inbox:
                self.loop.call_soon(self._read)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = 65536 if high is None else high
        self._low = self._high // 4 if low is None else low

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        return len(self._buffer)

    def can_write_eof(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.is_lost or self._ends_after or self._is_closing:
            return
        self._buffer += data
        self._pump()
        if len(self._buffer) > self._high and not self._is_paused:
            self._is_paused = True
            self.protocol.pause_writing()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        if not (self._ends_after or self._is_closing):
            self._ends_after = True
            self._pump()

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._inbox.clear()
            self._ends_after = True
            self._pump()

    def abort(self) -> None:
        self._is_closing = True
        if not self.is_lost:
            self.lose(None)
            self._arrive(self.peer.reset)

    # --- the way of the bytes ---

    def _pump(self) -> None:
        """Send what the window takes, in pieces."""
        link, random = self._link, self._random
        while self._buffer and self._in_flight < link.window and not self.is_lost:
            room = min(len(self._buffer), link.window - self._in_flight)
            size = random.randint(1, room) if random.random() < 0.2 else room
            passed = link.passed(size)
            if passed:
                piece = bytes(self._buffer[:passed])
                self._in_flight += passed
                self._arrive(self.peer.take, piece, late=passed / link.rate + link.stall(passed, random))
            del self._buffer[:size]
            if passed < size:
                self._network.cut(link)
                return
        if self._ends_after and not self._buffer and not self._has_ended and not self.is_lost:
            self._has_ended = True
            self._arrive(self.peer.take, None)
            if self._is_closing:
                self.lose(None)

    def _arrive(self, what: Callable[..., object], *arguments: object, late: float = 0.0) -> None:
        """Have something reach the peer, behind all that is on the way."""
        world = self._network.world
        delay = self._random.uniform(0.5, 1.5) * self._link.latency_s + late
        self._arrival = max(self._arrival, world.now + delay)
        self.peer.loop.call_at(self._arrival, what, *arguments)

    def take(self, data: bytes | None) -> None:
        """Bytes have come from the peer, or (None) the end of them."""
        if self.is_lost or self._is_closing:
            if data is not None and not self.peer.is_lost:
                self._arrive(self.peer.reset)  # nobody reads here any more
            return
        self._inbox.append(data)
        self._read()

    def _read(self) -> None:
        while self._inbox and self._is_reading and not self._is_closing:
            data = self._inbox.popleft()
            if data is None:
                if not self.protocol.eof_received():
                    self.close()
            else:
                self.peer.taken(len(data))
                self.protocol.data_received(data)

    def taken(self, size: int) -> None:
        """The peer has read so many bytes: the window opens."""
        self._in_flight -= size
        if self._buffer:
            self.loop.call_at(self.loop.time() + self._link.latency_s, self._go_on)

    def _go_on(self) -> None:
        if self.is_lost:
            return
        self._pump()
        if self._is_paused and len(self._buffer) <= self._low and not self.is_lost:
            self._is_paused = False
            self.protocol.resume_writing()

    def reset(self) -> None:
        """The connection is broken."""
        self.lose(ConnectionResetError(104, "Connection reset by peer"))

    def lose(self, error: Exception | None) -> None:
        """Tell the protocol that it is over, when all that it was told before has had its effect."""
        if not self.is_lost:
            self.is_lost = self._is_closing = True
            self._buffer.clear()
            self._inbox.clear()
            self._network.forget(self._link)
            self.loop.call_soon(lambda: self.protocol.connection_lost(error))


class Listening:
    """A port that accepts connections, until it is closed or its process dies."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def close(self) -> None:
        if self._network.listening is self:
            self._network.listening = None

    def is_serving(self) -> bool:
        return self._network.listening is self


class Network:
    """Between the clients and the one server of the world."""

    def __init__(self, world: World, weather: Weather) -> None:
        self.world = world
        self.weather = weather
        self.listening: Listening | None = None
        self.cuts = 0
        self._server: tuple[SimulatedLoop, Callable[[], asyncio.Protocol]]
        self._links: dict[Link, None] = {}
        self._made = 0

    def listen(self, loop: SimulatedLoop, factory: Callable[[], asyncio.Protocol]) -> Listening:
        """Accept connections for a process."""
        self._server = (loop, factory)
        self.listening = Listening(self)
        return self.listening

    async def connect(
        self, loop: SimulatedLoop, factory: Callable[[], asyncio.Protocol]
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        """Connect to the server. Raises ConnectionRefusedError."""
        self._made += 1
        link = Link(self.world.random, self.weather, self._made)
        await asyncio.sleep(link.latency_s)
        if self.listening is None:
            await asyncio.sleep(REFUSED_S)
            raise ConnectionRefusedError(111, "Connection refused")
        server_loop, server_factory = self._server
        near, far = End(self, loop, link, "client"), End(self, server_loop, link, "server")
        near.peer, far.peer = far, near
        link.ends = (near, far)
        self._links[link] = None
        near.protocol, far.protocol = factory(), server_factory()
        server_loop.call_soon(far.protocol.connection_made, far)
        near.protocol.connection_made(near)
        return near, near.protocol

    def cut(self, link: Link) -> None:
        """Break a connection: both ends learn of it, each in its own time."""
        if link.is_broken:
            return
        link.is_broken = True
        self.cuts += 1
        self.world.trace(f"connection {link.number} breaks")
        for end in link.ends:
            end.loop.call_later(self.world.random.choice(LATENCIES_S), end.reset)

    def cut_all(self) -> None:
        """Break every connection."""
        for link in list(self._links):
            self.cut(link)

    def forget(self, link: Link) -> None:
        """One end of a connection is gone."""
        if all(end.is_lost for end in link.ends):
            self._links.pop(link, None)

    def lose_machine(self, silent: bool) -> None:
        """The process that listens is dead; `silent`: its machine too, so that nobody says so to the peers."""
        self.listening = None
        for link in self._links:
            near, far = link.ends
            far.is_lost = True
            late = self.world.random.uniform(0.0, SILENCE_S) if silent else link.latency_s
            near.loop.call_later(late, near.reset)
        self._links.clear()
