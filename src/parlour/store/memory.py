"""The shortest correct store: the oracle that the others are compared with; it forgets everything on exit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from parlour.chat import transactions as steps
from parlour.chat.ports import Clock, Commit, Ids, RoomSummary, Unread
from parlour.chat.statements import Query, R
from parlour.chat.transactions import Committed, Step, drive
from parlour.core.errors import Refusal
from parlour.core.event import Answer, Appended, Draft, Log, Stored
from parlour.core.payloads import Redacted
from parlour.core.policy import NO_POLICY, Policy, ServerAccess
from parlour.schema.erasing import accounts_in, without_accounts
from parlour.schema.event_json import at_text, event_json, tombstone
from parlour.store.changes import Batch, Changes, Item, Outcome, failed_transaction
from parlour.store.commit_queue import CommitQueue
from parlour.store.memory_unread import unread
from parlour.store.recent import UNLISTED
from parlour.store.rules import ERASE_LOOKS_AT, expired, judged_again, new_identity, repeated, time_of_next
from parlour.store.sqlite.tables import run_query, tables_in_memory

_PLACES = 1 << 36
"""What the seqs of a room are less than."""


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


class MemoryStore(CommitQueue):
    """A `Store` in plain lists."""

    def __init__(self, clock: Clock, ids: Ids) -> None:
        super().__init__(clock)
        self.epoch, self.secret = new_identity(ids)
        self._rooms: dict[str, _Room] = {}
        self._server = ServerAccess()
        self._copied: set[str] | None = None  # in a transaction: the rooms that are not what they were before it
        self._commits: list[Committed] = []
        self._cursors: dict[str, int] = {}
        self._tables = tables_in_memory()
        self._oldest: dict[str, int] = {}  # room to the time of its oldest event

    def commit(self, batch: Batch) -> None:
        """See `CommitQueue.commit`."""
        changes = Changes(batch.now_ms)
        answers = [self._carry_out(item, changes) for item in batch.items]
        ranges = [(room, events[0].seq, events[-1].seq) for room, events in changes.added.items()]
        ranges += [(room, event.seq, event.seq) for room, event in changes.redacted]
        if self._cursors and ranges:
            self._commits.append(Committed(len(self._commits) + 1, ranges))
        commits = [Commit(room, events) for room, events in changes.added.items()]
        self.delivered(Outcome(answers, commits, redacted=changes.redacted, trimmed=changes.trimmed))

    def wait(self, seconds: float) -> None:
        """See `CommitQueue.wait`; there is no sync to share, so nothing waits for long."""
        asyncio.get_running_loop().call_soon(self.take)

    async def close(self) -> None:
        """See `Store.close`."""
        self._refuse_new()
        await self._drained.wait()

    def _carry_out(self, item: Item, changes: Changes) -> object:
        if isinstance(item, Draft):
            return self._append(item, changes)
        self._copied = set()
        before = dict(self._rooms), dict(self._cursors), dict(self._oldest), self._server
        self._tables.execute("SAVEPOINT work")
        own = Changes(changes.now_ms)
        try:
            result = drive(item, partial(self._step, own))
        except Exception as error:
            self._rooms, self._cursors, self._oldest, self._server = before
            self._tables.execute("ROLLBACK TO work")
            return failed_transaction(error)
        finally:
            self._copied = None
            self._tables.execute("RELEASE work")
        changes.merge(own)
        return result

    def _step(self, changes: Changes, step: Step) -> object:
        """Carry out one step of a transaction."""
        return run_query(self._tables, step) if isinstance(step, Query) else self._perform(changes, step)

    def _perform(self, changes: Changes, step: steps.LogStep) -> object:
        match step:
            case steps.Append(draft):
                answer = self._append(draft, changes)
                if isinstance(answer, Refusal):
                    raise answer
                return answer
            case steps.Redact():
                return self._redact(step, changes)
            case steps.Erase():
                return self._erase(step, changes)
            case steps.DropExpired():
                return self._drop(step, changes)
            case steps.DropBefore(name, seq):
                self._drop_before(name, seq, changes)
            case steps.FindLog(name):
                return self._rooms.get(name, _Room()).log
            case _:
                return self._follow(step, changes)
        return None

    def _follow(self, step: steps.FollowerStep, changes: Changes) -> object:
        """Carry out a step that only followers make."""
        match step:
            case steps.NoteOldest(name):
                self._note_oldest(self._rooms if name is None else (name,), changes.now_ms)
            case steps.Position():
                return len(self._commits)
            case steps.CommitsAfter(position, limit):
                return self._commits[position : position + limit]
            case steps.GetCursor(follower):
                return self._cursors.get(follower)
            case steps.SetCursor():
                self._set_cursor(step)
        return None

    def _set_cursor(self, step: steps.SetCursor) -> None:
        if step.position is None:
            self._cursors.pop(step.follower, None)
        else:
            self._cursors[step.follower] = step.position

    def _note_oldest(self, names: Iterable[str], now_ms: int) -> None:
        for name in names:
            room = self._rooms[name]
            if len(room.events) > 1:
                self._oldest.setdefault(name, min(room.times[0], now_ms))

    def _drop(self, step: steps.DropExpired, changes: Changes) -> bool:
        due = [(at_ms, name) for name, at_ms in self._oldest.items() if at_ms < step.before_ms]
        if not due:
            return False
        _, name = min(due)
        room = self._changed(name)
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

    def _drop_before(self, name: str, seq: int, changes: Changes) -> None:
        if name not in self._rooms:
            return
        room = self._changed(name)
        first = min(seq, room.log.head_seq)
        if room.first_seq < first:
            count = first - room.first_seq
            del room.times[:count], room.events[:count]
            room.first_seq = first
            room.keys = {key: seq for key, seq in room.keys.items() if seq >= first}
            changes.trimmed.append((name, first))

    def _append(self, draft: Draft, changes: Changes) -> Answer:
        room = self._rooms.get(draft.room)
        if room is not None:
            if (refusal := judged_again(draft, room.policy, self._server)) is not None:
                return refusal
            if draft.key is not None and (seq := room.keys.get((draft.author.id, draft.key))) is not None:
                return repeated(draft, room.events[seq - room.first_seq])
        elif (refusal := judged_again(draft, NO_POLICY, self._server) or draft.if_first) is not None:
            return refusal
        room = self._changed(draft.room)
        seq = room.log.head_seq + 1
        at_ms = time_of_next(changes.now_ms, room.active_ms)
        stored = Stored(seq, event_json(draft, seq, at_text(at_ms)), draft.type, draft.ref)
        room.events.append(stored)
        room.times.append(at_ms)
        if draft.key is not None:
            room.keys[draft.author.id, draft.key] = seq
        room.policy = room.policy.after(seq, draft.payload)
        self._server = self._server.after(seq, draft.payload)
        changes.added.setdefault(draft.room, []).append(stored)
        return Appended(seq, stored.json, replay=False)

    def _redact(self, step: steps.Redact, changes: Changes) -> Stored | None:
        room = self._rooms.get(step.room, _Room())
        index = step.seq - room.first_seq
        if not 0 <= index < len(room.events):
            raise Refusal("gone")
        if room.events[index].type == Redacted.type:
            return None
        event = tombstone(room.events[index])
        self._changed(step.room).events[index] = event
        changes.redact(step.room, event)
        return event

    def _erase(self, step: steps.Erase, changes: Changes) -> steps.Erased:
        index, seq = divmod(step.position, _PLACES)
        names = list(self._rooms)
        while index < len(names) and seq >= self._rooms[names[index]].log.head_seq:
            index, seq = index + 1, 0
        if index == len(names):
            return steps.Erased(None)
        room = self._changed(names[index])
        found: set[str] = set()
        replaced: list[Stored] = []
        looked_at = changed = 0
        for place, event in enumerate(room.events):
            if event.seq > seq and changed < step.limit and looked_at < ERASE_LOOKS_AT:
                looked_at, seq = looked_at + 1, event.seq
                new = without_accounts(event, step.accounts)
                if new is not None:
                    changed += 1
                    found |= accounts_in(event, step.accounts)
                    room.events[place] = new
                    replaced.append(new)
                    changes.redact(names[index], new)
        position, is_end = index * _PLACES + seq, seq >= room.log.head_seq
        return steps.Erased(position, names[index], looked_at, changed, frozenset(found), is_end, replaced)

    def _changed(self, name: str) -> _Room:
        """A room that is about to be changed; made if it is not there."""
        room = self._rooms.get(name)
        if room is None:
            room = self._rooms[name] = _Room()
        if self._copied is not None and name not in self._copied:
            self._copied.add(name)
            self._rooms[name] = room = room.copy()
        return room

    async def query(self, query: Query[R]) -> list[R]:
        """See `Store.query`."""
        return run_query(self._tables, query)

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
        rooms = [(name, room) for name, room in self._rooms.items() if not name.startswith(UNLISTED)]
        newest_first = sorted(rooms, key=lambda item: (-item[1].active_ms, item[0]))
        return [_summary(name, room) for name, room in newest_first[:limit]]

    async def summaries(self, rooms: Sequence[str]) -> list[RoomSummary]:
        """See `Store.summaries`."""
        return [_summary(name, self._rooms[name]) for name in rooms if name in self._rooms]

    async def unread(self, pairs: Sequence[tuple[str, str]]) -> list[Unread]:
        """See `Store.unread`."""
        rows = [
            unread(partial(run_query, self._tables), account, room, self._rooms.get(room, _Room()))
            for account, room in pairs
        ]
        return [row for row in rows if row is not None]

    async def policies(self) -> dict[str, Policy]:
        """See `Store.policies`."""
        return {name: room.policy for name, room in self._rooms.items() if room.policy.seq}


def _summary(name: str, room: _Room) -> RoomSummary:
    first_seq, head_seq, _ = room.log
    return RoomSummary(name, Log(first_seq, head_seq), at_text(room.active_ms))


def _fitting(events: list[Stored], max_bytes: int) -> list[Stored]:
    """The leading events whose JSON is at most `max_bytes` together, and always the first."""
    total = 0
    for index, event in enumerate(events):
        total += len(event.json)
        if total > max_bytes and index:
            return events[:index]
    return events
