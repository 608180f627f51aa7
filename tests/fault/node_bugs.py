"""Bugs to put into nodes before they start: what the loop of faults is worth is what it finds.

Each stands in the place of parts of the store on PostgreSQL, and nothing else is changed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from random import Random
from typing import Any

from parlour.chat.ports import Commit
from parlour.core.event import Draft
from parlour.hub.reader import Reader
from parlour.relay.notify import NotifyRelay
from parlour.store.changes import Changes, Outcome
from parlour.store.commit_queue import CommitQueue
from parlour.store.postgres import batch, connect, numbering, store
from parlour.store.postgres import statements as sql
from parlour.store.postgres.batch import EventLog
from parlour.store.postgres.others import OtherNodes
from parlour.store.postgres.store import PostgresStore
from tests.support.node_changes import put, tune

BUGS = __name__

_BLIND_APPEND = (
    sql.APPEND.replace("AND wanted.known = rooms.head", "")
    .replace("ORDER BY rooms.room_no FOR UPDATE OF rooms", "")
    .replace("SET head = wanted.head", "SET head = greatest(rooms.head, wanted.head)")
)
"""Without locks of rooms, and wherever they end."""

_PLACES = "AS e WHERE is_so)"
_DROPPING = _BLIND_APPEND.replace(_PLACES, f"{_PLACES[:-1]} ON CONFLICT (id) DO NOTHING)")
_OVERWRITING = _BLIND_APPEND.replace(
    _PLACES,
    f"""{_PLACES[:-1]} ON CONFLICT (id) DO UPDATE SET at_ms = excluded.at_ms, author = excluded.author,
      key = excluded.key, body = excluded.body, checksum = excluded.checksum)""",
)

ASLEEP_S = 0.3
"""A node that has been away for so long has slept."""


def number_without_the_lock() -> None:
    """A batch is numbered by what the node remembers of its rooms, and stored where there is a place."""
    assert _DROPPING.count("ON CONFLICT") == 1
    sql.APPEND = _DROPPING


def number_before_the_transaction() -> None:
    """The seqs of a batch are taken by a transaction of its own: another batch may be there before it."""
    append = EventLog._append_at_once
    sql.APPEND = _DROPPING

    async def reserve(log: EventLog, drafts: Sequence[Draft], changes: Changes) -> Outcome | None:
        for name in dict.fromkeys(draft.room for draft in drafts):
            room, count = log._rooms[name], sum(draft.room == name for draft in drafts)
            taken = "UPDATE rooms SET head = head + $1 WHERE room_no = $2 RETURNING head"
            room.head = await log._connection.fetchval(taken, count, room.number) - count
        await asyncio.sleep(0.005)
        return await append(log, drafts, changes)

    put(EventLog, "_append_at_once", reserve)


def show_before_the_commit() -> None:
    """Readers are shown an event when it has a number, before it is stored."""
    make, number = PostgresStore.__init__, numbering.number_drafts
    stores: list[PostgresStore] = []

    def remember(self: PostgresStore, *arguments: Any) -> None:
        stores.append(self)
        make(self, *arguments)

    def show(drafts: Sequence[Draft], changes: Changes, *rest: Any) -> Any:
        numbered = number(drafts, changes, *rest)
        CommitQueue._publish(stores[0], Outcome((), [Commit(room, events) for room, events in changes.added.items()]))
        return numbered

    put(PostgresStore, "__init__", remember)
    put(batch, "number_drafts", show)


def acknowledge_before_the_sync() -> None:
    """`synchronous_commit = off`, as on many servers: a commit is on disk a moment after its answer."""
    connect.SETTINGS["synchronous_commit"] = "off"

    async def check(_: object) -> None:
        """Take whatever there is."""

    put(connect, "check", check)
    put(store, "check", check)


def look_at_nothing() -> None:
    """What is not announced is never found, and one announcement in two is lost."""
    _lose_announcements()

    async def trust(self: OtherNodes, _connection: object) -> None:
        self._read_at = self._time()

    put(OtherNodes, "_look", trust)


def believe_announcements() -> None:
    """Up to the newest position that was announced everything is taken for known; one announcement in two is lost."""
    _lose_announcements()
    handle = OtherNodes._handle

    async def believe(self: OtherNodes, connection: Any, rows: Sequence[Any]) -> None:
        await handle(self, connection, rows)
        self._after = max([self._after, *(row[0] for row in rows)])

    put(OtherNodes, "_handle", believe)


def _lose_announcements() -> None:
    publish, random = NotifyRelay.publish, Random(1)

    def lossy(self: NotifyRelay, kind: str, room: str, text: str) -> None:
        if random.random() < 0.5:
            publish(self, kind, room, text)

    put(NotifyRelay, "publish", lossy)


def go_on_after_sleep() -> None:
    """A node that wakes stores the batch in its hand where it had numbered it, and never gives one up."""
    tune(batch_s=600.0)
    append, statement = EventLog._append_plain, sql.APPEND

    async def late(log: EventLog, drafts: Sequence[Draft], now_ms: int) -> Outcome | None:
        at = time.monotonic()
        await asyncio.sleep(0.02)
        if time.monotonic() - at > ASLEEP_S:
            sql.APPEND = _OVERWRITING
            return await log._append_at_once(drafts, Changes(now_ms))
        sql.APPEND = statement
        return await append(log, drafts, now_ms)

    put(EventLog, "_append_plain", late)


def show_what_comes_after_removal() -> None:
    """Live readers go on whatever the policy of their room says."""

    def ignore(self: Reader, room: str) -> None:
        pass

    put(Reader, "policy_changed", ignore)
