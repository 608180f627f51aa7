"""What cannot be undone does not happen for a clock that was set forward by mistake."""

from __future__ import annotations

import pytest

from parlour.core.durations import DAY_MS as DAY
from parlour.work.retention import CautiousTime


def test_a_clock_that_was_set_forward_is_believed_after_a_day(caplog: pytest.LogCaptureFixture) -> None:
    wall, monotonic = 1_000 * DAY, 50.0
    time = CautiousTime(lambda: wall, lambda: monotonic)

    def later(days: float, jump_days: float = 0) -> float:
        """The days since the beginning."""
        nonlocal wall, monotonic
        monotonic += days * 86_400
        wall += round((days + jump_days) * DAY)
        return round(time() / DAY - 1_000, 6)

    assert [later(0), later(0.01), later(5), later(0.5)] == [0, 0.01, 5.01, 5.51]
    assert [later(0, 365), later(0.25), later(0.7)] == [5.51, 5.76, 6.46], "a year in doubt"
    assert later(0, -365) == 6.46, "and right again"
    assert later(0, -365) == 6.46 - 365, "a clock that goes back keeps more"
    assert [later(0, 365), later(0.9), later(0, 10), later(0.2)] == [6.46 - 365, 7.36 - 365, 7.36 - 365, 17.56]
    assert later(1) == 18.56
    assert len(caplog.records) == 2
