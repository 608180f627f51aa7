"""How long something lasts: units in milliseconds, and words for people."""

from __future__ import annotations

from math import ceil

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


def duration(seconds: float) -> str:
    """A time to wait, never shorter than it is: `1 second`, `40 seconds`, `3 minutes`."""
    number, unit = max(1, ceil(seconds)), "second"
    if number > 90:
        number, unit = ceil(number / 60), "minute"
    return f"{number} {unit}{'' if number == 1 else 's'}"
