"""Does a little in each turn of the loop of what is much together: a crowd of readers must not hold up everybody else.

Those who catch up: a page takes up to 10 ms to read and encode (`hub.subscription.PAGE_BYTES`), and a thousand readers
that come back at the same moment would make one turn of the loop out of a thousand pages. And the shares of large rooms
(`hub.share`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

PAGES = 16
"""Pages written in one turn of the loop to those who catch up: as much as one reader may hold."""


class Turns:
    """A queue of callbacks, first come, first served, so many at a time. All methods are called on the event loop."""

    def __init__(self, at_a_time: int) -> None:
        self._at_a_time = at_a_time
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_due = False

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, callback: Callable[[], None]) -> None:
        """Call back when it is this one's turn, in a later turn of the loop."""
        self._waiting.append(callback)
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        try:
            for _ in range(min(self._at_a_time, len(self._waiting))):
                self._waiting.popleft()()
        finally:
            self._is_due = bool(self._waiting)
            if self._is_due:
                asyncio.get_running_loop().call_soon(self._next)
