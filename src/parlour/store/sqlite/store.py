"""The embedded store on the event loop: gathers drafts into batches, hands them over, delivers what came back."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from sys import getsizeof

from parlour.chat.ports import Clock, Commit, Ids, RoomSummary
from parlour.core.cursor import MAX_SEQ
from parlour.core.errors import Refusal
from parlour.core.event import Appended, Draft, Log, Stored
from parlour.store.sqlite import pages
from parlour.store.sqlite.batch import EventLog, Outcome
from parlour.store.sqlite.database import Database, open_database
from parlour.store.sqlite.readers import Readers
from parlour.store.sqlite.retention import Retention
from parlour.store.sqlite.writer import Batch, Reports, Stop, Writer

BATCH_DRAFTS = 256
BATCH_BYTES = 256 * 1024
"""Bounds of one transaction, so that the first of a batch never waits long for the last."""

QUEUE_BYTES = 16 * 1024 * 1024
DRAFT_OVERHEAD = 256
"""Bytes that a queued draft takes beside its text."""


class SqliteStore:
    """A `Store` in one directory. Made by `open`; one process at a time."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        on_fatal: Callable[[BaseException], None],
        retention_days: int,
        queue_bytes: int,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.epoch, self.secret = database.identity
        self._database = database
        self._clock = clock
        self._on_fatal = on_fatal
        self._listeners: list[Callable[[Sequence[Commit]], None]] = []
        self._queue: deque[tuple[Draft, Future[Appended], int]] = deque()
        self._room_left = queue_bytes
        self._in_flight: list[tuple[Draft, Future[Appended], int]] = []
        self._scheduled = False
        self._refusal: str | None = None  # why appends are refused, if they are
        self._full = False
        self._commits = 0  # reads are shared only between two commits
        call = self._loop.call_soon_threadsafe
        self._stopped: Future[bool] = self._loop.create_future()
        self._writer = Writer(
            database.writer,
            EventLog(database.writer, self.epoch),
            Retention(retention_days, clock.now_ms) if retention_days else None,
            Reports(
                done=lambda outcome: call(self._done, outcome),
                waited=lambda: call(self._take),
                fatal=lambda error: call(self._fatal, error),
                stopped=lambda clean: call(self._stopped.set_result, clean),
            ),
        )
        self._readers = Readers(database.readers, self._loop)
        self._writer.start()

    @classmethod
    async def open(
        cls,
        directory: Path,
        *,
        clock: Clock,
        ids: Ids,
        on_fatal: Callable[[BaseException], None],
        retention_days: int = 0,
        queue_bytes: int = QUEUE_BYTES,
    ) -> SqliteStore:
        """Open the logs in `directory`, making it if needed. Raises StoreError.

        `retention_days` 0 keeps events for ever. `queue_bytes` bounds what waits for the disk. `on_fatal` is called
        once, on the loop, when the disk has failed: nothing will be stored any more and the process should end.
        """
        database = await asyncio.to_thread(open_database, directory, ids)
        return cls(database, clock=clock, on_fatal=on_fatal, retention_days=retention_days, queue_bytes=queue_bytes)

    def on_commit(self, listener: Callable[[Sequence[Commit]], None]) -> None:
        """See `Store.on_commit`."""
        self._listeners.append(listener)

    def append(self, draft: Draft) -> Future[Appended]:
        """See `Store.append`."""
        future: Future[Appended] = self._loop.create_future()
        size = getsizeof(draft.text) + DRAFT_OVERHEAD
        if self._refusal is not None:
            future.set_exception(Refusal(self._refusal, retry_after=1))
        elif size > self._room_left:
            future.set_exception(Refusal("overloaded", "Too many messages wait for the disk.", retry_after=1))
        else:
            self._room_left -= size
            self._queue.append((draft, future, size))
            if not self._in_flight and not self._scheduled:
                # Not at once: everything that this iteration of the loop appends goes into one batch.
                self._schedule()
        return future

    def _schedule(self) -> None:
        self._scheduled = True
        self._loop.call_soon(self._take)

    def _take(self) -> None:
        """Hand the next batch to the writer; there is never more than one in flight."""
        self._scheduled = False
        if not self._queue or self._in_flight:
            return
        taken = 0
        while self._queue and len(self._in_flight) < BATCH_DRAFTS:
            size = self._queue[0][2]
            if taken and taken + size > BATCH_BYTES:
                break
            taken += size
            self._in_flight.append(self._queue.popleft())
        self._writer.jobs.put(Batch([draft for draft, _, _ in self._in_flight], self._clock.now_ms()))

    def _done(self, outcome: Outcome) -> None:
        """Deliver what the writer stored: listeners first, then the senders, then the next batch."""
        entries, self._in_flight = self._in_flight, []
        self._commits += 1
        try:
            if outcome.commits:
                self._full = False
                for listener in self._listeners:
                    listener(outcome.commits)
        finally:
            for (_, future, size), answer in zip(entries, outcome.answers, strict=True):
                self._room_left += size
                if isinstance(answer, Refusal):
                    self._full = self._full or answer.code == "storage_full"
                    if not future.done():
                        future.set_exception(answer)
                elif not future.done():
                    future.set_result(answer)
            if self._queue:
                self._schedule()  # after the callbacks of these futures: they may have more to append

    def _fatal(self, error: BaseException) -> None:
        self._refusal = "storage_unavailable"
        while self._queue:
            _, future, size = self._queue.popleft()
            self._room_left += size
            if not future.done():
                future.set_exception(Refusal("storage_unavailable"))
        self._on_fatal(error)

    async def log(self, room: str) -> Log:
        """See `Store.log`."""
        return await self._readers.read(("log", self._commits, room), partial(pages.log, room=room))

    async def after(self, room: str, seq: int, limit: int, max_bytes: int = 262144) -> list[Stored]:
        """See `Store.after`."""
        wanted = (self.epoch, room, min(max(seq, 0), MAX_SEQ), limit, max_bytes)
        return await self._readers.read(("after", self._commits, wanted), lambda c: pages.after(c, *wanted))

    async def before(self, room: str, seq: int, limit: int, max_bytes: int = 1048576) -> list[Stored]:
        """See `Store.before`."""
        wanted = (self.epoch, room, min(max(seq, 0), MAX_SEQ + 1), limit, max_bytes)
        return await self._readers.read(("before", self._commits, wanted), lambda c: pages.before(c, *wanted))

    async def rooms(self, limit: int) -> list[RoomSummary]:
        """See `Store.rooms`."""
        return await self._readers.read(("rooms", self._commits, limit), partial(pages.rooms, limit=limit))

    def is_ready(self) -> bool:
        """See `Store.is_ready`."""
        return self._refusal is None and not self._full

    async def close(self) -> None:
        """See `Store.close`."""
        if self._refusal is None:
            self._refusal = "draining"
        while self._queue or self._in_flight:
            last = (self._queue or self._in_flight)[-1][1]
            await asyncio.wait([last])
            await asyncio.sleep(0)
        await self._readers.close()
        self._writer.jobs.put(Stop())
        clean = await self._stopped
        self._database.directory.release(clean=clean)
