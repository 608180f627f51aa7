"""Requests that wait for the next event of a room: woken together, but not all in one iteration of the loop."""

from __future__ import annotations

from asyncio import Future
from functools import partial

from parlour.hub.work_queue import WorkQueue


class Waiters:
    """Futures in the order in which they came. All methods are called on the event loop."""

    __slots__ = ("_futures", "_wakeups")

    def __init__(self, wakeups: WorkQueue) -> None:
        self._wakeups = wakeups
        self._futures: dict[Future[bool], None] = {}

    def __len__(self) -> int:
        return len(self._futures)

    def add(self, waiter: Future[bool]) -> None:
        """Resolve a future at the next `release`."""
        self._futures[waiter] = None

    def discard(self, waiter: Future[bool]) -> None:
        """Forget a future, if it is here."""
        self._futures.pop(waiter, None)

    def release(self, has_news: bool) -> None:
        """Resolve all of them."""
        waiters, self._futures = self._futures, {}
        if waiters:
            self._wakeups.run(partial(self._wake, list(waiters), has_news))

    def _wake(self, waiters: list[Future[bool]], has_news: bool) -> int:
        count = self._wakeups.per_slice
        for waiter in waiters[:count]:
            if not waiter.done():
                waiter.set_result(has_news)
        if len(waiters) > count:
            self._wakeups.add(partial(self._wake, waiters[count:], has_news))
        return min(len(waiters), count)
