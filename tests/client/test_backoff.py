"""Full jitter: the window doubles up to its cap, and what the server asked for is a floor."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from parlour.client.backoff import Backoff

FRACTIONS = st.floats(0, 1, exclude_max=True)


def test_window_doubles_up_to_the_cap() -> None:
    backoff = Backoff(base_s=0.5, cap_s=4.0)
    assert [backoff.delay_s(attempt, 0.5) for attempt in range(6)] == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0]


@given(st.integers(0, 10**6), FRACTIONS, st.floats(0, 600))
def test_delay_stays_between_the_floor_and_the_cap(attempt: int, fraction: float, floor_s: float) -> None:
    assert floor_s <= Backoff().delay_s(attempt, fraction, floor_s) <= floor_s + 30.0
