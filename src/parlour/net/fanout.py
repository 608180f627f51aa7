"""Writes one batch to many sockets by one call into C, past their transports; where that cannot be, one by one."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
from array import array
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol, cast

from parlour.hub.writable import Writable, Write, one_by_one

log = logging.getLogger("parlour.net")

Send = Callable[[int, int, int, bytes, int, int, int], int]
"""`parlour_fan_out`, pointers as integers."""

LIBRARY = Path(__file__).with_name("_fanout.so")
"""Compiled from fanout.c by tools/environment.py."""

FEWEST = 6
"""Readers for whom the call into C is worth its price, which is that of two writes."""

MOST_DESCRIPTORS = 1 << 20


class Line(Writable, Protocol):
    """A connection that has enlisted."""

    def write(self, data: bytes | memoryview) -> None:
        """Write by way of the transport."""

    def buffered(self) -> int:
        """Bytes that its transport has."""


class FanOut:
    """Writing to many connections of one process at once. All methods are called on the event loop.

    A transport's `write` costs a quarter of what the kernel takes for the same (docs/decisions/0011-fan-out-in-c.md).
    Past a transport a batch may go only while that has nothing to send itself: `busy` marks, by descriptor, to whom
    something was written otherwise since. A descriptor stays open until `connection_lost` has returned: by then its
    subscriptions have left their rooms, so none is written to after it has become somebody else's.
    Without a library that can be loaded nobody enlists, and everything is written one by one.
    """

    def __init__(self, library: Path | None = LIBRARY) -> None:
        self.send = None if library is None else _load(library)
        self.busy = bytearray(0 if self.send is None else MOST_DESCRIPTORS)

    def enlist(self, transport: asyncio.Transport) -> int:
        """The descriptor under which a connection may be written to past its transport; -1 if it may not, as over TLS.

        From here on whoever writes to the transport marks it in `busy` before.
        """
        socket = transport.get_extra_info("socket")
        if self.send is None or socket is None or transport.get_extra_info("sslcontext") is not None:
            return -1
        descriptor = int(socket.fileno())
        if not 0 <= descriptor < len(self.busy):
            return -1
        self.busy[descriptor] = 1
        return descriptor

    def make_write(self, sinks: Sequence[Writable]) -> Write:
        """One `Write` for many sinks (a `hub.writable.MakeWrite`)."""
        lines = [cast(Line, sink) for sink in sinks if sink.descriptor >= 0]
        if self.send is None or len(lines) < FEWEST:
            return one_by_one(sinks)
        rest = [sink for sink in sinks if sink.descriptor < 0]
        return _FanOutWrite(self.send, self.busy, lines, one_by_one(rest)).write


class _FanOutWrite:
    """The `Write` of many lines, and of others that must be written one by one."""

    def __init__(self, send: Send, busy: bytearray, lines: Sequence[Line], others: Write) -> None:
        self._send = send
        self._busy = busy
        self._lines = lines
        self._others = others
        self._descriptors = array("i", [line.descriptor for line in lines])
        self._left = array("I", bytes(4 * len(lines)))
        self._sent = array("L", bytes(8 * len(lines)))
        busy_at = ctypes.addressof(ctypes.c_char.from_buffer(busy))
        self._before = (self._descriptors.buffer_info()[0], len(lines), busy_at)
        self._after = (self._left.buffer_info()[0], self._sent.buffer_info()[0])

    def write(self, data: bytes) -> Sequence[Writable]:
        """Write a batch to everyone."""
        left = self._send(*self._before, data, len(data), *self._after)
        failed = list(self._others(data))
        for line, sent in [(self._lines[self._left[i]], self._sent[i]) for i in range(left)]:
            try:
                self._write_one(line, data, sent)
            except Exception:
                log.exception("write_failed")
                failed.append(line)
        return failed

    def _write_one(self, line: Line, data: bytes, sent: int) -> None:
        """What the kernel did not take goes to the transport, behind what that has; it also reports errors."""
        descriptor = line.descriptor
        if self._busy[descriptor] and not line.buffered():
            self._busy[descriptor] = 0
            with suppress(OSError):
                sent = os.write(descriptor, data)
        if sent < len(data):
            line.write(memoryview(data)[sent:] if sent else data)  # a copy for each slow reader would add up


def _load(library: Path) -> Send | None:
    """The function of fanout.c. It keeps the GIL: to win it back from another thread may take 5 ms."""
    try:
        function = ctypes.PyDLL(str(library)).parlour_fan_out
    except (OSError, AttributeError):
        return None
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    function.restype = size
    function.argtypes = (pointer, size, pointer, ctypes.c_char_p, size, pointer, pointer)
    return cast(Send, function)
