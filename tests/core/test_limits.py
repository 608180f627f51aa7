"""Every limit explains itself, and a bucket lets through exactly its burst and its rate."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.core.limits import Buckets, Limits, limit_rows, share_of


def test_every_limit_has_a_value_and_a_reason() -> None:
    rows = limit_rows(Limits())
    assert [row.name for row in rows] == [field.name for field in fields(Limits)]
    for row in rows:
        assert row.value > 0
        assert row.help.endswith(".")
        assert row.unit in ("bytes", "characters", "lines", "seconds", "")
    units = {row.name: row.unit for row in rows}
    assert units["text_bytes"] == "bytes"
    assert units["keep_alive_s"] == "seconds"
    assert units["sends_per_s"] == ""


def test_limits_are_set_once_and_the_contract_s_own_never() -> None:
    limits = Limits(sends_per_s=5)
    assert {row.name: row.value for row in limit_rows(limits)}["sends_per_s"] == 5
    with pytest.raises(FrozenInstanceError):
        limits.sends_burst = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        Limits(text_bytes=9)


def test_nodes_share_what_is_allowed_to_many_people_and_not_what_is_allowed_to_one() -> None:
    whole = Limits(room_sends_per_s=100, room_sends_burst=300, new_rooms_burst=2, sends_per_s=2)
    share = share_of(whole, 4)
    assert (share.room_sends_per_s, share.room_sends_burst, share.new_rooms_burst) == (25, 75, 1)
    changed = {row.name for row, own in zip(limit_rows(whole), limit_rows(share), strict=True) if row != own}
    assert all(name.startswith(("room_", "new_rooms", "registrations_")) for name in changed)
    assert share_of(whole, 1) == whole


def test_a_bucket_gives_its_burst_then_its_rate() -> None:
    buckets = Buckets(2, 10)
    assert [buckets.take("a", 100.0) for _ in range(10)] == [0.0] * 10
    assert buckets.take("a", 100.0) == pytest.approx(0.5)
    assert buckets.take("a", 100.3) == pytest.approx(0.2)
    assert buckets.take("a", 100.5) == 0.0
    assert buckets.take("a", 100.5) == pytest.approx(0.5)
    assert buckets.take("b", 100.5) == 0.0, "another key has its own bucket"


def test_a_refusal_takes_nothing() -> None:
    buckets = Buckets(1, 1)
    assert buckets.take("a", 0.0) == 0.0
    for _ in range(100):
        assert buckets.take("a", 0.5) == pytest.approx(0.5)
    assert buckets.take("a", 1.0) == 0.0


def test_a_long_pause_fills_the_bucket_but_no_further() -> None:
    buckets = Buckets(2, 3)
    buckets.take("a", 0.0)
    assert [buckets.take("a", 1e6) for _ in range(4)][:3] == [0.0] * 3
    assert buckets.take("a", 1e6) > 0.0


def test_the_key_unused_for_longest_is_forgotten_first() -> None:
    buckets = Buckets(1, 1, capacity=3)
    for key in "abc":
        assert buckets.take(key, 0.0) == 0.0
    assert buckets.take("a", 1.0) == 0.0  # a is used again, so b is now the oldest
    assert buckets.take("d", 1.0) == 0.0
    assert len(buckets) == 3
    assert buckets.take("a", 1.0) > 0.0
    assert buckets.take("c", 0.5) > 0.0
    assert buckets.take("b", 0.5) == 0.0


@given(
    st.integers(1, 50),
    st.integers(1, 20),
    st.lists(st.floats(0, 3, allow_nan=False), max_size=200),
)
def test_no_window_ever_holds_more_than_burst_and_rate(per_second: int, burst: int, pauses: list[float]) -> None:
    buckets = Buckets(per_second, burst)
    now = 1000.0
    taken: list[float] = []
    for pause in pauses:
        now += pause
        wait = buckets.take("a", now)
        if wait == 0.0:
            taken.append(now)
        else:
            assert buckets.take("a", now + wait) == 0.0, "the wait that was told is enough"
            taken.append(now + wait)
            now += wait
    for index, start in enumerate(taken):
        for count, end in enumerate(taken[index:], 1):
            assert count <= burst + per_second * (end - start) + 1e-6
