"""Transactions: generators that say step by step what to read and to change, and know no database.

    def hide(room: str, seq: int, by: Author) -> Transaction[Appended]:
        yield Redact(room, seq)
        return (yield Append(Draft(room, by, Hidden(), ref=seq)))

A store drives them (`Store.run`): it carries out each step and sends its result in, or throws its Refusal in. All that
a transaction has changed is stored, or nothing of it if it raises.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

from parlour.chat.statements import Query
from parlour.core.accounts import KeptMessages
from parlour.core.errors import Refusal
from parlour.core.event import Draft, Stored


class Append(NamedTuple):
    """Append an event. Gives its `Appended`; raises what an append of the draft is answered with (`Store.append`)."""

    draft: Draft


class Redact(NamedTuple):
    """Remove what an event says, for good. Gives the tombstone (`Stored`) that takes its place, with the same seq.

    Gives None for an event that is one already, and changes nothing. Raises Refusal("gone") if there is no such event.
    """

    room: str
    seq: int


class Erase(NamedTuple):
    """Takes deleted accounts, `accounts` by their ids, out of what the next events of all logs say.

    Their messages are kept under another name, or become tombstones (`schema/erasing.py`). Looks at events of one room
    after the place `position` (0: before the first room), changes at most `limit`, and gives `Erased`.
    """

    accounts: Mapping[str, KeptMessages]
    position: int
    limit: int


class Erased(NamedTuple):
    """How far `Erase` has come: the next `position`, None once there is nothing left; the room, how many of its events
    were looked at and changed, which accounts those named, whether this is the end of the room's log, and what stands
    there now.
    """

    position: int | None
    room: str = ""
    looked_at: int = 0
    changed: int = 0
    accounts: frozenset[str] = frozenset()
    is_end: bool = True
    replaced: Sequence[Stored] = ()


class FindLog(NamedTuple):
    """Gives the extent and the policy of a room (`Log`); Log(1, 0) for a room that has no events."""

    room: str


class Committed(NamedTuple):
    """One transaction of the log of commits: its global position (it grows), and the ranges of seqs it has changed.

    A range is a room, its first and its last seq: events that are new, or have been redacted.
    """

    position: int
    changed: Sequence[tuple[str, int, int]]


class Position(NamedTuple):
    """Gives the position (int) up to which no commit will be added any more; 0 if there is none."""


class CommitsAfter(NamedTuple):
    """Gives the commits after a position, oldest first, at most `limit` (list[Committed])."""

    position: int
    limit: int


class GetCursor(NamedTuple):
    """Gives the position up to which a follower has handled the log of commits (int), or None if it has no cursor."""

    follower: str


class SetCursor(NamedTuple):
    """Moves the cursor of a follower; None removes it. Commits that no cursor needs any more are dropped in time."""

    follower: str
    position: int | None


class NoteOldest(NamedTuple):
    """Remembers when the oldest event of a room may expire, if it is not the only one; None for all rooms."""

    room: str | None


class DropExpired(NamedTuple):
    """Drops at most `limit` events of one noted room that are older than `before_ms`. Gives whether any room was due.

    Times are in milliseconds since 1970. The newest event of a room stays. See `store.rules` for wrong clocks.
    """

    before_ms: int
    now_ms: int
    limit: int


class DropBefore(NamedTuple):
    """Drops the events of a log before `seq`, at most a few thousand; the newest stays."""

    room: str
    seq: int


FollowerStep: TypeAlias = Position | CommitsAfter | GetCursor | SetCursor | NoteOldest
LogStep: TypeAlias = Append | Redact | Erase | FindLog | DropExpired | DropBefore | FollowerStep
Step: TypeAlias = LogStep | Query[Any]
"""Also a statement on the tables of people, with its values: gives its rows."""

T = TypeVar("T")
Transaction: TypeAlias = Generator[Step, Any, T]


def drive(transaction: Transaction[T], perform: Callable[[Step], object]) -> T:
    """Run a transaction to its end, with `perform` for its steps. Raises what it raises, and what `perform` raises.

    A Refusal of a step is thrown into the transaction, which may go on.
    """
    result: object = None
    refusal: Refusal | None = None
    try:
        while True:
            step = transaction.send(result) if refusal is None else transaction.throw(refusal)
            result = refusal = None
            try:
                result = perform(step)
            except Refusal as refused:
                refusal = refused
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        transaction.close()


async def drive_async(transaction: Transaction[T], perform: Callable[[Step], Awaitable[object]]) -> T:
    """The same where `perform` has to be waited for."""
    result: object = None
    refusal: Refusal | None = None
    try:
        while True:
            step = transaction.send(result) if refusal is None else transaction.throw(refusal)
            result = refusal = None
            try:
                result = await perform(step)
            except Refusal as refused:
                refusal = refused
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        transaction.close()
