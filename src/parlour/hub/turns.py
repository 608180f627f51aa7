"""Does a little in each turn of the loop of what is much together: a crowd of readers must not hold up everybody else.

Those who catch up: a page takes up to 10 ms to read and encode (`hub.subscription.PAGE_BYTES`), and a thousand readers
that come back at the same moment would make one turn of the loop out of a thousand pages. The shares of rooms
(`hub.share`). And the requests that wait for news.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

PAGES = 16
"""Pages written in one turn of the loop to those who catch up: as much as one reader may hold."""

WOKEN = 200
"""Requests that wait for news and are woken before others have their turn: each has a page to make."""

Work = Callable[[], int]
"""Does something in one go and returns how much it was; the unit is the queue's. None may be so much that it holds the
loop by itself."""


class Turns:
    """A queue of work, first come, first served. All methods are called on the event loop.

    In one turn of the loop so much of it is done that it is `enough`, and whatever the last work had to do beyond that.
    `at_once` is how much is done in one turn before work that need not wait has to wait all the same.
    """

    def __init__(self, enough: int, at_once: int = 0) -> None:
        self._enough = enough
        self._at_once = at_once
        self._done = 0  # in this turn of the loop
        self._waiting: deque[Work] = deque()
        self._is_due = False

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, work: Work) -> None:
        """Do it when it has its turn, in a later turn of the loop."""
        self._waiting.append(work)
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._next)

    def take_now(self, work: Work) -> None:
        """Do it before this returns; later, if much has been done in this turn of the loop already."""
        if self._done >= self._at_once:
            self.take(work)
        else:
            self._count(work())

    def _next(self) -> None:
        done = 0
        try:
            for _ in range(len(self._waiting)):  # not those who come meanwhile
                done += self._waiting.popleft()()
                if done >= self._enough:
                    break
        finally:
            self._count(done)
            self._is_due = bool(self._waiting)
            if self._is_due:
                asyncio.get_running_loop().call_soon(self._next)

    def _count(self, done: int) -> None:
        if self._at_once and not self._done:
            asyncio.get_running_loop().call_soon(self._forget)
        self._done += done

    def _forget(self) -> None:
        """The turn of the loop that was counted is over."""
        self._done = 0
