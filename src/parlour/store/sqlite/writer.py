"""The writer thread: the only one that changes the database, commits, syncs and checkpoints."""

from __future__ import annotations

import logging
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeAlias

import apsw

from parlour.core.errors import Refusal
from parlour.store.changes import Batch, Outcome, after_failure
from parlour.store.commit_queue import CommitQueue
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.connection import keep_log
from parlour.store.sqlite.database import Database
from parlour.store.sqlite.errors import Verdict, judge
from parlour.store.sqlite.record import End, Record
from parlour.store.sqlite.tuning import DEFAULT, SqliteTuning

_log = logging.getLogger("parlour.store")

OnFatal: TypeAlias = Callable[[BaseException], None]
"""Is told once, on the loop, that the disk has failed: nothing will be stored any more and the process should end."""


class Writer:
    """Takes jobs in order, one at a time: a batch; None to finish the log and end.

    Seconds: have the queue `take` what it has, unless another job comes meanwhile.
    """

    def __init__(
        self,
        database: Database,
        owner: CommitQueue,
        on_fatal: OnFatal,
        loop: AbstractEventLoop,
        tuning: SqliteTuning = DEFAULT,
    ) -> None:
        """`owner` is told on the loop what became of the jobs; idle work begins some time after the last one."""
        self._tuning = tuning
        self.jobs: SimpleQueue[Batch | float | None] = SimpleQueue()
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
        self._idle_work: list[tuple[Callable[[], bool], Callable[[], None]]] = [  # whether it is due; one step of it
            (lambda: self._trouble is Verdict.FULL, self._probe),
            (lambda: self._checkpoints.is_due, lambda: self._move(self._checkpoints.empty)),
        ]
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
            due = [] if self._failed else [step for is_due, step in self._idle_work if is_due()]
            try:
                job = self.jobs.get(timeout=self._tuning.idle_s if due else None)
                if isinstance(job, float):
                    job = self._wait(job)
            except Empty:
                due[0]()  # and no more: a batch may come at any moment
                continue
            if isinstance(job, Batch):
                self._write(job)
            elif job is None:
                return

    def _wait(self, seconds: float) -> Batch | float | None:
        try:  # on this thread, because the timers of an event loop count in milliseconds
            return self.jobs.get(timeout=seconds)
        except Empty:
            self._tell(self._owner.take)
            return seconds

    def _write(self, batch: Batch) -> None:
        if self._failed:
            self._deliver(Outcome([after_failure(item) for item in batch.items]))
            return
        self._in_hand = batch
        try:
            outcome = self._events.append(batch.items, batch.now_ms)
        except apsw.Error as error:
            self._not_stored(batch, error)
        except Exception:
            _log.exception("a batch of %d could not be made into rows", len(batch.items))
            self._deliver(Outcome([Refusal("internal") for _ in batch.items]))
        else:
            self._trouble = None
            if outcome.commits or outcome.redacted:  # a batch of repeats stores nothing
                # Before the loop is woken: afterwards the two threads would wait for each other's GIL.
                self._record.stored(*self._events.last_row)
            self._deliver(outcome)
            # Between batches: an answer never waits for one.
            if self._checkpoints.pages >= self._tuning.checkpoint_pages:
                self._move(self._checkpoints.move)

    def _not_stored(self, batch: Batch, error: apsw.Error) -> None:
        verdict = judge(error, self._connection.system_errno)
        if verdict is not self._trouble:  # a full disk is logged once, not with every batch that it refuses
            _log.error("a batch of %d failed: %s; %s", len(batch.items), error, verdict.value)
        self._trouble = verdict
        if verdict is Verdict.UNKNOWN:
            self._deliver(Outcome([Refusal("outcome_unknown") for _ in batch.items]))
            self._fail(error)
            return
        answers: Sequence[object]
        try:
            refusal = Refusal("storage_full" if verdict is Verdict.FULL else "storage_unavailable")
            answers = self._events.answers_without_storing(batch.items, refusal)
        except apsw.Error as failure:
            _log.error("the keys of a refused batch could not be looked up: %s", failure)
            answers = [after_failure(item) for item in batch.items]
        self._deliver(Outcome(answers))
        if verdict is Verdict.FULL:
            self._move(self._checkpoints.move)  # space in the WAL is space for the next batch

    def _deliver(self, outcome: Outcome) -> None:
        self._tell(self._owner.delivered, outcome)
        self._in_hand = None

    def _give_up(self, error: BaseException) -> None:
        """A mistake of ours must not end in a thread that is gone and senders that wait: it counts as a failed disk."""
        with suppress(Exception):  # the log may be what is broken
            _log.critical("the writer stops: %r", error, exc_info=error)
        if self._in_hand is not None:
            self._deliver(Outcome([Refusal("outcome_unknown") for _ in self._in_hand.items]))
        if not self._failed:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._failed = True
        keep_log(self._connection, True)  # a checkpoint at the close would be to write and sync after all
        self._tell(self._owner.failed)
        self._tell(self._on_fatal, error)

    def _probe(self) -> None:
        """Try whether a full disk has space again: perhaps nobody sends, because we said that we are not ready."""
        try:
            self._connection.execute(sql.PROBE)
        except apsw.Error as error:
            self._idle_error("a try to write", error)
        else:
            self._trouble = None
            self._tell(self._owner.has_space)
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

        A full disk does not count against it: the log is whole, and a start that recovers it would need the space.
        """
        if self._failed:
            return End.UNKNOWN
        try:
            self._checkpoints.finish(self._record)
        except apsw.Error as error:
            self._idle_error("the last checkpoint", error)
            return End.UNKNOWN if self._failed or isinstance(error, apsw.BusyError) else End.WITH_LOG
        return End.WHOLE

    def _stop(self) -> None:
        end = End.UNKNOWN
        try:
            found = self._finish_log()
            self._connection.close()
            end = found
        except Exception as error:
            _log.error("the database could not be closed: %s", error)
        finally:
            self._record.close(end)
            self._tell(self.stopped.set_result, None)
