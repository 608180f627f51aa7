"""Keeps the rooms that were active last from the commits: to find them in the database is a look at every room."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from parlour.chat.ports import RoomSummary
from parlour.core.event import NO_POLICY, Log, Policy
from parlour.schema.event_json import at_text

KEPT = 1024
"""Rooms that are kept: a few more than any list shows."""


class Tip(NamedTuple):
    """The end of a room's log: its extent, the time of its newest event in milliseconds since 1970, its policy."""

    room: str
    first_seq: int
    head_seq: int
    at_ms: int
    policy: Policy = NO_POLICY


@lru_cache(2 * KEPT)  # most are the same in the next list, and a thousand take the event loop some milliseconds
def summary(tip: Tip) -> RoomSummary:
    """The same for a list."""
    return RoomSummary(tip.room, Log(tip.first_seq, tip.head_seq, tip.policy), at_text(tip.at_ms))


class RecentRooms:
    """At least the KEPT rooms with the newest events, once `complete` has been called. For the event loop.

    A room that falls out comes back with its next event: only an event can make it one of the newest again.
    """

    def __init__(self) -> None:
        self.is_complete = False
        self._tips: dict[str, Tip] = {}
        self._is_noting = False
        self._trimmed: dict[str, int] = {}  # while the database is read: what it may give out of date

    def begin(self) -> None:
        """Note the changes from now on; what the database says next is completed by them."""
        self._is_noting = True

    def complete(self, tips: Iterable[Tip]) -> None:
        """Add what the database has, read after `begin`: the KEPT newest."""
        if self.is_complete:
            return
        self.is_complete = True
        for tip in tips:
            if tip.room not in self._tips:
                self._tips[tip.room] = tip._replace(first_seq=max(tip.first_seq, self._trimmed.get(tip.room, 1)))
        self._trimmed.clear()

    def note(self, tips: Iterable[Tip]) -> None:
        """These rooms have new events."""
        if self._is_noting:
            for tip in tips:
                self._tips[tip.room] = tip
            if len(self._tips) > 2 * KEPT:
                self._cut()

    def trimmed(self, room: str, first_seq: int) -> None:
        """A room has lost the events before `first_seq`."""
        tip = self._tips.get(room)
        if tip is not None:
            self._tips[room] = tip._replace(first_seq=first_seq)
        elif self._is_noting and not self.is_complete:
            self._trimmed[room] = first_seq

    def newest(self, limit: int) -> list[RoomSummary]:
        """See `Store.rooms`; `limit` is at most KEPT."""
        return [summary(tip) for tip in self._cut()[:limit]]

    def _cut(self) -> list[Tip]:
        """Drop all but the KEPT newest. They are kept in their order, so that it is soon restored."""
        newest = sorted(self._tips.values(), key=lambda tip: (-tip.at_ms, tip.room))[:KEPT]
        self._tips = {tip.room: tip for tip in newest}
        return newest
