"""The shortest correct store: the oracle that the others are compared with; it forgets everything on exit."""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from parlour.chat.ports import Clock, Commit, Ids, RoomSummary
from parlour.chat.transactions import (
    Append,
    CommitsAfter,
    Committed,
    DropExpired,
    FindLog,
    GetCursor,
    NoteOldest,
    Position,
    Redact,
    SetCursor,
    Step,
    T,
    Transaction,
    drive,
)
from parlour.core.errors import Refusal
from parlour.core.event import NO_POLICY, Answer, Appended, Draft, Log, Policy, Stored
from parlour.core.payloads import Settings
from parlour.schema.event_json import at_text, event_json, tombstone
from parlour.store.commit_queue import Batch, CommitQueue, Done, Item, ItemAnswer, Outcome, Work
from parlour.store.expiry import expired
from parlour.store.identity import new_identity
from parlour.store.repeats import repeated
from parlour.store.times import time_of_next

_log = logging.getLogger("parlour.store")


@dataclass(slots=True)
class _Room:
    first_seq: int = 1
    events: list[Stored] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    policy: Policy = NO_POLICY
    keys: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def active_ms(self) -> int:
        return self.times[-1] if self.times else 0

    @property
    def log(self) -> Log:
        return Log(self.first_seq, self.first_seq + len(self.events) - 1, self.policy)

    def copy(self) -> _Room:
        return replace(self, events=list(self.events), times=list(self.times), keys=dict(self.keys))


@dataclass(slots=True)
class _Changes:
    """What a batch, or one transaction of it, has changed; `before` are the rooms as they were before a transaction."""

    added: dict[str, list[Stored]] = field(default_factory=dict)
    redacted: list[tuple[str, Stored]] = field(default_factory=list)
    trimmed: list[tuple[str, int]] = field(default_factory=list)
    before: dict[str, _Room | None] | None = None

    def ranges(self) -> list[tuple[str, int, int]]:
        """See `Committed`."""
        new = [(room, events[0].seq, events[-1].seq) for room, events in self.added.items()]
        return new + [(room, event.seq, event.seq) for room, event in self.redacted]


class MemoryStore:
    """A `Store` in plain lists."""

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self.epoch, self.secret = new_identity(ids)
        self._rooms: dict[str, _Room] = {}
        self._listeners: list[Callable[[Sequence[Commit]], None]] = []
        self._trim_listeners: list[Callable[[str, int], None]] = []
        self._redact_listeners: list[Callable[[str, Stored], None]] = []
        self._commits: list[Committed] = []
        self._cursors: dict[str, int] = {}
        self._oldest: dict[str, int] = {}  # room to the time of its oldest event
        self._queue = CommitQueue(self, clock, self._publish)
        self.append: Callable[[Draft, Callable[[Answer], None]], None] = self._queue.append
        self.pause = self._queue.pause
        self.is_ready = self._queue.is_ready

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

    def commit(self, batch: Batch) -> None:
        """See `Engine.commit`."""
        changes = _Changes()
        answers = [self._carry_out(item, batch.now_ms, changes) for item in batch.items]
        commits = [Commit(room, events) for room, events in changes.added.items()]
        if self._cursors and (ranges := changes.ranges()):
            self._commits.append(Committed(len(self._commits) + 1, ranges))
        self._queue.delivered(Outcome(answers, commits, redacted=changes.redacted, trimmed=changes.trimmed))

    def wait(self, seconds: float) -> None:
        """See `Engine.wait`; there is no sync to share, so nothing waits for long."""
        asyncio.get_running_loop().call_soon(self._queue.gathered)

    async def close(self) -> None:
        """See `Store.close`."""
        self._queue.close()
        await self._queue.drained()

    def _publish(self, outcome: Outcome) -> None:
        if outcome.commits:
            for listener in self._listeners:
                listener(outcome.commits)
        for room, event in outcome.redacted:
            for redacted in self._redact_listeners:
                redacted(room, event)
        for room, first_seq in outcome.trimmed:
            for trimmed in self._trim_listeners:
                trimmed(room, first_seq)

    def _carry_out(self, item: Item, now_ms: int, changes: _Changes) -> ItemAnswer:
        if not isinstance(item, Work):
            return self._append(item, now_ms, changes)
        before: dict[str, _Room | None] = {}
        own = _Changes(before=before)
        cursors, oldest = dict(self._cursors), dict(self._oldest)
        try:
            result = drive(item.transaction, partial(self._perform, now_ms, own))
        except Exception as error:
            self._cursors, self._oldest = cursors, oldest
            for name, room in before.items():
                if room is None:
                    del self._rooms[name]
                else:
                    self._rooms[name] = room
            if isinstance(error, Refusal):
                return error
            _log.exception("a transaction failed")
            return Refusal("internal")
        for name, events in own.added.items():
            changes.added.setdefault(name, []).extend(events)
        for name, event in own.redacted:
            _redact(changes, name, event)
        changes.trimmed += own.trimmed
        return Done(result)

    def _perform(self, now_ms: int, changes: _Changes, step: Step) -> object:
        match step:
            case Append(draft):
                answer = self._append(draft, now_ms, changes)
                if isinstance(answer, Refusal):
                    raise answer
                return answer
            case Redact():
                return self._redact(step, changes)
            case DropExpired():
                return self._drop(step, changes)
            case FindLog(name):
                return self._rooms.get(name, _Room()).log
            case NoteOldest(name):
                for each in self._rooms if name is None else (name,):
                    if len(self._rooms[each].events) > 1:
                        self._oldest.setdefault(each, min(self._rooms[each].times[0], now_ms))
                return None
        return self._perform_on_commits(step)

    def _perform_on_commits(self, step: Position | CommitsAfter | GetCursor | SetCursor) -> object:
        match step:
            case Position():
                return len(self._commits)
            case CommitsAfter(position, limit):
                return self._commits[position : position + limit]
            case GetCursor(follower):
                return self._cursors.get(follower)
            case SetCursor(follower, position):
                self._cursors.pop(follower, None)
                if position is not None:
                    self._cursors[follower] = position
                return None

    def _drop(self, step: DropExpired, changes: _Changes) -> bool:
        due = [(at_ms, name) for name, at_ms in self._oldest.items() if at_ms < step.before_ms]
        if not due:
            return False
        _, name = min(due)
        room = self._changed(name, changes)
        times = list(enumerate(room.times[:-1][: step.limit], room.first_seq))
        last, self._oldest[name] = expired(times, step.before_ms, step.now_ms)
        if last is not None:
            del room.times[: last + 1 - room.first_seq], room.events[: last + 1 - room.first_seq]
            room.first_seq = last + 1
            room.keys = {key: seq for key, seq in room.keys.items() if seq > last}
            changes.trimmed.append((name, room.first_seq))
        if len(room.events) == 1:
            del self._oldest[name]
        return True

    def _append(self, draft: Draft, now_ms: int, changes: _Changes) -> Answer:
        room = self._rooms.get(draft.room)
        if room is not None:
            if (refusal := draft.judged_by(room.policy)) is not None:
                return refusal
            if draft.key is not None and (seq := room.keys.get((draft.author.id, draft.key))) is not None:
                return repeated(draft, room.events[seq - room.first_seq])
        elif draft.if_first is not None:
            return draft.if_first
        room = self._changed(draft.room, changes)
        seq = room.log.head_seq + 1
        at_ms = time_of_next(now_ms, room.active_ms)
        stored = Stored(seq, event_json(draft, seq, at_text(at_ms)), draft.type, draft.ref)
        room.events.append(stored)
        room.times.append(at_ms)
        if draft.key is not None:
            room.keys[draft.author.id, draft.key] = seq
        if isinstance(draft.payload, Settings):
            room.policy = Policy(seq, draft.payload.access)
        changes.added.setdefault(draft.room, []).append(stored)
        return Appended(seq, stored.json, replay=False)

    def _redact(self, step: Redact, changes: _Changes) -> Stored:
        room = self._rooms.get(step.room, _Room())
        index = step.seq - room.first_seq
        if not 0 <= index < len(room.events):
            raise Refusal("gone")
        event = tombstone(room.events[index])
        self._changed(step.room, changes).events[index] = event
        _redact(changes, step.room, event)
        return event

    def _changed(self, name: str, changes: _Changes) -> _Room:
        """A room that is about to be changed; made if it is not there."""
        room = self._rooms.get(name)
        if changes.before is not None and name not in changes.before:
            changes.before[name] = None if room is None else room.copy()
        return self._rooms.setdefault(name, _Room())

    async def log(self, room: str) -> Log:
        """See `Store.log`."""
        return self._rooms.get(room, _Room()).log

    async def after(self, room: str, seq: int, limit: int, max_bytes: int = 262144) -> list[Stored]:
        """See `Store.after`."""
        found = self._rooms.get(room, _Room())
        start = max(seq + 1 - found.first_seq, 0)  # before the first event is no place from the end
        return _fitting(found.events[start : start + limit], max_bytes)

    async def before(self, room: str, seq: int, limit: int, max_bytes: int = 1048576) -> list[Stored]:
        """See `Store.before`."""
        found = self._rooms.get(room, _Room())
        end = min(max(seq - found.first_seq, 0), len(found.events))
        return _fitting(found.events[max(0, end - limit) : end][::-1], max_bytes)[::-1]

    async def rooms(self, limit: int) -> list[RoomSummary]:
        """See `Store.rooms`."""
        newest_first = sorted(self._rooms.items(), key=lambda item: (-item[1].active_ms, item[0]))
        return [RoomSummary(name, room.log, at_text(room.active_ms)) for name, room in newest_first[:limit]]


def _redact(changes: _Changes, name: str, event: Stored) -> None:
    """An event has become a tombstone; where it is new in the same batch, nobody is shown what it was."""
    events = changes.added.get(name, ())
    changes.added.update({name: [event if event.seq == each.seq else each for each in events]} if events else {})
    changes.redacted.append((name, event))


def _fitting(events: list[Stored], max_bytes: int) -> list[Stored]:
    """The leading events whose JSON is at most `max_bytes` together, and always the first."""
    total = 0
    for index, event in enumerate(events):
        total += len(event.json)
        if total > max_bytes and index:
            return events[:index]
    return events
