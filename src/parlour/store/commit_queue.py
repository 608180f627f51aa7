"""The group commit, for every engine: bounds what waits, makes batches of it, and delivers what became of them.

A batch is one transaction and one sync. While it is stored and delivered the next one gathers, without a timer.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from asyncio import Future
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from parlour.chat.audit_chain import chained
from parlour.chat.ports import Clock, Commit
from parlour.chat.transactions import T, Transaction
from parlour.core.errors import Refusal
from parlour.core.event import Draft, Log, Stored
from parlour.core.policy import Policy
from parlour.store.admission import Admission
from parlour.store.changes import Batch, Item, Outcome, after_failure
from parlour.store.gather import Gather

_log = logging.getLogger("parlour.store")

BATCH_DRAFTS = 256
BATCH_BYTES = 256 * 1024
"""Bounds of one transaction, so that the first of a batch never waits long for the last."""

QUEUE_BYTES = 16 * 1024 * 1024
QUEUE_DRAFTS = 4096
"""What may wait for the disk at most. On a slow one it is less (`Admission`), so what is taken is answered soon."""

OVERHEAD = 256
"""Bytes that a queued draft takes beside its payload, and what a transaction counts for."""

_Entry: TypeAlias = tuple[Item, Callable[[Any], None], int]
"""What waits: a draft or a transaction, who is told, and the bytes that it takes."""


class CommitQueue(ABC):
    """The writing half of the Store port; an engine is a subclass that carries batches out. For the event loop."""

    is_shared = False
    """See `Store.is_shared`."""

    def __init__(self, clock: Clock, queue_bytes: int = QUEUE_BYTES, batch_drafts: int = BATCH_DRAFTS) -> None:
        self._clock = clock
        self._batch_drafts = batch_drafts
        self._commit_listeners: list[Callable[[Sequence[Commit]], None]] = []
        self._redact_listeners: list[Callable[[str, Stored], None]] = []
        self._trim_listeners: list[Callable[[str, int], None]] = []
        self._policy_listeners: list[Callable[[str, Policy], None]] = []
        self._head_listeners: list[Callable[[str, int], None]] = []
        self._queue: deque[_Entry] = deque()
        self._in_flight: list[_Entry] = []
        self._queue_bytes = self._bytes_free = queue_bytes
        self._gather = Gather(clock.monotonic, batch_drafts)
        self._admission = Admission(clock.monotonic, batch_drafts, QUEUE_DRAFTS)
        self._scheduled = False  # `take` or `_next` is about to run
        self._refusal: str | None = None  # why everything is refused, if it is
        self._is_full = False  # whether the disk is
        self._paused = self._postponed = False  # `_postponed`: `_next` runs once the pause is over
        self._drained = asyncio.Event()

    @abstractmethod
    def commit(self, batch: Batch) -> None:
        """Store a batch durably, then call `delivered` with its outcome, on the loop, once. Returns at once."""

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Call `take` on the loop after so long, unless a batch comes before. Returns at once."""

    def on_commit(self, listener: Callable[[Sequence[Commit]], None]) -> None:
        """See `Store.on_commit`."""
        self._commit_listeners.append(listener)

    def on_redact(self, listener: Callable[[str, Stored], None]) -> None:
        """See `Store.on_redact`."""
        self._redact_listeners.append(listener)

    def on_trim(self, listener: Callable[[str, int], None]) -> None:
        """See `Store.on_trim`."""
        self._trim_listeners.append(listener)

    def on_policy(self, listener: Callable[[str, Policy], None]) -> None:
        """See `Store.on_policy`."""
        self._policy_listeners.append(listener)

    def on_head(self, listener: Callable[[str, int], None]) -> None:
        """See `Store.on_head`."""
        self._head_listeners.append(listener)

    # An engine with one node has nobody to follow.

    def follow(self) -> None:  # noqa: B027
        """See `Store.follow`."""

    async def catch_up(self) -> None:  # noqa: B027
        """See `Store.catch_up`."""

    @abstractmethod
    async def log(self, room: str) -> Log:
        """See `Store.log`."""

    async def newest(self, room: str) -> tuple[int, int]:
        """See `Store.newest`."""
        log = await self.log(room)
        return log.head_seq, log.policy.seq

    async def lead(self, work: str) -> None:  # noqa: B027
        """See `Store.lead`."""

    def run(self, transaction: Transaction[T], size: int = 0) -> Future[T]:
        """See `Store.run`."""
        future: Future[T] = asyncio.get_running_loop().create_future()

        def done(answer: Any) -> None:
            if future.done():  # cancelled; the log does not change for that
                return
            if isinstance(answer, Refusal):
                future.set_exception(answer)
            else:
                future.set_result(answer)

        try:
            self.append(chained(transaction), done, size)
        except Refusal as refusal:
            transaction.close()
            future.set_exception(refusal)
        return future

    def append(self, item: Item, done: Callable[[Any], None], more: int = 0) -> None:
        """See `Store.append`; a transaction takes `more` bytes beside its own."""
        size = item.payload.size() + OVERHEAD if isinstance(item, Draft) else OVERHEAD + more
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
            asyncio.get_running_loop().call_soon(self.take)

    def take(self) -> None:
        """Hand the next batch to the engine, unless one is in flight."""
        self._scheduled = False
        if self._in_flight:
            return
        batch = self._in_flight = self._first_of_queue()
        self._gather.taken(len(batch))
        self._admission.taken(len(batch), len(self._queue))
        if batch:
            self.commit(Batch([item for item, _, _ in batch], self._clock.now_ms()))

    def _first_of_queue(self) -> list[_Entry]:
        """Take the next batch off the queue. None is in flight, so all bytes that are not free are in the queue."""
        queue = self._queue
        if len(queue) <= self._batch_drafts and self._queue_bytes - self._bytes_free <= BATCH_BYTES:
            self._queue = deque()
            return list(queue)
        batch: list[_Entry] = []
        taken = 0
        while queue and len(batch) < self._batch_drafts:
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
            elif any(isinstance(answer, Refusal) and answer.code == "storage_full" for answer in outcome.answers):
                self._is_full = True
            self._publish(outcome)
        finally:
            self._answer(batch, outcome.answers)
            # After what these answers set going: their senders may have more.
            asyncio.get_running_loop().call_soon(self._next)

    def _publish(self, outcome: Outcome) -> None:
        """Tell the listeners what a batch has changed; its senders are answered afterwards."""
        for room, policy in outcome.policies:
            for learn in self._policy_listeners:
                learn(room, policy)
        if outcome.commits:
            for listener in self._commit_listeners:
                listener(outcome.commits)
        for room, event in outcome.redacted:
            for redacted in self._redact_listeners:
                redacted(room, event)
        for room, first_seq in outcome.trimmed:
            for trimmed in self._trim_listeners:
                trimmed(room, first_seq)

    def _answer(self, batch: list[_Entry], answers: Sequence[object]) -> None:
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
            self.wait(seconds)
        else:
            self.take()

    def pause(self, is_paused: bool) -> None:
        """See `Store.pause`."""
        self._paused = is_paused and self._refusal is None
        if self._postponed and not self._paused:  # once for each batch: a second wait would swallow the first
            self._postponed = False
            asyncio.get_running_loop().call_soon(self._next)

    def has_space(self) -> None:
        """Be ready again: the disk is not full any more."""
        self._is_full = False

    def failed(self) -> None:
        """Refuse what is queued and all that comes: the disk has failed, or the database is away."""
        self._refusal = "storage_unavailable"
        waiting, self._queue = list(self._queue), deque()
        self._answer(waiting, [after_failure(item) for item, _, _ in waiting])
        self._check_drained()

    def recovered(self) -> None:
        """Take drafts again after `failed`: the storage has come back, and is what it was."""
        if self._refusal == "storage_unavailable":
            self._refusal = None
            self._drained.clear()

    def is_ready(self) -> bool:
        """See `Store.is_ready`."""
        return self._refusal is None and not self._is_full

    def _refuse_new(self) -> None:
        """Refuse all that comes from now on. `_drained` is set when everything that was queued before is answered."""
        self._refusal = self._refusal or "draining"
        self.pause(False)
        self._check_drained()

    def _check_drained(self) -> None:
        if not self._queue and not self._in_flight:
            self._drained.set()
