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
        """Count one more. The newest refusal and its address stand in the next line as an example."""
        self._new += 1
        self._all += 1
        self._newest, self._address = refusal, address
        if not self.due:
            self.expire()

    def expire(self) -> None:
        """Write a line: it is the first one, or ten seconds have passed since the last."""
        reason, meaning, address = self._newest.code, self._newest.detail, self._address
        if not self._new:
            event(_log, "connections_refused_no_more", reason=reason, refused=self._all)
            self._all = 0
            return
        new, self._new = self._new, 0
        event(_log, "connections_refused", WARNING, reason=reason, meaning=meaning, refused=new, last_address=address)
        self._wheel.set(self, EVERY_S)
