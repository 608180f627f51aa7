"""Lines between two programs, with the faults of real ones: they stand still, one way or both, are late, and break."""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path
from random import Random
from typing import TypeAlias

from tests.support.proxy import PIECE, Proxy

Address: TypeAlias = int | Path
"""A port of 127.0.0.1, or a Unix socket."""

RESETS = struct.pack("ii", 1, 0)


class Way(Enum):
    """Where bytes go: from who has connected to whom they wanted, or back."""

    THERE = "there"
    BACK = "back"


BOTH = (Way.THERE, Way.BACK)

Spoil: TypeAlias = Callable[[Way, bytes], bytes]
"""What passes of a piece; may raise Cut."""


class Cut(Exception):
    """The connection ends here, after the bytes `last`."""

    def __init__(self, last: bytes = b"") -> None:
        super().__init__("cut")
        self.last = last


class _Line:
    """One connection: both its ends, and the ways that are open."""

    def __init__(self, near: StreamWriter, far: StreamWriter, stalled: Sequence[Way]) -> None:
        self.ends = (near, far)
        self._is_open = {way: asyncio.Event() for way in BOTH}
        self.allow([way for way in BOTH if way not in stalled])

    def stall(self, ways: Sequence[Way]) -> None:
        for way in ways:
            self._is_open[way].clear()

    def allow(self, ways: Sequence[Way]) -> None:
        for way in ways:
            self._is_open[way].set()

    async def wait(self, way: Way) -> None:
        await self._is_open[way].wait()

    def end(self, resets: bool) -> None:
        for writer in self.ends:
            if resets:
                raw: socket.socket = writer.get_extra_info("socket")
                with suppress(OSError):  # a Unix socket knows no reset
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETS)
                writer.transport.abort()
            else:
                writer.close()


class Lines(Proxy):
    """Forwards each connection to the next of `targets` that takes it. The faults are for all its lines.

    As a context manager it listens on its own `port`.
    """

    def __init__(self, *targets: Address, seed: int = 0) -> None:
        super().__init__()
        self.targets: list[Address] = list(targets)
        self.delays_s = (0.0, 0.0)
        """From how late each piece comes to how late; later ones wait for it."""
        self._random = Random(seed)
        self._stalled: Sequence[Way] = ()
        self._lines: set[_Line] = set()

    # --- faults, from any thread ---

    def stall(self, *ways: Way) -> None:
        """From now on nothing goes these ways, both by default; connections stand, and new ones are made."""
        self._stalled = ways or BOTH
        self._each(lambda line: line.stall(ways or BOTH))

    def forget(self) -> None:
        """Nothing goes over the lines that there are, until `go_on`, and nobody is told; new ones work."""
        self._each(lambda line: line.stall(BOTH))

    def go_on(self) -> None:
        """What stood still comes now, and what comes is not late."""
        self._stalled, self.delays_s = (), (0.0, 0.0)
        self._each(lambda line: line.allow(BOTH))

    def cut(self, resets: bool = False) -> None:
        """End all connections, by a reset or in good order."""
        self._each(lambda line: line.end(resets))

    def _each(self, change: Callable[[_Line], None]) -> None:
        def work() -> None:
            for line in list(self._lines):
                change(line)

        self.call(work)

    # --- on the thread of the proxy ---

    def spoiler(self) -> Spoil:
        """For a new connection: what becomes of its pieces."""
        return lambda _, data: data

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Forward a connection both ways until one end is gone."""
        found = await self._connect()
        if found is None:
            return
        from_target, to_target = found
        line, spoil = _Line(writer, to_target, self._stalled), self.spoiler()
        self._lines.add(line)
        ways = (
            asyncio.create_task(self._copy(line, Way.THERE, spoil, reader, to_target)),
            asyncio.create_task(self._copy(line, Way.BACK, spoil, from_target, writer)),
        )
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._lines.discard(line)
            for way in ways:
                way.cancel()
            to_target.transport.abort()
            writer.close()  # after what was written last
            await asyncio.gather(*ways, return_exceptions=True)

    async def _connect(self) -> tuple[StreamReader, StreamWriter] | None:
        for _ in self.targets:
            self.targets.append(self.targets.pop(0))
            target = self.targets[0]
            with suppress(OSError):
                if isinstance(target, Path):
                    return await asyncio.open_unix_connection(str(target))
                return await asyncio.open_connection("127.0.0.1", target)
        return None

    async def _copy(self, line: _Line, way: Way, spoil: Spoil, reader: StreamReader, writer: StreamWriter) -> None:
        while data := await self._piece(line, way, reader):
            try:
                writer.write(spoil(way, data))
            except Cut as cut:
                writer.write(cut.last)
                return
            await writer.drain()

    async def _piece(self, line: _Line, way: Way, reader: StreamReader) -> bytes:
        """What comes next, when it may pass; that the connection has ended comes over the line too."""
        try:
            data = await reader.read(PIECE)
        except OSError:
            data = b""
        if self.delays_s[1]:
            await asyncio.sleep(self._random.uniform(*self.delays_s))
        await line.wait(way)
        return data
