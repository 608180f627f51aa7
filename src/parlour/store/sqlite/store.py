"""The embedded store on the event loop: joins the queue, the writer thread and the reader threads to the Store port."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Sequence
from pathlib import Path

from parlour.chat.ports import Clock, Ids, RoomSummary, Unread
from parlour.chat.statements import Query, R
from parlour.core.cursor import MAX_SEQ
from parlour.core.event import Log, Stored
from parlour.core.policy import Policy
from parlour.schema.json_line import encode
from parlour.store import recent
from parlour.store.changes import Batch, Outcome
from parlour.store.commit_queue import QUEUE_BYTES, CommitQueue
from parlour.store.recent import RecentRooms, RoomHead
from parlour.store.sqlite.database import Database, open_database
from parlour.store.sqlite.pages import heads_of, log_of, newest_rooms, page, policies
from parlour.store.sqlite.readers import Readers
from parlour.store.sqlite.tables import run_query
from parlour.store.sqlite.tuning import DEFAULT, SqliteTuning
from parlour.store.sqlite.unread import unread
from parlour.store.sqlite.writer import OnFatal, Writer


class SqliteStore(CommitQueue):
    """A `Store` in one directory, for one process at a time. Made by `open`."""

    def __init__(
        self, database: Database, clock: Clock, on_fatal: OnFatal, queue_bytes: int, tuning: SqliteTuning
    ) -> None:
        super().__init__(clock, queue_bytes, tuning.batch_drafts)
        self.epoch, self.secret, self._seed = database.identity
        self._directory = database.directory
        self._recent = RecentRooms(tuning.rooms_listed)
        self._listing: Future[list[RoomHead]] | None = None  # what completes it
        self._commits = 0  # what changed the logs: reads are shared only between two changes
        self._closing: asyncio.Task[None] | None = None
        loop = asyncio.get_running_loop()
        self._tuning = tuning
        self._writer = Writer(database, self, on_fatal, loop, tuning)
        self._readers = Readers(database.readers, loop)
        self.on_trim(self._recent.trimmed)

    @classmethod
    async def open(
        cls,
        directory: Path,
        *,
        clock: Clock,
        ids: Ids,
        on_fatal: OnFatal,
        queue_bytes: int = QUEUE_BYTES,
        tuning: SqliteTuning = DEFAULT,
    ) -> SqliteStore:
        """Open the logs in `directory`, making it if needed. `queue_bytes` bounds what waits. Raises StoreError."""
        database = await asyncio.to_thread(open_database, directory, ids, tuning)
        return cls(database, clock, on_fatal, queue_bytes, tuning)

    def commit(self, batch: Batch) -> None:
        """See `CommitQueue.commit`."""
        self._writer.jobs.put(batch)

    def wait(self, seconds: float) -> None:
        """See `CommitQueue.wait`."""
        self._writer.jobs.put(seconds)

    def _publish(self, outcome: Outcome) -> None:
        self._commits += 1
        self._recent.add(outcome.heads)
        super()._publish(outcome)

    async def log(self, room: str) -> Log:
        """See `Store.log`."""
        return await self._readers.read(self._commits, log_of, room)

    async def after(self, room: str, seq: int, limit: int, max_bytes: int = 262144) -> list[Stored]:
        """See `Store.after`."""
        span = (min(max(seq, 0), MAX_SEQ) + 1, MAX_SEQ)
        return await self._readers.read(self._commits, page, self._seed, room, span, limit, max_bytes, False)

    async def before(self, room: str, seq: int, limit: int, max_bytes: int = 1048576) -> list[Stored]:
        """See `Store.before`."""
        span = (1, min(max(seq - 1, 0), MAX_SEQ))
        return await self._readers.read(self._commits, page, self._seed, room, span, limit, max_bytes, True)

    async def query(self, query: Query[R]) -> list[R]:
        """See `Store.query`."""
        return await self._readers.read(self._commits, run_query, query)

    async def rooms(self, limit: int) -> list[RoomSummary]:
        """See `Store.rooms`."""
        if not self._recent.is_complete:
            if self._listing is None or (self._listing.done() and self._listing.exception() is not None):
                self._recent.begin()
                self._listing = self._readers.read(self._commits, newest_rooms, self._tuning.rooms_listed)
            self._recent.complete(await asyncio.shield(self._listing))
        return self._recent.newest(limit)

    async def summaries(self, rooms: Sequence[str]) -> list[RoomSummary]:
        """See `Store.summaries`."""
        names = encode(sorted(rooms)).decode()
        return [recent.summary(head) for head in await self._readers.read(self._commits, heads_of, names)]

    async def unread(self, pairs: Sequence[tuple[str, str]]) -> list[Unread]:
        """See `Store.unread`."""
        return await self._readers.read(self._commits, unread, encode(pairs).decode()) if pairs else []

    async def policies(self) -> dict[str, Policy]:
        """See `Store.policies`."""
        return await self._readers.read(self._commits, policies)

    async def close(self) -> None:
        """See `Store.close`. May be called again; cancelling it does not interrupt the work."""
        if self._closing is None:
            self._refuse_new()
            self._closing = asyncio.create_task(self._finish())
        await asyncio.shield(self._closing)

    async def _finish(self) -> None:
        await self._drained.wait()
        await self._readers.close()
        self._writer.jobs.put(None)
        await self._writer.stopped
        self._directory.release()
