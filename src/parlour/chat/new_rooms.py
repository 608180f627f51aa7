"""How fast rooms come into being, and how many of those that one address made stand at the top of the list of rooms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from parlour.chat.ports import OnAnswer, RoomSummary
from parlour.core.addresses import AddressBuckets
from parlour.core.errors import Refusal
from parlour.core.event import Answer, Appended, Draft
from parlour.core.limits import Buckets, Limits

T = TypeVar("T")

LISTED = 5
"""Rooms of one address that stand in the list by their newest event; its others come behind everybody else's."""

LOOKED_AT = 1024
"""Rooms with the newest events from which a list is made."""

KNOWN = 100_000
"""Rooms of which it is remembered that they exist: a message to any other may be the first of its room."""

MAKERS = 4096
"""Rooms of which it is remembered which address made them, since the start."""


class NewRooms:
    """The rates of making rooms. Whether a room exists is for the store to say: it is asked along with the message."""

    def __init__(self, limits: Limits) -> None:
        self._addresses = AddressBuckets(limits.address_new_rooms_per_s, limits.address_new_rooms_burst)
        self._all = Buckets(limits.new_rooms_per_s, limits.new_rooms_burst)
        self.known: dict[str, None] = {}
        """Rooms that exist, oldest knowledge first."""
        self._makers: dict[str, str] = {}

    def count(self, draft: Draft, address: str, done: OnAnswer, now: float, first_seq: int = 1) -> OnAnswer:
        """Count a message to a room that is not `known` as its first, until the store has said what it was.

        Where the rates allow no more rooms, the store is told to refuse a first message (`Draft.if_first`). Returns
        what is to be called with the answer.
        """
        room = draft.room
        wait = max(self._addresses.wait(address, now), self._all.wait("", now))
        if wait > 0.0:
            detail = "New rooms are made faster than the rate allows; rooms that exist take messages."
            draft.if_first = Refusal("rate_limited", detail, retry_after=wait)
        else:
            self._spend(address, now, 1.0)

        def answered(answer: Answer) -> None:
            is_first = isinstance(answer, Appended) and answer.seq == first_seq and not answer.replay
            if is_first:
                _remember(self._makers, room, address, MAKERS)
            elif draft.if_first is None:
                self._spend(address, now, -1.0)
            if isinstance(answer, Appended):
                _remember(self.known, room, None, KNOWN)
            done(answer)

        return answered

    def not_queued(self, draft: Draft, address: str, now: float) -> None:
        """The store did not even take the message: nothing was counted."""
        if draft.if_first is None:
            self._spend(address, now, -1.0)

    def _spend(self, address: str, now: float, tokens: float) -> None:
        self._addresses.spend(address, now, tokens)
        self._all.spend("", now, tokens)

    def listed(self, rooms: Iterable[RoomSummary]) -> list[RoomSummary]:
        """Rooms in the order of the list: as they come, but those beyond the first LISTED of one address at the end."""
        counts: dict[str, int] = {}
        first: list[RoomSummary] = []
        rest: list[RoomSummary] = []
        for room in rooms:
            maker = self._makers.get(room.room)
            if maker is not None:
                counts[maker] = counts.get(maker, 0) + 1
            (rest if maker is not None and counts[maker] > LISTED else first).append(room)
        return first + rest

    def sizes(self) -> dict[str, int]:
        """How much is remembered."""
        return {"rates_of_making_rooms": len(self._addresses), "rooms_known": len(self.known)}


def _remember(table: dict[str, T], key: str, value: T, most: int) -> None:
    table[key] = value
    if len(table) > most:
        del table[next(iter(table))]
