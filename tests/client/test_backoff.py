"""Full jitter: the window doubles up to its cap, and what the server asked for is a floor."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from parlour.client.backoff import Backoff


@given(st.integers(0, 10**6), st.floats(0, 600))
def test_delay_is_within_a_window_that_doubles_up_to_the_cap(attempt: int, floor_s: float) -> None:
    window_s = min(4.0, 0.5 * 2 ** min(attempt, 9))
    assert floor_s <= Backoff(base_s=0.5, cap_s=4.0).delay_s(attempt, floor_s) <= floor_s + window_s
