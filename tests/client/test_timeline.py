"""No gap and no repeat: what a reader is given, whatever connections do (docs/protocol.md#reading)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.client.timeline import Gap, Timeline
from parlour.core.cursor import Cursor
from parlour.core.event import Author
from parlour.schema.events import CaughtUp, Event, Heartbeat, Reset

ALICE = Author("g_1", "alice", "guest")


def event(seq: int) -> Event:
    return Event("lobby", seq, "message", "2026-11-22T06:41:23.123Z", ALICE, f"text {seq}")


def test_events_pass_once_and_in_order() -> None:
    timeline = Timeline("lobby", Cursor("e", 1))
    assert [timeline.take(event(seq)) for seq in (1, 2, 2, 3, 1)] == [(), (event(2),), (), (event(3),), ()]
    assert timeline.cursor == Cursor("e", 3)


def test_first_event_without_a_cursor_sets_it_and_caught_up_adds_the_epoch() -> None:
    timeline = Timeline("lobby")
    assert timeline.take(event(40)) == (event(40),)
    assert timeline.cursor == Cursor(None, 40)
    assert timeline.take(CaughtUp("lobby", "e.40")) == (CaughtUp("lobby", "e.40"),)
    assert timeline.cursor == Cursor("e", 40)


def test_missing_event_is_a_gap_and_the_cursor_stays_before_it() -> None:
    timeline = Timeline("lobby", Cursor("e", 1))
    with pytest.raises(Gap):
        timeline.take(event(3))
    assert timeline.cursor == Cursor("e", 1)
    assert timeline.take(event(2)) == (event(2),)
    assert timeline.take(event(3)) == (event(3),)


def test_hole_that_is_there_again_after_reconnecting_becomes_a_reset() -> None:
    timeline = Timeline("lobby", Cursor("e", 1))
    with pytest.raises(Gap):
        timeline.take(event(5))
    assert timeline.take(event(5)) == (Reset("lobby", "gap_in_log", "e", 5, 4), event(5))
    assert timeline.cursor == Cursor("e", 5)


@pytest.mark.parametrize("cursor", ["e.3", "e.1", "f.2"])
def test_caught_up_that_contradicts_what_came_is_a_gap(cursor: str) -> None:
    timeline = Timeline("lobby", Cursor("e", 2))
    with pytest.raises(Gap):
        timeline.take(CaughtUp("lobby", cursor))
    assert [type(item) for item in timeline.take(CaughtUp("lobby", cursor))] == [Reset, CaughtUp]


def test_caught_up_without_a_readable_cursor_is_an_error() -> None:
    with pytest.raises(ValueError, match="cursor"):
        Timeline("lobby").take(CaughtUp("lobby", "e.-1"))


@pytest.mark.parametrize(
    ("reason", "extent", "last", "place"),
    [
        ("epoch_changed", (1, 4), 0, 4),
        ("epoch_changed", (1, 4), 3, 1),
        ("epoch_changed", (3, 4), 50, 2),
        ("epoch_changed", (1, 0), 50, 0),
        ("cursor_ahead", (1, 4), 50, 0),
        ("below_retention", (30, 99), 3, 29),
        ("damaged", (13, 12), 50, 12),
    ],
)
def test_reset_moves_the_cursor_before_what_is_still_there(
    reason: str, extent: tuple[int, int], last: int, place: int
) -> None:
    timeline = Timeline("lobby", Cursor("e", 9), last=last)
    reset = Reset("lobby", reason, "f", *extent)
    assert timeline.take(reset) == (reset,)
    assert timeline.cursor == Cursor("f", place)
    assert timeline.take(event(place + 1)) == (event(place + 1),)


def test_heartbeat_may_overtake_one_batch_but_not_two() -> None:
    timeline = Timeline("lobby", Cursor("e", 1))
    beat = Heartbeat({"lobby": 2})
    assert timeline.take(beat) == (beat,)
    timeline.take(event(2))
    timeline.take(beat)
    timeline.take(Heartbeat({"lobby": 3}))
    with pytest.raises(Gap):
        timeline.take(Heartbeat({"lobby": 3}))


@given(st.integers(1, 40), st.lists(st.tuples(st.integers(0, 6), st.integers(0, 12), st.sampled_from([0, 0, 1, 2]))))
def test_log_read_over_broken_connections_arrives_whole(head: int, connections: list[tuple[int, int, int]]) -> None:
    """Each connection replays from before the cursor, leaves something out, and breaks; the last one is sound."""
    timeline = Timeline("lobby", Cursor("e", 0))
    got: list[int] = []
    for again, length, skipped in [*connections, (0, head, 0)]:
        assert timeline.cursor is not None
        start = max(0, timeline.cursor.seq - again)
        seqs = list(range(start + 1, min(head, start + again + length) + 1))
        if skipped and len(seqs) > again + 1:
            del seqs[again + 1 : again + 1 + skipped]
        try:
            for seq in seqs:
                got += [item.seq for item in timeline.take(event(seq)) if isinstance(item, Event)]
        except Gap:
            # A sound connection follows before another one shows the same hole: the log itself is whole.
            timeline.take(event(timeline.cursor.seq + 1))
            got.append(timeline.cursor.seq)
    assert got == list(range(1, head + 1))
