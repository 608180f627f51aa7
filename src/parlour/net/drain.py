"""The graceful stop: nothing new is accepted, what is under way is finished, readers learn when to come back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from parlour.log import ERROR, event

_log = logging.getLogger(__name__)

_BATCH = 200
"""Connections drained in one iteration of the loop: saying bye costs some ten microseconds each."""


class Drainable(Protocol):
    """A connection that can be drained. Everything is called on the event loop."""

    def drain(self, reconnect_after_ms: int) -> None:
        """End soon: at once when idle, after the answer under way, or by telling the session to say bye."""

    def abort(self) -> None:
        """End now."""

    def describe(self) -> dict[str, object]:
        """A row of the connection table: what the connection is doing."""


@dataclass(slots=True, eq=False)
class Drain:
    """The open connections of the process, and their end.

    A connection reports itself with `opened` and `closed`. `fraction` gives numbers in [0, 1): every session is asked
    to come back at its own random moment within `spread_s`, so that they do not all return in the same second.
    """

    fraction: Callable[[], float]
    spread_s: float = 15.0
    is_draining: bool = False
    """Whether the stop has begun; readiness is its opposite."""
    connections: dict[Drainable, None] = field(default_factory=dict)
    """In the order of their coming."""
    _end: asyncio.Event = field(default_factory=asyncio.Event)
    """Nobody is connected any more, or nobody is waited for any longer."""

    def opened(self, connection: Drainable) -> None:
        """A connection was made. One that was accepted in the last moment is drained at once."""
        self.connections[connection] = None
        if self.is_draining:
            self._end.clear()
            asyncio.get_running_loop().call_soon(self._tell, connection)

    def closed(self, connection: Drainable) -> None:
        """A connection is gone."""
        self.connections.pop(connection, None)
        if self.is_draining and not self.connections:
            self._end.set()

    def hurry(self) -> None:
        """End the wait now, as at the deadline: for a second signal."""
        self._end.set()

    async def run(self, stop_accepting: Callable[[], None], seconds: float) -> int:
        """Drain, for at most so many seconds; what is left then is aborted. Returns how many had to be. Called once."""
        self.is_draining = True
        stop_accepting()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._tell_all()
                if self.connections:
                    await self._end.wait()
        left = list(self.connections)
        for connection in left:
            connection.abort()
        return len(left)

    async def _tell_all(self) -> None:
        for index, connection in enumerate(list(self.connections), 1):
            self._tell(connection)
            if index % _BATCH == 0:
                await asyncio.sleep(0)
                if self._end.is_set():
                    return

    def reconnect_after_ms(self) -> int:
        """When one session should come back: its own random moment."""
        return int(self.fraction() * self.spread_s * 1000)

    def _tell(self, connection: Drainable) -> None:
        if connection not in self.connections:
            return
        try:
            connection.drain(self.reconnect_after_ms())
        except Exception as error:  # one broken connection does not keep the others from their goodbye
            event(_log, "drain_failed", ERROR, error=error)
            connection.abort()
