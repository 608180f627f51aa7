"""Tells the operator of rooms whose newest event is ahead of the clock; seldom, since it may last for years."""

from __future__ import annotations

import logging
import time

from parlour import log

_log = logging.getLogger("parlour.store")

AHEAD_MS = 60_000
"""A room whose newest event is this far ahead of the clock has seen another clock; less is a step of NTP."""

AHEAD_MEANING = "the clock was wrong when its newest message came, or is now: set it right"

SAY_AHEAD_EVERY_S = 3600.0


class AheadOfClock:
    """Remembers when it last said so."""

    def __init__(self) -> None:
        self._said = -SAY_AHEAD_EVERY_S

    def say(self, room: str, ahead_ms: int) -> None:
        """The newest event of a room is so many milliseconds ahead."""
        now = time.monotonic()
        if ahead_ms > AHEAD_MS and now - self._said >= SAY_AHEAD_EVERY_S:
            self._said = now
            log.event(
                _log, "room_ahead_of_the_clock", log.WARNING, room=room, ahead_s=ahead_ms // 1000, meaning=AHEAD_MEANING
            )
