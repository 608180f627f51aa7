"""The store on PostgreSQL: joins the queue, the connection that writes and those that read to the Store port."""

from __future__ import annotations

import asyncio
import logging
from asyncio import AbstractEventLoop, Task, TimerHandle
from collections.abc import Sequence
from typing import Any

import asyncpg

from parlour import log
from parlour.chat.ports import Clock, Ids, RoomSummary
from parlour.chat.statements import Query, R
from parlour.core.cursor import MAX_SEQ
from parlour.core.errors import Refusal
from parlour.core.event import Log, Stored
from parlour.core.policy import Policy
from parlour.core.store_address import without_password
from parlour.store import recent
from parlour.store.changes import Batch, Outcome, after_failure
from parlour.store.commit_queue import QUEUE_BYTES, CommitQueue
from parlour.store.errors import Damaged, StoreError
from parlour.store.postgres import pages
from parlour.store.postgres import statements as sql
from parlour.store.postgres.batch import EventLog
from parlour.store.postgres.connect import GONE, check, connect, open_connection
from parlour.store.postgres.identity import Kept, identity_of, read_identity
from parlour.store.postgres.line import Doubt, LineLost
from parlour.store.postgres.migrate import migrate
from parlour.store.postgres.readers import Readers
from parlour.store.recent import RecentRooms

_log = logging.getLogger("parlour.store")

BATCH_S = 20.0
"""A batch that takes longer is given up, with its connection: the database or the line to it stands still."""

AGAIN_S = (0.1, 0.2, 0.5, 1.0)
"""The pauses between two tries to reach a database that is away; the last one stays."""

ROOMS_LISTED = 1024


class PostgresStore(CommitQueue):
    """A `Store` in a PostgreSQL database. Made by `open`."""

    def __init__(
        self,
        url: str,
        connection: asyncpg.Connection[Any],
        readers: Readers,
        kept: Kept,
        clock: Clock,
        queue_bytes: int,
    ) -> None:
        super().__init__(clock, queue_bytes)
        self.epoch, self.secret = kept.epoch, kept.secret
        self._url, self._kept = url, kept
        self._connection: asyncpg.Connection[Any] = connection
        self._events = EventLog(connection, kept)
        self._readers = readers
        self._recent = RecentRooms(ROOMS_LISTED)
        self._commits = 0  # what changed the logs: reads are shared only between two changes
        self._doubt: Doubt | None = None
        self._loop: AbstractEventLoop = asyncio.get_running_loop()
        self._timer: TimerHandle | None = None
        self._tasks: set[Task[None]] = set()
        self._closing: Task[None] | None = None
        self.on_trim(self._recent.trimmed)

    @classmethod
    async def open(cls, url: str, *, clock: Clock, ids: Ids, queue_bytes: int = QUEUE_BYTES) -> PostgresStore:
        """Open the logs in the database at `url` (`postgresql://…`), making what is missing. Raises StoreError."""
        connection = await open_connection(url)
        try:
            if not await connection.fetchval(sql.TAKE):
                raise StoreError(f"Another server uses the database at {without_password(url)}: stop it first.")
            await migrate(connection)
            async with connection.transaction():
                await connection.execute(sql.CLOSE_GATE)
                kept = await identity_of(connection, ids)
            readers = await Readers.open(url)
            store = cls(url, connection, readers, kept, clock, queue_bytes)
            await store._events.load()
        except (asyncpg.PostgresError, *GONE) as error:
            connection.terminate()
            raise StoreError(f"The database at {without_password(url)} cannot be opened: {error}.") from error
        except BaseException:
            connection.terminate()
            raise
        return store

    def commit(self, batch: Batch) -> None:
        """See `CommitQueue.commit`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._start(self._write(batch))

    def wait(self, seconds: float) -> None:
        """See `CommitQueue.wait`."""
        self._timer = self._loop.call_later(seconds, self.take)

    def _start(self, work: Any) -> None:
        task: Task[None] = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, batch: Batch) -> None:
        try:
            async with asyncio.timeout(BATCH_S):
                outcome = await self._events.append(batch.items, batch.now_ms)
        except LineLost as lost:
            self._lost(batch, lost)
        except asyncpg.PostgresError as error:
            self.delivered(Outcome(await self._answers_without(batch, error)))
        except Exception:
            _log.exception("a batch of %d could not be made into rows", len(batch.items))
            self.delivered(Outcome([Refusal("internal") for _ in batch.items]))
            self._connection.terminate()
            self._away()
        else:
            self.delivered(outcome)

    async def _answers_without(self, batch: Batch, error: asyncpg.PostgresError) -> Sequence[object]:
        """The answers to a batch that PostgreSQL refused; repeats of what is stored find it."""
        _log.error("a batch of %d failed: %s; nothing stored, later batches are tried", len(batch.items), error)
        is_full = isinstance(error, asyncpg.DiskFullError)
        refusal = Refusal("storage_full") if is_full else Refusal("storage_unavailable", retry_after=1)
        try:
            return await self._events.answers_without_storing(batch.items, refusal)
        except (asyncpg.PostgresError, *GONE) as failure:
            _log.error("the keys of a refused batch could not be looked up: %s", failure)
            return [after_failure(item) for item in batch.items]

    def _lost(self, batch: Batch, lost: LineLost) -> None:
        """The line is lost: what is not known to be stored or not is said to be unknown."""
        self._connection.terminate()
        self._doubt = lost.doubt
        if lost.doubt is None:
            answers = [after_failure(item) for item in batch.items]
        else:
            answers = [Refusal("outcome_unknown", retry_after=1) for _ in batch.items]
        log.event(_log, "database_away", log.ERROR, at=without_password(self._url), reason=lost.__cause__ or lost)
        self._away()
        self.delivered(Outcome(answers))

    def _away(self) -> None:
        self.failed()
        self._start(self._come_back())

    async def _come_back(self) -> None:
        """Reach the database again, learn what became of the last batch, and go on."""
        tries = 0
        while self._closing is None:
            await asyncio.sleep(AGAIN_S[min(tries, len(AGAIN_S) - 1)])
            tries += 1
            try:
                await self._reconnect()
            except (asyncpg.PostgresError, *GONE) as error:
                _log.debug("the database is still away: %s", error)
            except (StoreError, Damaged) as error:
                if tries % 60 == 1:
                    log.event(_log, "database_wrong", log.ERROR, at=without_password(self._url), reason=error)
            else:
                log.event(_log, "database_back", log.INFO, at=without_password(self._url))
                return

    async def _reconnect(self) -> None:
        """Raises StoreError, asyncpg.PostgresError and what is in `GONE`."""
        connection = await connect(self._url)
        try:
            await check(connection)
            if not await connection.fetchval(sql.TAKE):  # perhaps PostgreSQL has not noticed yet that our line broke
                raise StoreError("Another server uses the database.")
            async with connection.transaction():
                # Nothing of ours runs any more once the gate is ours: what was lost is stored by now, or never.
                await connection.execute(sql.CLOSE_GATE)
                if await read_identity(connection) != self._kept:
                    raise StoreError("Another database is there now, or a copy: restart the server.")
                outcome = await self._settled(connection)
            events = EventLog(connection, self._kept)
            await events.load()
        except BaseException:
            connection.terminate()
            raise
        self._connection, self._events, self._doubt = connection, events, None
        if outcome is not None:
            self._publish(outcome)
        self.recovered()

    async def _settled(self, connection: asyncpg.Connection[Any]) -> Outcome | None:
        """What the batch in doubt has changed; None if there is none, or it is not stored."""
        if self._doubt is None:
            return None
        outcome, transaction, (event, body) = self._doubt
        if transaction is None:
            is_stored = await connection.fetchval("SELECT body = $2 FROM events WHERE id = $1", event, body)
        else:
            status = await connection.fetchval("SELECT pg_xact_status($1::text::xid8)", str(transaction))
            is_stored = status == "committed"
        return outcome if is_stored else None

    def _publish(self, outcome: Outcome) -> None:
        self._commits += 1
        self._recent.add(outcome.heads)
        super()._publish(outcome)

    async def log(self, room: str) -> Log:
        """See `Store.log`."""
        return await self._readers.read(self._commits, pages.log_of, room)

    async def after(self, room: str, seq: int, limit: int, max_bytes: int = 262144) -> list[Stored]:
        """See `Store.after`."""
        span = (min(max(seq, 0), MAX_SEQ) + 1, MAX_SEQ)
        return await self._readers.read(self._commits, pages.page, self._kept.seed, room, span, limit, max_bytes, False)

    async def before(self, room: str, seq: int, limit: int, max_bytes: int = 1048576) -> list[Stored]:
        """See `Store.before`."""
        span = (1, min(max(seq - 1, 0), MAX_SEQ))
        return await self._readers.read(self._commits, pages.page, self._kept.seed, room, span, limit, max_bytes, True)

    async def query(self, query: Query[R]) -> list[R]:
        """See `Store.query`."""
        return await self._readers.read(self._commits, pages.query, query)

    async def rooms(self, limit: int) -> list[RoomSummary]:
        """See `Store.rooms`."""
        if not self._recent.is_complete:
            self._recent.begin()
            self._recent.complete(await self._readers.read(self._commits, pages.newest_rooms, ROOMS_LISTED))
        return self._recent.newest(limit)

    async def summaries(self, rooms: Sequence[str]) -> list[RoomSummary]:
        """See `Store.summaries`."""
        heads = await self._readers.read(self._commits, pages.heads_of, tuple(sorted(rooms)))
        return [recent.summary(head) for head in heads]

    async def policies(self) -> dict[str, Policy]:
        """See `Store.policies`."""
        return await self._readers.read(self._commits, pages.policies)

    async def close(self) -> None:
        """See `Store.close`. May be called again; cancelling it does not interrupt the work."""
        if self._closing is None:
            self._refuse_new()
            self._closing = asyncio.create_task(self._finish())
        await asyncio.shield(self._closing)

    async def _finish(self) -> None:
        await self._drained.wait()
        await self._readers.close()
        for task in list(self._tasks):
            task.cancel()
        self._connection.terminate()
