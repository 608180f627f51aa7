"""The embedded store on the event loop: joins the queue, the writer thread and the reader threads to the Store port."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable, Sequence
from pathlib import Path

from parlour.chat.ports import Clock, Commit, Ids, RoomSummary
from parlour.chat.transactions import T, Transaction
from parlour.core.cursor import MAX_SEQ
from parlour.core.event import Answer, Draft, Log, Stored
from parlour.store import recent
from parlour.store.commit_queue import QUEUE_BYTES, Batch, CommitQueue, Outcome
from parlour.store.recent import RecentRooms, RoomHead, summary
from parlour.store.sqlite.database import Database, open_database
from parlour.store.sqlite.pages import After, Before, LogOf, Rooms
from parlour.store.sqlite.readers import Readers
from parlour.store.sqlite.writer import Wait, Writer


class SqliteStore:
    """A `Store` in one directory, for one process at a time. Made by `open`."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        on_fatal: Callable[[BaseException], None],
        queue_bytes: int,
    ) -> None:
        self.epoch, self.secret, self._seed = database.identity
        self._loop = asyncio.get_running_loop()
        self._directory = database.directory
        self._on_fatal = on_fatal
        self._listeners: list[Callable[[Sequence[Commit]], None]] = []
        self._trim_listeners: list[Callable[[str, int], None]] = []
        self._redact_listeners: list[Callable[[str, Stored], None]] = []
        self._queue = CommitQueue(self, clock, self._publish, queue_bytes)
        self.append: Callable[[Draft, Callable[[Answer], None]], None] = self._queue.append
        self._recent = RecentRooms()
        self._listing: Future[list[RoomHead]] | None = None  # what completes it
        self._commits = 0  # what changed the logs: reads are shared only between two changes
        self._stopped: Future[None] = self._loop.create_future()
        self._closing: asyncio.Task[None] | None = None
        self._writer = Writer(database.writer, database.record, database.checkpoints, database.events, self, self._loop)
        self._readers = Readers(database.readers, self._loop)

    @classmethod
    async def open(
        cls,
        directory: Path,
        *,
        clock: Clock,
        ids: Ids,
        on_fatal: Callable[[BaseException], None],
        queue_bytes: int = QUEUE_BYTES,
    ) -> SqliteStore:
        """Open the logs in `directory`, making it if needed. Raises StoreError.

        `queue_bytes` bounds what waits for the disk. `on_fatal` is called
        once, on the loop, when the disk has failed: nothing will be stored any more and the process should end.
        """
        database = await asyncio.to_thread(open_database, directory, ids)
        return cls(database, clock=clock, on_fatal=on_fatal, queue_bytes=queue_bytes)

    def on_commit(self, listener: Callable[[Sequence[Commit]], None]) -> None:
        """See `Store.on_commit`."""
        self._listeners.append(listener)

    def on_trim(self, listener: Callable[[str, int], None]) -> None:
        """See `Store.on_trim`."""
        self._trim_listeners.append(listener)

    def on_redact(self, listener: Callable[[str, Stored], None]) -> None:
        """See `Store.on_redact`."""
        self._redact_listeners.append(listener)

    def run(self, transaction: Transaction[T]) -> Future[T]:
        """See `Store.run`."""
        return self._queue.run(transaction)

    def pause(self, is_paused: bool) -> None:
        """See `Store.pause`."""
        self._queue.pause(is_paused)

    def commit(self, batch: Batch) -> None:
        """See `Engine.commit`."""
        self._writer.jobs.put(batch)

    def wait(self, seconds: float) -> None:
        """See `Engine.wait`."""
        self._writer.jobs.put(Wait(seconds))

    def delivered(self, outcome: Outcome) -> None:
        """See `Owner.delivered`."""
        self._commits += 1
        self._queue.delivered(outcome)

    def _publish(self, outcome: Outcome) -> None:
        if outcome.commits:
            self._recent.add(outcome.heads)
            for listener in self._listeners:
                listener(outcome.commits)
        for room, event in outcome.redacted:
            for redacted in self._redact_listeners:
                redacted(room, event)
        for room, first_seq in outcome.trimmed:
            self._recent.trimmed(room, first_seq)
            for trimmed in self._trim_listeners:
                trimmed(room, first_seq)

    def gathered(self) -> None:
        """See `Owner.gathered`."""
        self._queue.gathered()

    def has_space(self) -> None:
        """See `Owner.has_space`."""
        self._queue.has_space()

    def failed(self, error: BaseException) -> None:
        """See `Owner.failed`."""
        self._queue.failed()
        self._on_fatal(error)

    def stopped(self) -> None:
        """See `Owner.stopped`."""
        self._stopped.set_result(None)

    async def log(self, room: str) -> Log:
        """See `Store.log`."""
        return await self._readers.read(self._commits, LogOf(room))

    async def after(self, room: str, seq: int, limit: int, max_bytes: int = 262144) -> list[Stored]:
        """See `Store.after`."""
        query = After(self._seed, room, min(max(seq, 0), MAX_SEQ), limit, max_bytes)
        return await self._readers.read(self._commits, query)

    async def before(self, room: str, seq: int, limit: int, max_bytes: int = 1048576) -> list[Stored]:
        """See `Store.before`."""
        query = Before(self._seed, room, min(max(seq, 0), MAX_SEQ), limit, max_bytes)
        return await self._readers.read(self._commits, query)

    async def rooms(self, limit: int) -> list[RoomSummary]:
        """See `Store.rooms`."""
        if limit > recent.KEPT:
            return [summary(head) for head in await self._readers.read(self._commits, Rooms(limit))]
        if not self._recent.is_complete:
            if self._listing is None or (self._listing.done() and self._listing.exception() is not None):
                self._recent.begin()
                self._listing = self._readers.read(self._commits, Rooms(recent.KEPT))
            self._recent.complete(await asyncio.shield(self._listing))
        return self._recent.newest(limit)

    def is_ready(self) -> bool:
        """See `Store.is_ready`."""
        return self._queue.is_ready()

    async def close(self) -> None:
        """See `Store.close`. May be called again; cancelling it does not interrupt the work."""
        if self._closing is None:
            self._queue.close()
            self._closing = self._loop.create_task(self._finish())
        await asyncio.shield(self._closing)

    async def _finish(self) -> None:
        await self._queue.drained()
        await self._readers.close()
        self._writer.jobs.put(None)
        await self._stopped
        self._directory.release()
