"""Spreads work over iterations of the event loop, so that much of it does not hold up everybody else."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

Work = Callable[[], int]
"""Does one piece and returns how much it was, in the unit of the queue. No piece may hold the loop by itself."""


class WorkQueue:
    """First come, first served. All methods are called on the event loop.

    In one iteration queued work runs until it adds up to `per_slice`; the last piece may exceed it. `at_once` is how
    much runs in one iteration without being queued.
    """

    def __init__(self, per_slice: int, at_once: int = 0) -> None:
        self.per_slice = per_slice
        self._at_once = at_once
        self._done = 0  # in this iteration
        self._waiting: deque[Work] = deque()
        self._is_scheduled = False

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, work: Work) -> None:
        """Run it in a later iteration of the loop."""
        self._waiting.append(work)
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._run_slice)

    def run(self, work: Work) -> None:
        """Run it before this returns; or in a later iteration, if much has been done in this one."""
        if self._done >= self._at_once:
            self.add(work)
        else:
            self._count(work())

    def _run_slice(self) -> None:
        done = 0
        try:
            for _ in range(len(self._waiting)):  # not those that are added meanwhile
                done += self._waiting.popleft()()
                if done >= self.per_slice:
                    break
        finally:
            self._count(done)
            self._is_scheduled = bool(self._waiting)
            if self._is_scheduled:
                asyncio.get_running_loop().call_soon(self._run_slice)

    def _count(self, done: int) -> None:
        if self._at_once and not self._done:
            asyncio.get_running_loop().call_soon(self._reset_count)
        self._done += done

    def _reset_count(self) -> None:
        self._done = 0
