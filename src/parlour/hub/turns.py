"""Lets a few readers at a time catch up in each turn of the loop: a crowd of them must not hold up those who are live.

Each page takes up to 10 ms to read and encode (`hub.subscription.PAGE_BYTES`); a thousand readers that come back at the
same moment would make one turn of the loop out of a thousand pages.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

PAGES = 16
"""Pages written in one turn of the loop: as much as one reader may hold."""


class Turns:
    """A queue of callbacks, first come, first served. All methods are called on the event loop."""

    def __init__(self) -> None:
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
            for _ in range(min(PAGES, len(self._waiting))):
                self._waiting.popleft()()
        finally:
            self._is_due = bool(self._waiting)
            if self._is_due:
                asyncio.get_running_loop().call_soon(self._next)
