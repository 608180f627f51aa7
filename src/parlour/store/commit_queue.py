"""The group commit, for every engine: bounds what waits, makes batches of it, and delivers what became of them.

A batch is one transaction and one sync. While it is stored and delivered the next one gathers, without a timer: there
is never more than one on its way. An engine carries batches out and knows nothing of queues or listeners.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

from parlour.chat.ports import Clock, Commit
from parlour.chat.transactions import Transaction
from parlour.core.errors import Refusal
from parlour.core.event import Answer, Draft, Stored
from parlour.store.admission import Admission
from parlour.store.gather import Gather
from parlour.store.recent import RoomHead

_log = logging.getLogger("parlour.store")

BATCH_DRAFTS = 256
BATCH_BYTES = 256 * 1024
"""Bounds of one transaction, so that the first of a batch never waits long for the last."""

QUEUE_BYTES = 16 * 1024 * 1024
QUEUE_DRAFTS = 4096
"""What may wait for the disk at most. On a slow one it is less (`Admission`), so what is taken is answered soon."""

OVERHEAD = 256
"""Bytes that a queued draft takes beside its payload, and what a transaction counts for."""

T = TypeVar("T")


class Work(NamedTuple):
    """A transaction in the queue."""

    transaction: Transaction[Any]


class Done(NamedTuple):
    """The answer to a `Work` that is stored: what the transaction returned."""

    result: Any


Item: TypeAlias = Draft | Work
ItemAnswer: TypeAlias = Answer | Done


class Batch(NamedTuple):
    """What becomes one transaction, in order, and the wall-clock time that its events are given."""

    items: Sequence[Item]
    now_ms: int


class Outcome(NamedTuple):
    """What became of a batch: an answer for each item, in order, and what it changed.

    `commits` are the new events, `heads` how the logs of their rooms end now, `redacted` the tombstones with their
    rooms, `trimmed` rooms that have lost the events before a seq.
    """

    answers: Sequence[ItemAnswer]
    commits: Sequence[Commit] = ()
    heads: Sequence[RoomHead] = ()
    redacted: Sequence[tuple[str, Stored]] = ()
    trimmed: Sequence[tuple[str, int]] = ()


class Engine(Protocol):
    """What carries batches out. Its methods are called on the event loop and return at once."""

    def commit(self, batch: Batch) -> None:
        """Store a batch durably, then call `CommitQueue.delivered` with its outcome, on the loop, once."""

    def wait(self, seconds: float) -> None:
        """Call `CommitQueue.gathered` on the loop after so long, unless a batch comes before."""


_Entry: TypeAlias = tuple[Item, Callable[[Any], None], int]
"""What waits: a draft or a transaction, who is told, and the bytes that it takes."""


class CommitQueue:
    """Between the verbs and an engine. All methods are called on the event loop."""

    def __init__(
        self, engine: Engine, clock: Clock, publish: Callable[[Outcome], None], queue_bytes: int = QUEUE_BYTES
    ) -> None:
        """`publish` is called with what a batch changed, before its senders are answered."""
        self._engine = engine
        self._clock = clock
        self._publish = publish
        self._queue: deque[_Entry] = deque()
        self._in_flight: list[_Entry] = []
        self._queue_bytes = self._bytes_free = queue_bytes
        self._gather = Gather(clock.monotonic, BATCH_DRAFTS)
        self._admission = Admission(clock.monotonic, BATCH_DRAFTS, QUEUE_DRAFTS)
        self._scheduled = False  # `_take` or `_next` is about to run
        self._refusal: str | None = None  # why everything is refused, if it is
        self._is_full = False  # whether the disk is
        self._paused = self._postponed = False  # `_postponed`: `_next` runs once the pause is over
        self._drained = asyncio.Event()

    def run(self, transaction: Transaction[T]) -> Future[T]:
        """See `Store.run`."""
        future: Future[T] = asyncio.get_running_loop().create_future()

        def done(answer: Done | Refusal) -> None:
            if future.done():  # cancelled; the log does not change for that
                return
            if isinstance(answer, Refusal):
                future.set_exception(answer)
            else:
                future.set_result(answer.result)

        try:
            self.append(Work(transaction), done)
        except Refusal as refusal:
            transaction.close()
            future.set_exception(refusal)
        return future

    def append(self, item: Item, done: Callable[[Any], None]) -> None:
        """See `Store.append`."""
        size = OVERHEAD if isinstance(item, Work) else item.payload.size() + OVERHEAD
        if self._refusal is not None:
            if self._refusal == "storage_unavailable":
                raise after_failure(item)
            raise Refusal(self._refusal, retry_after=1)
        if size > self._bytes_free or len(self._queue) >= self._admission.capacity:
            raise Refusal("overloaded", "Too many messages wait for the disk.", retry_after=1)
        self._bytes_free -= size
        self._queue.append((item, done, size))
        if not self._in_flight and not self._scheduled and len(self._queue) >= self._gather.wanted:
            # Not at once: everything that this iteration of the loop appends goes into one batch.
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._take)

    def _take(self) -> None:
        """Hand the next batch to the engine; there is never more than one in flight."""
        self._scheduled = False
        if self._in_flight:
            return
        batch = self._in_flight = self._first_of_queue()
        self._gather.taken(len(batch))
        self._admission.taken(len(batch), len(self._queue))
        if batch:
            self._engine.commit(Batch([item for item, _, _ in batch], self._clock.now_ms()))

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
        """Pass on what the engine did: to the listeners, then to the senders; then comes the next batch."""
        batch, self._in_flight = self._in_flight, []
        self._scheduled = True
        try:
            if outcome.commits:
                self._is_full = False
            else:  # a batch of which something was stored says that there is space
                self._is_full = self._is_full or any(_says_full(answer) for answer in outcome.answers)
            self._publish(outcome)
        finally:
            self._answer(batch, outcome.answers)
            asyncio.get_running_loop().call_soon(
                self._next
            )  # after what these answers set going: their senders may have more

    def _answer(self, batch: list[_Entry], answers: Sequence[ItemAnswer]) -> None:
        self._bytes_free += sum([size for _, _, size in batch])
        for (_, done, _), answer in zip(batch, answers, strict=True):
            try:
                done(answer)
            except Exception:  # one broken sender must not cost the others their answer
                _log.exception("answer_failed")

    def _next(self) -> None:
        """Take the next batch, or wait for it to gather."""
        if self._paused:
            self._postponed = True
            return
        self._scheduled = False
        if self._refusal is not None and not self._queue:
            self._check_drained()
        elif seconds := self._gather.wait_s(len(self._queue)):
            self._engine.wait(seconds)
        else:
            self._take()

    def pause(self, is_paused: bool) -> None:
        """See `Store.pause`."""
        self._paused = is_paused and self._refusal is None
        if self._postponed and not self._paused:  # once for each batch: a second wait would swallow the first
            self._postponed = False
            asyncio.get_running_loop().call_soon(self._next)

    def gathered(self) -> None:
        """Take what is here: the wait for more is over."""
        self._take()

    def has_space(self) -> None:
        """Be ready again: the disk is not full any more."""
        self._is_full = False

    def failed(self) -> None:
        """Refuse what is queued and all that comes: the disk has failed."""
        self._refusal = "storage_unavailable"
        waiting, self._queue = list(self._queue), deque()
        self._answer(waiting, [after_failure(item) for item, _, _ in waiting])
        self._check_drained()

    def is_ready(self) -> bool:
        """See `Store.is_ready`."""
        return self._refusal is None and not self._is_full

    def close(self) -> None:
        """Refuse all that comes from now on."""
        self._refusal = self._refusal or "draining"
        self.pause(False)
        if not self._queue:
            self._check_drained()

    async def drained(self) -> None:
        """Wait until everything that was queued before `close` is answered."""
        await self._drained.wait()

    def _check_drained(self) -> None:
        if not self._in_flight:
            self._drained.set()


def after_failure(item: Item) -> Refusal:
    """The answer to what cannot be stored any more, when the log cannot be asked either.

    It is not stored now. But a draft with a key may be the repeat of one that is, or that the failure has left unknown.
    """
    is_keyed = isinstance(item, Draft) and item.key is not None
    return Refusal("outcome_unknown" if is_keyed else "storage_unavailable", retry_after=1)


def _says_full(answer: ItemAnswer) -> bool:
    return isinstance(answer, Refusal) and answer.code == "storage_full"
