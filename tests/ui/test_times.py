"""How pages say times to somebody with a time zone; of the browser, tests/ui/node/clock.test.js."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from parlour.ui.times import listed_time, told_time

NOW = datetime(2026, 11, 30, 22, 30, tzinfo=UTC)  # half past eleven in the evening in Prague


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-11-29T23:00Z", "00:00"),
        ("2026-11-30T22:07Z", "23:07"),
        ("2026-11-29T22:59Z", "yesterday 23:59"),
        ("2026-11-28T22:59Z", "28 Nov, 23:59"),
        ("2026-11-30T23:01Z", "1 Dec, 00:01"),
        ("2025-12-31T22:59Z", "31 Dec 2025, 23:59"),
        ("2026-12-31T23:00Z", "1 Jan 2027, 00:00"),
    ],
)
def test_a_time_is_told_by_the_day_of_whoever_reads(at: str, words: str) -> None:
    assert told_time(datetime.fromisoformat(at), NOW, ZoneInfo("Europe/Prague")) == words


def test_whoever_has_no_time_zone_is_told_a_time_in_utc() -> None:
    assert told_time(NOW, NOW, UTC) == "2026-11-30 22:30 UTC"
    assert told_time(NOW, NOW, ZoneInfo("UTC")) == "22:30"
    assert listed_time(NOW) == "30 Nov, 22:30 UTC"
    assert listed_time(NOW.astimezone(ZoneInfo("Europe/Prague"))) == "30 Nov, 23:30"
