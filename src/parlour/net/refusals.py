"""Says in the log that connections are refused: at the first one, every ten seconds while it goes on, at the end."""

from __future__ import annotations

import logging

from parlour.core.errors import Refusal
from parlour.log import WARNING, event
from parlour.net.deadlines import Wheel

_log = logging.getLogger("parlour.net")

EVERY_S = 10
"""Between two lines: a flood of connections must not become a flood of lines."""


class RefusalLog:
    """Of the refusals with one code. An entry of the wheel (`net.deadlines.Entry`) while any were made lately."""

    def __init__(self, wheel: Wheel) -> None:
        self.due = self.bucket = 0
        self._wheel = wheel
        self._new = self._all = 0

    def refused(self, refusal: Refusal, address: str) -> None:
        """One more; the address is that of an example."""
        self._new += 1
        self._all += 1
        if not self.due:
            self._say(refusal.code, refusal.detail, address)
        self._last = (refusal.code, refusal.detail, address)

    def expire(self) -> None:
        """Ten seconds have passed since the last line."""
        if self._new:
            self._say(*self._last)
        else:
            event(_log, "connections_refused_no_more", reason=self._last[0], refused=self._all)
            self._all = 0

    def _say(self, code: str, detail: str, address: str) -> None:
        event(
            _log, "connections_refused", WARNING, reason=code, meaning=detail, refused=self._new, last_address=address
        )
        self._new = 0
        self._wheel.set(self, EVERY_S)
