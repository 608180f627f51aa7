"""Keeps the rooms that were active last from the commits: to find them in the database is to look at every room."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from parlour.chat.ports import RoomSummary
from parlour.core.event import Log
from parlour.core.names import PRIVATE
from parlour.schema.event_json import at_text

UNLISTED = (".", PRIVATE)
"""How names begin that no list of the newest rooms has: logs of something else, and private rooms."""


class RoomHead(NamedTuple):
    """A room's log: its extent, and the time of its newest event in milliseconds since 1970."""

    room: str
    first_seq: int
    head_seq: int
    at_ms: int


@lru_cache(2048)  # most are the same in the next list; a thousand take milliseconds
def summary(head: RoomHead) -> RoomSummary:
    """The same for a list."""
    return RoomSummary(head.room, Log(head.first_seq, head.head_seq), at_text(head.at_ms))


class RecentRooms:
    """At least the `kept` rooms with the newest events, once `complete` has been called. For the event loop."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self.is_complete = False
        self._heads: dict[str, RoomHead] = {}
        self._is_following = False
        self._trimmed: dict[str, int] = {}  # while the database is read: what it may give out of date

    def begin(self) -> None:
        """Follow the changes from now on; they complete what the database says next."""
        self._is_following = True

    def complete(self, heads: Iterable[RoomHead]) -> None:
        """Add what the database has, read after `begin`: the `kept` newest."""
        if self.is_complete:
            return
        self.is_complete = True
        for head in heads:
            if head.room not in self._heads:
                self._heads[head.room] = head._replace(first_seq=max(head.first_seq, self._trimmed.get(head.room, 1)))
        self._trimmed.clear()

    def add(self, heads: Iterable[RoomHead]) -> None:
        """These rooms have new events."""
        if self._is_following:
            for head in heads:
                if not head.room.startswith(UNLISTED):
                    self._heads[head.room] = head
            if len(self._heads) > 2 * self._kept:
                self._cut()

    def trimmed(self, room: str, first_seq: int) -> None:
        """A room has lost the events before `first_seq`."""
        head = self._heads.get(room)
        if head is not None:
            self._heads[room] = head._replace(first_seq=first_seq)
        elif self._is_following and not self.is_complete:
            self._trimmed[room] = first_seq

    def newest(self, limit: int) -> list[RoomSummary]:
        """See `Store.rooms`; `limit` is at most `kept`."""
        rooms = self._cut()
        return [summary(head) for head in rooms[:limit]]

    def _cut(self) -> list[RoomHead]:
        """Drop all but the `kept` newest, kept in their order; one that falls out comes back with its next event."""
        newest = sorted(self._heads.values(), key=lambda head: (-head.at_ms, head.room))[: self._kept]
        self._heads = {head.room: head for head in newest}
        return newest
