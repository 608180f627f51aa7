"""Runs a piece of work once for the requests that come within a moment: so it runs a few times a second at most."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

GATHER_S = 0.3
"""Between two looks at what has changed: a busy room is told of three times a second, and a thousand together."""

FIRST = 0.1
"""The part of that for which the first who ask wait for others."""


class Gathering:
    """Runs `tell`, which takes what has been gathered, a moment after `soon` was called. On the event loop."""

    def __init__(self, tell: Callable[[], Coroutine[None, None, None]], gather_s: float = GATHER_S) -> None:
        """`gather_s` is between the end of one run of `tell` and the beginning of the next one, in seconds."""
        self._tell = tell
        self._gather_s = gather_s
        self._is_wanted = False
        self._ended_s = float("-inf")  # when the last run did, in the time of the loop
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def soon(self) -> None:
        """Have it done, once more if it is just being done."""
        self._is_wanted = True
        if self._timer is None and self._task is None:
            loop = asyncio.get_running_loop()
            wait_s = max(self._gather_s * FIRST, self._ended_s + self._gather_s - loop.time())
            self._timer = loop.call_later(wait_s, self._begin)

    def _begin(self) -> None:
        self._timer, self._is_wanted = None, False
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            await self._tell()
        finally:
            self._task = None
        self._ended_s = asyncio.get_running_loop().time()
        if self._is_wanted:
            self.soon()

    def close(self) -> None:
        """Do it no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
