"""The marks that a move writes into the table `meta` of both places, and what a server that starts there says."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote
from typing import NamedTuple

from parlour.store.errors import StoreError

MOVING = "moving"
"""In the place that is moved from, while that goes on: the id of the move. A server that starts there ends the move."""

MOVED = "moved"
"""In the place that was moved from: the id, and where to. No server starts there."""

UNFINISHED = "unfinished"
"""In the place that is moved to, until it is whole: the id, and where from. No server starts there."""

MARKS = frozenset({MOVING, MOVED, UNFINISHED})


class Mark(NamedTuple):
    """The value of `MOVED` or `UNFINISHED`: the id of the move, and the other place."""

    id: str
    place: str

    @classmethod
    def read(cls, value: object) -> Mark:
        """From `meta`."""
        move, _, place = str(value).partition(" ")
        return cls(move, place)

    def __str__(self) -> str:
        return f"{self.id} {self.place}"


def refuse_moved(meta: Mapping[str, object], where: str) -> None:
    """Raise StoreError if the data at `where` was moved away: two servers would continue one log."""
    if MOVED in meta:
        place = Mark.read(meta[MOVED]).place
        raise StoreError(
            f"What is at {where} was moved to {place}: start the server there. To go back to what it was before that:"
            f" `parlour move --undo --from {quote(where)}`."
        )


def refuse_unfinished(meta: Mapping[str, object], where: str) -> None:
    """Raise StoreError if only a part of what shall be at `where` is there."""
    if UNFINISHED in meta:
        place = Mark.read(meta[UNFINISHED]).place
        raise StoreError(
            f"The move from {place} to here is not finished: give `parlour move --from {quote(place)} --to"
            f" {quote(where)}` again, or start the server at {place}."
        )
