"""The embedded store on the event loop: gathers drafts into batches, hands them over, delivers what came back."""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from parlour.chat.ports import Clock, Commit, Ids, RoomSummary
from parlour.core.cursor import MAX_SEQ
from parlour.core.errors import Refusal
from parlour.core.event import Answer, Draft, Log, Stored
from parlour.store.sqlite import recent
from parlour.store.sqlite.batch import EventLog, Outcome
from parlour.store.sqlite.database import Database, open_database
from parlour.store.sqlite.failures import after_failure
from parlour.store.sqlite.gather import Gather
from parlour.store.sqlite.pace import Pace
from parlour.store.sqlite.pages import After, Before, LogOf, Rooms
from parlour.store.sqlite.readers import Readers
from parlour.store.sqlite.recent import RecentRooms, Tip, summary
from parlour.store.sqlite.retention import Retention, Trimmed
from parlour.store.sqlite.statements import INSERT_SIZES
from parlour.store.sqlite.writer import Batch, Wait, Writer

_log = logging.getLogger("parlour.store")

BATCH_DRAFTS = INSERT_SIZES[-1]
BATCH_BYTES = 256 * 1024
"""Bounds of one transaction, so that the first of a batch never waits long for the last."""

QUEUE_BYTES = 16 * 1024 * 1024
QUEUE_DRAFTS = 4096
"""What may wait for the disk at most; on a slow one it is less (`Pace`), so that who is let in is answered soon."""

DRAFT_OVERHEAD = 256
"""Bytes that a queued draft takes beside its payload."""


_Entry = tuple[Draft, Callable[[Answer], None], int]
"""What waits: a draft, who is told, and the bytes that both take."""


def _is_full(answer: Answer) -> bool:
    return isinstance(answer, Refusal) and answer.code == "storage_full"


class SqliteStore:
    """A `Store` in one directory, for one process at a time. Made by `open`."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        on_fatal: Callable[[BaseException], None],
        retention_days: int,
        queue_bytes: int,
    ) -> None:
        self.epoch, self.secret, self._seed = database.identity
        self._loop = asyncio.get_running_loop()
        self._directory = database.directory
        self._clock = clock
        self._on_fatal = on_fatal
        self._listeners: list[Callable[[Sequence[Commit]], None]] = []
        self._trim_listeners: list[Callable[[str, int], None]] = []
        self._queue: deque[_Entry] = deque()
        self._in_flight: list[_Entry] = []
        self._queue_bytes = self._bytes_free = queue_bytes
        self._gather = Gather(clock.monotonic, BATCH_DRAFTS)
        self._pace = Pace(clock.monotonic, BATCH_DRAFTS, QUEUE_DRAFTS)
        self._scheduled = False  # `_take` or `_next` is about to run
        self._refusal: str | None = None  # why appends are refused, if they are
        self._full = False
        self._recent = RecentRooms()
        self._listing: Future[list[Tip]] | None = None  # what completes it
        self._held = self._postponed = False  # `_postponed`: `_next` runs once nobody holds
        self._commits = 0  # what changed the logs: reads are shared only between two changes
        self._drained: Future[None] = self._loop.create_future()
        self._stopped: Future[None] = self._loop.create_future()
        self._closing: asyncio.Task[None] | None = None
        retention = Retention(retention_days, clock) if retention_days else None
        events = EventLog(database.writer, self._seed)
        self._writer = Writer(
            database.writer, database.record, database.checkpoints, events, retention, self, self._loop
        )
        self._readers = Readers(database.readers, self._loop)

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

    def on_trim(self, listener: Callable[[str, int], None]) -> None:
        """See `Store.on_trim`."""
        self._trim_listeners.append(listener)

    def append(self, draft: Draft, done: Callable[[Answer], None]) -> None:
        """See `Store.append`."""
        size = draft.payload.size() + DRAFT_OVERHEAD
        if self._refusal is not None:
            if self._refusal == "storage_unavailable":
                raise after_failure(draft)
            raise Refusal(self._refusal, retry_after=1)
        if size > self._bytes_free or len(self._queue) >= self._pace.room:
            raise Refusal("overloaded", "Too many messages wait for the disk.", retry_after=1)
        self._bytes_free -= size
        self._queue.append((draft, done, size))
        if not self._in_flight and not self._scheduled and len(self._queue) >= self._gather.wanted:
            # Not at once: everything that this iteration of the loop appends goes into one batch.
            self._scheduled = True
            self._loop.call_soon(self._take)

    def _take(self) -> None:
        """Hand the next batch to the writer; there is never more than one in flight."""
        self._scheduled = False
        if self._in_flight:
            return
        batch = self._in_flight = self._first_of_queue()
        self._gather.taken(len(batch))
        self._pace.taken(len(batch), len(self._queue))
        if batch:
            self._writer.jobs.put(Batch([draft for draft, _, _ in batch], self._clock.now_ms()))

    def _first_of_queue(self) -> list[_Entry]:
        """Take the next batch off the queue. None is in flight, so all bytes that are not free are in the queue."""
        queue = self._queue
        if len(queue) <= BATCH_DRAFTS and self._queue_bytes - self._bytes_free <= BATCH_BYTES:
            self._queue = deque()
            return list(queue)
        batch: list[_Entry] = []
        taken = 0
        while queue and len(batch) < BATCH_DRAFTS:
            taken += queue[0][2]
            if taken > BATCH_BYTES and batch:
                break
            batch.append(queue.popleft())
        return batch

    def delivered(self, outcome: Outcome) -> None:
        """Pass on what the writer did: to the listeners, then to the senders; then comes the next batch."""
        batch, self._in_flight = self._in_flight, []
        self._scheduled = True
        self._commits += 1
        try:
            if outcome.commits:
                self._full = False
                self._recent.note(outcome.tips)
                for listener in self._listeners:
                    listener(outcome.commits)
            else:  # a batch of which something was stored says that there is room
                self._full = self._full or any(_is_full(answer) for answer in outcome.answers)
        finally:
            self._answer(batch, outcome.answers)
            self._loop.call_soon(self._next)  # after what these answers set going: their senders may have more

    def _answer(self, batch: list[_Entry], answers: Sequence[Answer]) -> None:
        self._bytes_free += sum([size for _, _, size in batch])
        for (_, done, _), answer in zip(batch, answers, strict=True):
            try:
                done(answer)
            except Exception:  # one broken sender must not cost the others their answer
                _log.exception("answer_failed")

    def _next(self) -> None:
        """Take the next batch, or wait for it to gather."""
        if self._held:
            self._postponed = True
            return
        self._scheduled = False
        if self._refusal is not None and not self._queue:
            self._settle()
        elif patience := self._gather.patience(len(self._queue)):
            self._writer.jobs.put(Wait(patience))
        else:
            self._take()

    def hold(self, is_held: bool) -> None:
        """See `Store.hold`."""
        self._held = is_held and self._refusal is None
        if self._postponed and not self._held:  # once for each batch: a second wait would swallow the first
            self._postponed = False
            self._loop.call_soon(self._next)

    def gathered(self) -> None:
        """Take what is here: the wait for more is over."""
        self._take()

    def has_room(self) -> None:
        """Be ready again: the disk is not full any more."""
        self._full = False

    def trimmed(self, trimmed: Trimmed) -> None:
        """Pass on what retention did."""
        self._commits += 1
        self._recent.trimmed(*trimmed)
        for listener in self._trim_listeners:
            listener(*trimmed)

    def failed(self, error: BaseException) -> None:
        """Refuse what is queued and all that comes: the disk has failed."""
        self._refusal = "storage_unavailable"
        waiting, self._queue = list(self._queue), deque()
        self._answer(waiting, [after_failure(draft) for draft, _, _ in waiting])
        self._settle()
        self._on_fatal(error)

    def stopped(self) -> None:
        """Note that the writer's thread has ended."""
        self._stopped.set_result(None)

    def _settle(self) -> None:
        if not self._in_flight and not self._drained.done():
            self._drained.set_result(None)

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
            return [summary(tip) for tip in await self._readers.read(self._commits, Rooms(limit))]
        if not self._recent.is_complete:
            if self._listing is None or (self._listing.done() and self._listing.exception() is not None):
                self._recent.begin()
                self._listing = self._readers.read(self._commits, Rooms(recent.KEPT))
            self._recent.complete(await asyncio.shield(self._listing))
        return self._recent.newest(limit)

    def is_ready(self) -> bool:
        """See `Store.is_ready`."""
        return self._refusal is None and not self._full

    async def close(self) -> None:
        """See `Store.close`. May be called again; cancelling it does not interrupt the work."""
        if self._closing is None:
            self._refusal = self._refusal or "draining"
            self.hold(False)
            self._closing = self._loop.create_task(self._finish())
        await asyncio.shield(self._closing)

    async def _finish(self) -> None:
        if not self._queue:
            self._settle()
        await self._drained
        await self._readers.close()
        self._writer.jobs.put(None)
        await self._stopped
        self._directory.release()
