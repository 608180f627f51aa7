"""The shortest correct store: the oracle that the others are compared with; it forgets everything on exit."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence

from parlour.chat.ports import Clock, Commit, Ids, RoomSummary
from parlour.core.errors import Refusal
from parlour.core.event import NO_POLICY, Answer, Appended, Draft, Log, Policy, Stored
from parlour.core.payloads import Settings
from parlour.schema.event_json import at_text, event_json
from parlour.store.identity import new_identity
from parlour.store.repeats import repeated
from parlour.store.times import time_of_next


class MemoryStore:
    """A `Store` in plain lists. What is appended in one loop iteration is one transaction."""

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self.epoch, self.secret = new_identity(ids)
        self._clock = clock
        self._events: defaultdict[str, list[Stored]] = defaultdict(list)
        self._active_ms: dict[str, int] = {}
        self._policies: dict[str, Policy] = {}
        self._keys: dict[tuple[str, str, str], int] = {}
        self._queue: list[tuple[Draft, Callable[[Answer], None]]] = []
        self._listeners: list[Callable[[Sequence[Commit]], None]] = []
        self._held = False
        self._closing = False

    def on_commit(self, listener: Callable[[Sequence[Commit]], None]) -> None:
        """See `Store.on_commit`."""
        self._listeners.append(listener)

    def on_trim(self, listener: Callable[[str, int], None]) -> None:
        """See `Store.on_trim`; nothing is ever dropped here."""

    def hold(self, is_held: bool) -> None:
        """See `Store.hold`."""
        self._held = is_held and not self._closing
        if not is_held and self._queue:
            asyncio.get_running_loop().call_soon(self._commit)

    def append(self, draft: Draft, done: Callable[[Answer], None]) -> None:
        """See `Store.append`."""
        if self._closing:
            raise Refusal("draining")
        if not self._queue:
            asyncio.get_running_loop().call_soon(self._commit)
        self._queue.append((draft, done))

    def _commit(self) -> None:
        if self._held:
            return
        batch, self._queue = self._queue, []
        added: dict[str, list[Stored]] = {}
        answers = [self._store(draft, added) for draft, _ in batch]
        if added:
            commits = [Commit(room, events) for room, events in added.items()]
            for listener in self._listeners:
                listener(commits)
        for (_, done), answer in zip(batch, answers, strict=True):
            done(answer)

    def _store(self, draft: Draft, added: dict[str, list[Stored]]) -> Answer:
        refusal = draft.judged_by(self._policies.get(draft.room, NO_POLICY))
        if refusal is not None:
            return refusal
        identity = None if draft.key is None else (draft.room, draft.author.id, draft.key)
        if identity is not None and identity in self._keys:
            return repeated(draft, self._events[draft.room][self._keys[identity] - 1])
        if draft.if_first is not None and draft.room not in self._events:
            return draft.if_first
        log = self._events[draft.room]
        seq = len(log) + 1
        at_ms = time_of_next(self._clock.now_ms(), self._active_ms.get(draft.room, 0))
        stored = Stored(seq, event_json(draft, seq, at_text(at_ms)), draft.type, draft.ref)
        log.append(stored)
        self._active_ms[draft.room] = at_ms
        if identity is not None:
            self._keys[identity] = seq
        if isinstance(draft.payload, Settings):
            self._policies[draft.room] = Policy(seq, draft.payload.access)
        added.setdefault(draft.room, []).append(stored)
        return Appended(seq, stored.json, replay=False)

    async def log(self, room: str) -> Log:
        """See `Store.log`."""
        return Log(1, len(self._events.get(room, ())), self._policies.get(room, NO_POLICY))

    async def after(self, room: str, seq: int, limit: int, max_bytes: int = 262144) -> list[Stored]:
        """See `Store.after`."""
        start = max(seq, 0)  # before the first event is no place from the end
        return _fitting(self._events.get(room, [])[start : start + limit], max_bytes)

    async def before(self, room: str, seq: int, limit: int, max_bytes: int = 1048576) -> list[Stored]:
        """See `Store.before`."""
        log = self._events.get(room, [])
        end = min(max(seq - 1, 0), len(log))
        return _fitting(log[max(0, end - limit) : end][::-1], max_bytes)[::-1]

    async def rooms(self, limit: int) -> list[RoomSummary]:
        """See `Store.rooms`."""
        newest_first = sorted(self._active_ms.items(), key=lambda item: (-item[1], item[0]))
        return [RoomSummary(room, await self.log(room), at_text(at_ms)) for room, at_ms in newest_first[:limit]]

    def is_ready(self) -> bool:
        """See `Store.is_ready`."""
        return not self._closing

    async def close(self) -> None:
        """See `Store.close`."""
        self._closing = True
        self._held = False
        self._commit()


def _fitting(events: list[Stored], max_bytes: int) -> list[Stored]:
    """The leading events whose JSON is at most `max_bytes` together, and always the first."""
    total = 0
    for index, event in enumerate(events):
        total += len(event.json)
        if total > max_bytes and index:
            return events[:index]
    return events
