"""The graceful stop: nothing new is accepted, what is under way is finished, readers are told when to come back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from parlour.log import ERROR, event

_log = logging.getLogger(__name__)

_BATCH = 200
"""Connections told before the loop turns to other work: saying bye costs some ten microseconds each."""


class Drainable(Protocol):
    """What a connection offers. Both are called on the event loop."""

    def drain(self, reconnect_after_ms: int) -> None:
        """End soon: at once when idle, after the answer under way, or by telling the session to say bye."""

    def abort(self) -> None:
        """End now."""


class Drain:
    """The open connections of the process, and their end.

    A connection reports itself with `opened` and `closed`. `fraction` gives numbers in [0, 1): every session is asked
    to come back at its own random moment within `spread_s`, so that they do not all return in the same second.
    """

    __slots__ = ("_done", "_fraction", "_is_hurried", "_spread_s", "connections", "is_draining")

    def __init__(self, fraction: Callable[[], float], spread_s: float = 15.0) -> None:
        self.connections: dict[Drainable, None] = {}  # in the order of their coming
        self._fraction = fraction
        self._spread_s = spread_s
        self.is_draining = False
        """Whether the stop has begun; readiness is its opposite."""
        self._is_hurried = False
        self._done: asyncio.Future[None] | None = None

    def opened(self, connection: Drainable) -> None:
        """A connection was made. One that was accepted in the last moment is drained at once."""
        self.connections[connection] = None
        if self.is_draining:
            asyncio.get_running_loop().call_soon(self._tell, connection)

    def closed(self, connection: Drainable) -> None:
        """A connection is gone."""
        self.connections.pop(connection, None)
        if not self.connections:
            self._finish()

    def hurry(self) -> None:
        """End the wait now, as at the deadline: for a second signal."""
        self._is_hurried = True
        self._finish()

    async def run(self, stop_accepting: Callable[[], None], seconds: float) -> int:
        """Drain, for at most so many seconds; what is left then is aborted. Returns how many had to be. Called once."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        self.is_draining = True
        stop_accepting()
        await self._tell_all(deadline)
        if self.connections and not self._is_hurried:
            self._done = loop.create_future()
            timer = loop.call_at(deadline, self._finish)
            try:
                await self._done
            finally:
                timer.cancel()
        left = list(self.connections)
        for connection in left:
            connection.abort()
        return len(left)

    async def _tell_all(self, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        for index, connection in enumerate(list(self.connections), 1):
            self._tell(connection)
            if index % _BATCH == 0:
                await asyncio.sleep(0)
                if self._is_hurried or loop.time() >= deadline:
                    return

    def reconnect_after_ms(self) -> int:
        """When one session should come back: its own random moment."""
        return int(self._fraction() * self._spread_s * 1000)

    def _tell(self, connection: Drainable) -> None:
        if connection not in self.connections:
            return
        try:
            connection.drain(self.reconnect_after_ms())
        except Exception as error:  # one broken connection does not keep the others from their goodbye
            event(_log, "drain_failed", ERROR, error=error)
            connection.abort()

    def _finish(self) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(None)
