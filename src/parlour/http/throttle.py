"""Delays peers that were refused because the server is overloaded, each a little longer than the one before."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

STEP_S = 0.004
"""A peer is resumed this long after the one that was delayed before it."""

LONGEST_S = 1.0
"""No delay is longer than the time after which the refusal says to try again."""


@dataclass(slots=True)
class Throttle:
    """The delayed peers of a server: WebSockets that were told `overloaded`, connections that were answered 503.

    Refusing a message costs the loop nearly as much as storing it: peers that send on without reading would keep it
    busy with refusals, and the disk gets one batch per iteration, however long that is. They resume in the order in
    which they were delayed, which one timer each would not promise: a loop counts each from a moment of its own.
    """

    step_s: float = STEP_S
    longest_s: float = LONGEST_S
    _last_at_s: float = 0.0
    """When the peer that was delayed last resumes, by the clock of the loop."""
    _delayed: deque[tuple[float, Callable[[], None]]] = field(default_factory=deque)

    def delay(self, resume: Callable[[], None]) -> None:
        """Call `resume` once, when this peer may be read from again."""
        now_s = asyncio.get_running_loop().time()
        self._last_at_s = min(now_s + self.longest_s, max(now_s, self._last_at_s) + self.step_s)
        self._delayed.append((self._last_at_s, resume))
        if len(self._delayed) == 1:
            self._wait()

    def _wait(self) -> None:
        asyncio.get_running_loop().call_at(self._delayed[0][0], self._resume_due)

    def _resume_due(self) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        while self._delayed and self._delayed[0][0] <= now_s:
            loop.call_soon(self._delayed.popleft()[1])
        if self._delayed:
            self._wait()
