"""Delays peers that were refused because the server is overloaded, each a little longer than the one before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

STEP_S = 0.004
"""Each peer that is delayed already adds this much to the delay of the next one."""

LONGEST_S = 1.0
"""No delay is longer than the time after which the refusal says to try again."""


@dataclass(slots=True)
class Throttle:
    """Counts the delayed peers of a server: WebSockets that were told `overloaded`, connections that were answered 503.

    Refusing a message costs the loop nearly as much as storing it: peers that send on without reading would keep it
    busy with refusals, and the disk gets one batch per iteration, however long that is.
    """

    step_s: float = STEP_S
    longest_s: float = LONGEST_S
    _count: int = 0

    def delay(self, resume: Callable[[], None]) -> None:
        """Call `resume` once, when this peer may be read from again."""
        self._count += 1
        asyncio.get_running_loop().call_later(min(self.longest_s, self._count * self.step_s), self._end, resume)

    def _end(self, resume: Callable[[], None]) -> None:
        self._count -= 1
        resume()
