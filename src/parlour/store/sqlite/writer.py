"""The writer thread: the only one that changes the database, commits, syncs and checkpoints."""

from __future__ import annotations

import logging
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple

import apsw

from parlour.core.errors import Refusal
from parlour.store.changes import Batch, ItemAnswer, Outcome, after_failure
from parlour.store.commit_queue import CommitQueue
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.connection import keep_log
from parlour.store.sqlite.database import Database
from parlour.store.sqlite.errors import Verdict, judge
from parlour.store.sqlite.record import End, Record

_log = logging.getLogger("parlour.store")

CHECKPOINT_PAGES = 2000
"""8 MB: often enough for a small WAL, seldom enough to fold many commits of a hot page into one write. It also stays
below 4062 frames, so that the WAL-index keeps its first 32 KiB and no commit has to grow a file but the WAL."""

IDLE_S = 1.0
"""After this long without a batch the WAL is moved into the database, so that a start has little to recover."""


class Wait(NamedTuple):
    """Say `gathered` unless another job comes within this many seconds."""

    seconds: float


class IdleWork(NamedTuple):
    """What the thread does after IDLE_S without a job: whether it is due, and one small step of it."""

    is_due: Callable[[], bool]
    step: Callable[[], None]


class Writer:
    """Takes jobs in order, one at a time. None: finish the log and end."""

    def __init__(
        self, database: Database, owner: CommitQueue, on_fatal: Callable[[BaseException], None], loop: AbstractEventLoop
    ) -> None:
        """`owner` is told what became of the jobs, `on_fatal` once that the disk has failed, both on the loop."""
        self.jobs: SimpleQueue[Batch | Wait | None] = SimpleQueue()
        self.stopped: Future[None] = loop.create_future()
        self._connection = database.writer
        self._record = database.record
        self._checkpoints = database.checkpoints
        self._events = database.events
        self._owner = owner
        self._on_fatal = on_fatal
        self._tell = loop.call_soon_threadsafe
        self._trouble: Verdict | None = None  # what the last batch met
        self._failed = False
        self._idle_work = (
            IdleWork(lambda: self._trouble is Verdict.FULL, self._probe),
            IdleWork(lambda: self._checkpoints.is_due, lambda: self._move(self._checkpoints.empty)),
        )
        self._in_hand: Batch | None = None  # the batch that has no answer yet
        Thread(target=self._run, name="parlour-writer", daemon=True).start()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self._give_up(error)
            self._work()  # which only refuses now
        self._stop()

    def _work(self) -> None:
        while True:
            try:
                job = self.jobs.get(timeout=self._rest())
                if isinstance(job, Wait):
                    job = self._wait(job)
            except Empty:
                self._tidy()
                continue
            if isinstance(job, Batch):
                self._write(job)
            elif job is None:
                return

    def _wait(self, wait: Wait) -> Batch | Wait | None:
        # On this thread, because the timers of an event loop count in milliseconds.
        try:
            return self.jobs.get(timeout=wait.seconds)
        except Empty:
            self._tell(self._owner.gathered)
            return wait

    def _write(self, batch: Batch) -> None:
        if self._failed:
            self._answer([after_failure(item) for item in batch.items])
            return
        self._in_hand = batch
        try:
            outcome = self._events.append(batch.items, batch.now_ms)
        except apsw.Error as error:
            self._not_stored(batch, error)
        except Exception:
            _log.exception("a batch of %d could not be made into rows", len(batch.items))
            self._answer([Refusal("internal") for _ in batch.items])
        else:
            self._trouble = None
            if outcome.commits or outcome.redacted:  # a batch of repeats stores nothing
                # Before the loop is woken: afterwards the two threads would wait for each other's GIL.
                self._record.stored(*self._events.last_row)
            self._deliver(outcome)
            self._checkpoint_if(CHECKPOINT_PAGES)

    def _not_stored(self, batch: Batch, error: apsw.Error) -> None:
        verdict = judge(error, self._connection.system_errno)
        if verdict is not self._trouble:  # a full disk is logged once, not with every batch that it refuses
            _log.error("a batch of %d failed: %s; %s", len(batch.items), error, verdict.value)
        self._trouble = verdict
        if verdict is Verdict.UNKNOWN:
            self._answer([Refusal("outcome_unknown") for _ in batch.items])
            self._fail(error)
            return
        self._refuse(batch, "storage_full" if verdict is Verdict.FULL else "storage_unavailable")
        if verdict is Verdict.FULL:
            self._move(self._checkpoints.move)  # room in the WAL is room for the next batch

    def _refuse(self, batch: Batch, code: str) -> None:
        """Answer a batch of which nothing was stored; a repeat of what was stored before is answered from the log."""
        try:
            answers: Sequence[ItemAnswer] = self._events.answers_without_storing(batch.items, Refusal(code))
        except apsw.Error as error:
            _log.error("the keys of a refused batch could not be looked up: %s", error)
            answers = [after_failure(item) for item in batch.items]
        self._answer(answers)

    def _answer(self, answers: Sequence[ItemAnswer]) -> None:
        self._deliver(Outcome(answers, ()))

    def _deliver(self, outcome: Outcome) -> None:
        self._tell(self._owner.delivered, outcome)
        self._in_hand = None

    def _give_up(self, error: BaseException) -> None:
        """A mistake of ours must not end in a thread that is gone and senders that wait: it counts as a failed disk."""
        with suppress(Exception):  # the log may be what is broken
            _log.critical("the writer stops: %r", error, exc_info=error)
        if self._in_hand is not None:
            self._answer([Refusal("outcome_unknown") for _ in self._in_hand.items])
        if not self._failed:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._failed = True
        # Closing the last connection would checkpoint, which is to write and sync after all.
        keep_log(self._connection, True)
        self._tell(self._owner.failed)
        self._tell(self._on_fatal, error)

    def _rest(self) -> float | None:
        """Seconds until idle work is due; None: there is none."""
        return IDLE_S if not self._failed and any(work.is_due() for work in self._idle_work) else None

    def _tidy(self) -> None:
        """Do the first piece of idle work that is due, and no more: a batch may come at any moment."""
        next(work for work in self._idle_work if work.is_due()).step()

    def _probe(self) -> None:
        """Try whether a full disk has room again: perhaps nobody sends, because we said that we are not ready."""
        try:
            self._connection.execute(sql.PROBE)
        except apsw.Error as error:
            self._idle_error("a try to write", error)
        else:
            self._trouble = None
            self._tell(self._owner.has_space)
            self._move(self._checkpoints.move)

    def _checkpoint_if(self, pages: int) -> None:
        """Checkpoint if this many pages are in the WAL. Between batches: an answer never waits for one."""
        if self._checkpoints.pages >= pages:
            self._move(self._checkpoints.move)

    def _move(self, checkpoint: Callable[[Record], None]) -> None:
        try:
            checkpoint(self._record)
        except apsw.Error as error:
            self._idle_error("checkpoint", error)

    def _idle_error(self, work: str, error: apsw.Error) -> None:
        verdict = judge(error, self._connection.system_errno)
        if verdict is not self._trouble:
            _log.error("%s failed: %s", work, error)
        if verdict is Verdict.UNKNOWN:
            self._fail(error)

    def _finish_log(self) -> End:
        """Empty the log. Says how the run ends: not well after a failure, nor if somebody reads an older state.

        A full disk does not count against it: the log is whole, and a start that recovers it would need the room.
        """
        try:
            self._checkpoints.finish(self._record)
        except apsw.Error as error:
            self._idle_error("the last checkpoint", error)
            return End.UNKNOWN if self._failed or isinstance(error, apsw.BusyError) else End.WITH_LOG
        return End.WHOLE

    def _stop(self) -> None:
        end = End.UNKNOWN
        try:
            found = End.UNKNOWN if self._failed else self._finish_log()
            self._connection.close()
            end = found
        except Exception as error:
            _log.error("the database could not be closed: %s", error)
        finally:
            self._record.close(end)
            self._tell(self.stopped.set_result, None)
