"""The writer thread: the only one that changes the database, commits, syncs and checkpoints."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple

import apsw

from parlour.core.errors import Refusal
from parlour.core.event import Draft
from parlour.store.sqlite.batch import EventLog, Outcome
from parlour.store.sqlite.failures import Verdict, judge
from parlour.store.sqlite.retention import Retention

_log = logging.getLogger("parlour.store")

CHECKPOINT_PAGES = 2000
"""8 MB: often enough for a small WAL, seldom enough to fold many commits of a hot page into one write. It also stays
below 4062 frames, so that the WAL index keeps its first 32 KiB and no commit has to grow a file but the WAL."""

IDLE_S = 1.0
"""After this long without a batch the WAL is moved into the database, so that a start has little to recover."""


class Batch(NamedTuple):
    """Drafts for one transaction, in order, and the wall-clock time that they are given."""

    drafts: Sequence[Draft]
    now_ms: int


class Wait(NamedTuple):
    """Call back (with None for an outcome) unless a batch comes within this many seconds."""

    seconds: float


class Stop(NamedTuple):
    """Checkpoint if all is well, close the connection, end the thread."""


class Reports(NamedTuple):
    """Whom the writer tells; called on its thread."""

    done: Callable[[Outcome], object]
    waited: Callable[[], object]
    fatal: Callable[[BaseException], object]
    stopped: Callable[[bool], object]


class Writer(Thread):
    """Takes jobs in order, one at a time, and reports each from its own thread."""

    def __init__(
        self, connection: apsw.Connection, log: EventLog, retention: Retention | None, reports: Reports
    ) -> None:
        super().__init__(name="parlour-writer", daemon=True)
        self.jobs: SimpleQueue[Batch | Wait | Stop] = SimpleQueue()
        self._connection = connection
        self._events = log
        self._retention = retention
        self._reports = reports
        self._wal_pages = 0
        self._failed = False

    def run(self) -> None:
        """Work until told to stop."""
        while True:
            try:
                job = self.jobs.get(timeout=self._rest())
            except Empty:
                self._tidy()
                continue
            if isinstance(job, Batch):
                self._write(job)
            elif isinstance(job, Wait):
                self._wait(job)
            else:
                break
        self._stop()

    def _wait(self, job: Wait) -> None:
        until = time.monotonic() + job.seconds
        while self.jobs.empty() and time.monotonic() < until:
            time.sleep(0.0001)
        if self.jobs.empty():
            self._reports.waited()

    def _write(self, batch: Batch) -> None:
        try:
            outcome = self._events.append(batch.drafts, batch.now_ms)
        except apsw.Error as error:
            self._refuse(batch, error)
        except Exception:
            _log.exception("batch could not be encoded; nothing of it was stored")
            self._report(batch, Refusal("internal"))
        else:
            self._reports.done(outcome)
            self._count_pages()

    def _refuse(self, batch: Batch, error: apsw.Error) -> None:
        verdict = judge(error, self._connection.system_errno)
        _log.error("batch of %d not stored: %s (%s)", len(batch.drafts), error, verdict.value)
        if verdict is Verdict.FULL:
            self._report(batch, Refusal("storage_full"))
            self._checkpoint()  # room in the WAL is room for the next batch
        elif verdict is Verdict.BUSY:
            self._report(batch, Refusal("storage_unavailable"))
        else:
            self._failed = True
            self._report(batch, Refusal("outcome_unknown"))
            self._reports.fatal(error)

    def _report(self, batch: Batch, refusal: Refusal) -> None:
        self._reports.done(Outcome([refusal] * len(batch.drafts), ()))

    def _count_pages(self) -> None:
        written, _ = self._connection.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE, True)
        self._wal_pages += written
        if self._wal_pages >= CHECKPOINT_PAGES:
            self._checkpoint()

    def _rest(self) -> float | None:
        """How long to wait for a job before there is something else to do."""
        if self._failed:
            return None
        if self._wal_pages:
            return IDLE_S
        return None if self._retention is None else self._retention.next_in()

    def _tidy(self) -> None:
        """Idle work: at most one small step, because a batch may come."""
        if self._retention is not None and self._retention.due():
            try:
                self._retention.step(self._connection)
            except apsw.Error as error:
                self._idle_error(error)
            self._count_pages()
        elif self._wal_pages:
            self._checkpoint()

    def _checkpoint(self, mode: int = apsw.SQLITE_CHECKPOINT_PASSIVE) -> None:
        try:
            self._connection.wal_checkpoint(mode=mode)
        except apsw.Error as error:
            self._idle_error(error)
        self._wal_pages = 0

    def _idle_error(self, error: apsw.Error) -> None:
        if judge(error, self._connection.system_errno) is Verdict.UNKNOWN:
            self._failed = True
            self._reports.fatal(error)

    def _stop(self) -> None:
        if not self._failed:
            self._checkpoint(apsw.SQLITE_CHECKPOINT_TRUNCATE)
        clean = not self._failed
        try:
            self._connection.close()
        except apsw.Error as error:
            _log.error("database not closed: %s", error)
            clean = False
        self._reports.stopped(clean)
