"""Times as pages say them to somebody whose time zone is known; static/clock.js says them so for everybody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo


def told_time(at: datetime, now: datetime, zone: tzinfo) -> str:
    """A time in words: `23:07` today, `yesterday 23:07`, `28 Nov, 23:07`, and with its year in another year.

    `at` and `now` are aware. In `UTC` itself, the zone of those who have said none, it is `2026-11-28 22:07 UTC`, which
    the script of the pages finds, and says in the zone of the browser.
    """
    at = at.astimezone(zone)
    if zone is UTC:
        return f"{at:%Y-%m-%d %H:%M %Z}"
    today = now.astimezone(zone).date()
    if at.date() == today:
        return f"{at:%H:%M}"
    if at.date() == today - timedelta(days=1):
        return f"yesterday {at:%H:%M}"
    year = "" if at.year == today.year else f" {at.year}"
    return f"{at.day} {at:%b}{year}, {at:%H:%M}"


def listed_time(at: datetime) -> str:
    """That of a list, where a script says how long ago it was: `28 Nov, 23:07`, of `UTC` itself `28 Nov, 22:07 UTC`."""
    return f"{at.day} {at:%b, %H:%M}{' UTC' if at.tzinfo is UTC else ''}"
