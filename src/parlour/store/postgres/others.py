"""Commits of other nodes: they announce their positions, and the log of commits says what those are.

Announcements travel by the relay. They may be lost, repeated, late or out of order. So the log is read in any case once
a second, up to where nothing can be added any more (docs/decisions/0026-nodes.md).
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Task
from collections.abc import Sequence
from typing import Any, Protocol

import asyncpg

from parlour.chat.ports import Clock, Commit, Relay
from parlour.core.errors import Refusal
from parlour.core.event import Stored
from parlour.core.payloads import SERVER_LOG
from parlour.core.policy import Policy
from parlour.schema.event_json import sets_policy
from parlour.store.changes import Outcome
from parlour.store.checksums import checksum, room_crc
from parlour.store.errors import StoreError
from parlour.store.policy_columns import policy_of
from parlour.store.postgres import statements as sql
from parlour.store.postgres.connect import GONE
from parlour.store.postgres.home import Home
from parlour.store.postgres.ranges import Kind, Range, read_ranges
from parlour.store.postgres.tuning import PostgresTuning
from parlour.store.recent import RoomHead

_log = logging.getLogger("parlour.store")

ROWS = 1000
"""Of the log of commits, read or dropped at once."""

TIMEOUT_S = 10.0
"""The line stands still if a statement takes longer."""

KIND = "commit"
"""Of the notices: each is the position of a commit that has changed a room, or of one that concerns every node."""

MAX_POSITION = 2**63 - 1

HEARD_MOST = 10_000
"""Announcements that wait to be looked up; the log of commits has those that are too many."""

NAMES_KEPT = 100_000

LOST_AFTER_S = 1800.0
"""A node that could not read the log of commits for so long may have missed what has been dropped of it."""


class Listener(Protocol):
    """A listener to other nodes; all methods are called on the event loop."""

    def policy_seq(self, room: str) -> int:
        """The seq of the newest policy of a room that was told; 0 if there was none."""

    def policy_changed(self, room: str, policy: Policy) -> None:
        """The newest policy of a room."""

    def head_moved(self, head: RoomHead) -> None:
        """A room has new events."""

    def event_redacted(self, room: str, event: Stored) -> None:
        """Another event stands in the place of one."""

    def log_trimmed(self, room: str, first_seq: int) -> None:
        """A room has lost the events before a seq."""

    async def server_log_changed(self, connection: asyncpg.Connection[Any]) -> None:
        """The server's log has new events, to be read through this connection. Raises Refusal."""

    def fell_too_far_behind(self) -> None:
        """This node may have missed something for good."""


class OtherNodes:
    """Hears of other nodes, and tells them of this one. `run` goes on until it is cancelled."""

    def __init__(
        self,
        home: Home,
        node: str,
        listener: Listener,
        relay: Relay,
        clock: Clock,
        tuning: PostgresTuning,
    ) -> None:
        self._home, self._kept, self._node, self._listener = home, home.kept, node, listener
        self._relay, self._clock, self._tuning = relay, clock, tuning
        relay.listen(KIND, self._hear)
        self._time = asyncio.get_running_loop().time
        self._commits_crc = room_crc(home.kept.seed, "")
        self._after = 0  # the log of commits has been read up to here
        self._handled: set[int] = set()  # after that, those that have been told
        self._heard: set[int] = set()  # announced, and not handled yet
        self._names: dict[int, str] = {}
        self._has_news = asyncio.Event()
        self._read_at = self._dropped_at = 0.0
        self.task: Task[None] | None = None

    async def begin(self, connection: asyncpg.Connection[Any]) -> int:
        """Note where the log of commits ends, and give that position. Raises asyncpg.PostgresError."""
        self._after = await connection.fetchval(sql.POSITION, self._kept.offset)
        self._read_at = self._time()
        return self._after

    def is_hearing(self) -> bool:
        """Whether the database has answered not long ago."""
        return self.task is None or self._time() - self._read_at < TIMEOUT_S

    def announce(self, position: int, outcome: Outcome) -> None:
        """Tell the others of a commit of this node: those who read a room there, or all if it is of that kind."""
        text = str(position)
        if outcome.redacted or outcome.trimmed or any(_is_for_all(commit) for commit in outcome.commits):
            self._relay.publish(KIND, "", text)
        else:
            for room, _ in outcome.commits:
                self._relay.publish(KIND, room, text)

    async def run(self) -> None:
        """Follow the others, also after the connection was lost."""
        while True:
            try:
                connection = await self._home.connection(TIMEOUT_S)
                try:
                    await self._follow(connection)
                finally:
                    self._heard = set()  # the log of commits has them
                    connection.terminate()
            except (Refusal, StoreError, asyncpg.PostgresError, *GONE) as error:
                _log.debug("other nodes cannot be heard: %s", error)
            except Exception:
                _log.exception("other nodes could not be followed")
            await asyncio.sleep(self._tuning.look_s / 4)

    def _hear(self, _room: str, text: str) -> None:
        position = int(text)
        if 0 < position <= MAX_POSITION and len(self._heard) < HEARD_MOST:
            self._heard.add(position)
            self._has_news.set()

    async def _follow(self, connection: asyncpg.Connection[Any]) -> None:
        look_at = 0.0
        while True:
            if (left := look_at - self._time()) > 0:
                try:
                    async with asyncio.timeout(left):
                        await self._has_news.wait()
                except TimeoutError:
                    pass
            self._has_news.clear()
            if self._heard:
                heard, self._heard = self._heard, set()
                rows = await connection.fetch(sql.COMMITS_AT, list(heard), self._node)
                await self._handle(connection, rows)
            if look_at <= self._time():
                await self._look(connection)
                look_at = self._time() + self._tuning.look_s

    async def catch_up(self, connection: asyncpg.Connection[Any]) -> None:
        """Tell of all that has been committed by now. Raises Refusal, asyncpg.PostgresError."""
        await self._handle(connection, await connection.fetch(sql.COMMITS_SEEN, self._after, self._node))

    async def renamed(self, connection: asyncpg.Connection[Any], before: str, node: str, after: int) -> None:
        """This node commits as `node` from here on: tell of what it did as `before` after a position.

        What becomes of that later is told as if another node had done it. Raises Refusal, asyncpg.PostgresError.
        """
        self._node = node
        if ranges := self._ranges(await connection.fetch(sql.COMMITS_OF, after, before)):
            await self._tell_of(connection, ranges)

    async def _look(self, connection: asyncpg.Connection[Any]) -> None:
        """Read the log of commits: what was not announced here is handled now."""
        if self._time() - self._read_at > LOST_AFTER_S:
            self._listener.fell_too_far_behind()
        rows: Sequence[Any] = ()
        # Nothing is added up to here any more: own commits too, which are not read.
        until = await connection.fetchval(sql.POSITION, self._kept.offset)
        while True:
            rows = await connection.fetch(sql.COMMITS_OF_OTHERS, self._after, self._kept.offset, self._node, ROWS)
            await self._handle(connection, rows)
            self._after = max(self._after, rows[-1][0] if rows else until)
            if len(rows) < ROWS:
                break
        self._after = max(self._after, until)
        self._handled = {position for position in self._handled if position > self._after}
        self._read_at = self._time()
        if self._read_at - self._dropped_at > self._tuning.drop_every_s:
            self._dropped_at = self._read_at
            await self._drop(connection)

    async def _drop(self, connection: asyncpg.Connection[Any]) -> None:
        """Drop what every node has read long ago."""
        before_ms = self._clock.now_ms() - self._tuning.commits_kept_ms
        while await connection.execute(sql.DROP_COMMITS, before_ms, ROWS) == f"DELETE {ROWS}":
            pass

    async def _handle(self, connection: asyncpg.Connection[Any], rows: Sequence[Any]) -> None:
        """Tell what commits have changed. Where two reads overlap it is told twice, which changes nothing."""
        fresh = [row for row in rows if row[0] > self._after and row[0] not in self._handled]
        if ranges := self._ranges(fresh):
            await self._tell_of(connection, ranges)
        self._handled.update(row[0] for row in fresh)  # not before: what fails is done again, which changes nothing

    def _ranges(self, rows: Sequence[Any]) -> list[Range]:
        """What commits have changed; those that are damaged are logged."""
        ranges: list[Range] = []
        for position, crc, body in rows:
            if crc != checksum(self._commits_crc, 0, body):
                _log.error("commit %d is damaged: this node does not learn what another one has changed", position)
                continue
            ranges += read_ranges(body)
        return ranges

    async def _tell_of(self, connection: asyncpg.Connection[Any], ranges: Sequence[Range]) -> None:
        await self._learn_names(connection, {number for number, *_ in ranges})
        added = {self._names[number] for number, _, _, kind in ranges if kind is Kind.ADDED}
        if SERVER_LOG in added:
            await self._listener.server_log_changed(connection)
        ends = await connection.fetch(sql.ENDS, sorted(added))
        changed = [name for name, *_, seq in ends if seq > self._listener.policy_seq(name)]
        for name, *columns in await connection.fetch(sql.POLICIES_OF, changed) if changed else ():
            self._listener.policy_changed(name, policy_of(columns))
        for name, first_seq, head, at_ms, _ in ends:
            self._listener.head_moved(RoomHead(name, first_seq, head, at_ms))
        for number, seq, _, kind in ranges:
            if kind is Kind.REPLACED:
                await self._tell_replaced(connection, number, seq)
            elif kind is Kind.TRIMMED:
                self._listener.log_trimmed(self._names[number], seq)

    async def _tell_replaced(self, connection: asyncpg.Connection[Any], number: int, seq: int) -> None:
        name = self._names[number]
        row = await connection.fetchrow(sql.ONE_EVENT, number << sql.SEQ_BITS | seq)
        if row is not None:  # else retention was faster
            crc, body, type_, ref = row
            if crc == checksum(room_crc(self._kept.seed, name), seq, body):
                self._listener.event_redacted(name, Stored(seq, body, type_, ref))

    async def _learn_names(self, connection: asyncpg.Connection[Any], numbers: set[int]) -> None:
        missing = [number for number in numbers if number not in self._names]
        if missing:
            if len(self._names) > NAMES_KEPT:
                self._names.clear()
                missing = list(numbers)
            for number, name in await connection.fetch(sql.NAMES_OF, missing):
                self._names[number] = name


def _is_for_all(commit: Commit) -> bool:
    """Whether every node has to know what was added: who is let in, and what rooms are."""
    return commit.room == SERVER_LOG or sets_policy(commit.events)
