"""Times to wait, in words."""

from __future__ import annotations

import pytest

from parlour.core.durations import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "1 second"), (0.4, "1 second"), (1.1, "2 seconds"), (90, "90 seconds"), (90.5, "2 minutes"),
     (121, "3 minutes"), (900, "15 minutes")],
)  # fmt: skip
def test_time_to_wait_is_never_said_to_be_shorter_than_it_is(seconds: float, words: str) -> None:
    assert duration(seconds) == words
