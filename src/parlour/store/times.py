"""The time that a new event is given: that of the clock, unless the clock is behind the room."""

from __future__ import annotations

HOUR_MS = 3_600_000
"""A clock that is set by no more than this is being set right; by more, it was wrong, before or now."""

WRITTEN_MS = 1_767_225_600_000
"""The beginning of 2026: a clock that shows less is wrong, as that of a machine without a battery before it is set."""

AHEAD_MS = 60_000
"""A room whose newest event is this far ahead of the clock has seen another clock; less is a step of NTP."""

AHEAD_MEANING = (
    "the clock was wrong when its newest message came, or is now; if by more than an hour, new messages take the time"
    " of the clock, else that of the newest one until the clock has reached it"
)


def time_of_next(now_ms: int, newest_ms: int) -> int:
    """Milliseconds since 1970 for an event that follows one of `newest_ms` in its room, while the clock shows `now_ms`.

    Time stands still while the clock is behind. But where a clock was ahead by more than an hour and has been set
    right, the time of the room goes back: else new events would carry a future time for as long as it was ahead.
    """
    if newest_ms <= now_ms or (newest_ms - now_ms > HOUR_MS and now_ms >= WRITTEN_MS):
        return now_ms
    return newest_ms
