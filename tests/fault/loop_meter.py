"""Measures what the turns of a server's event loop cost its thread, input by input."""

from __future__ import annotations

import select
import socket
import time
from typing import NamedTuple

from tests.fault.growth import Cost
from tests.support.inprocess import InProcess

LOOK_S = 0.001
"""How often the meter looks, in turns that are shorter: what it says is at most so much too long."""

END_S = 30
QUIET_S = 0.3
"""How long nothing comes before a stream that does not say when it is live counts as answered."""

LIVE = b'"caught_up"'


class Hold(NamedTuple):
    """The longest turn while an input was worked on, in seconds of CPU time, and how many bytes the server sent."""

    seconds: float
    name: str
    answered: int


class LoopMeter:
    """A chain of timers on the server's loop that looks at its thread's CPU time: a busy machine does not count."""

    def __init__(self, server: InProcess) -> None:
        self._server = server
        self._longest = 0.0
        server.call(self._look, None)

    def _look(self, before: float | None) -> None:
        now = time.thread_time()
        if before is not None:
            self._longest = max(self._longest, now - before)
        self._server.loop.call_later(LOOK_S, self._look, now)

    def _take(self) -> float:
        longest, self._longest = self._longest, 0.0
        return longest

    def _begin(self) -> float:
        self._longest = 0.0
        return time.thread_time()

    def _end(self) -> tuple[float, float]:
        return self._longest, time.thread_time()

    def cost(self, data: bytes) -> Cost:
        """What the loop's thread spends on bytes that come on a new connection, which is closed behind them."""
        begun = self._server.call(self._begin)
        pump(self._server.port, data)
        longest, ended = self._server.call(self._end)
        return Cost(longest, ended - begun)

    def feed(self, name: str, data: bytes, *, is_stream: bool = False) -> Hold:
        """Send bytes on a new connection and read what comes, as `pump` does."""
        hold = self.begin(name)
        answered = pump(self._server.port, data, is_stream=is_stream)
        return self.more(hold._replace(answered=answered))

    def begin(self, name: str) -> Hold:
        """Forget what was before."""
        self._server.call(self._take)
        return Hold(0.0, name, 0)

    def more(self, hold: Hold) -> Hold:
        """The same hold, or what it has become since."""
        return hold._replace(seconds=max(hold.seconds, self._server.call(self._take)))


def pump(port: int, data: bytes, *, is_stream: bool = False) -> int:
    """Send and read as the socket allows, both at once; gives how many bytes came.

    The sending side is closed after the last byte, and what comes is read to the end; of a stream until it is live.
    """
    with socket.create_connection(("127.0.0.1", port), END_S) as sock:
        sock.setblocking(False)
        poller = select.poll()
        left = memoryview(data or b"\r\n")  # nothing at all would not end
        received, tail = 0, b""
        deadline = time.monotonic() + END_S
        while not is_stream or LIVE not in tail:
            assert time.monotonic() < deadline, "the server does not come to an end with it"
            poller.register(sock, select.POLLIN | (select.POLLOUT if left else 0))
            ready = dict(poller.poll(QUIET_S * 1000)).get(sock.fileno(), 0)
            if is_stream and not ready:
                break
            try:
                if ready & select.POLLOUT:
                    left = left[sock.send(left) :]
                    if not left and not is_stream:
                        sock.shutdown(socket.SHUT_WR)
                if ready & ~select.POLLOUT:
                    piece = sock.recv(1 << 20)
                    received += len(piece)
                    tail = tail[-64:] + piece
                    if not piece:
                        break
            except OSError:  # the server has had enough
                break
    return received
