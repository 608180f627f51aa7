"""The log as the writer thread sees it: turns a batch of drafts into durable events in one transaction."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import NamedTuple, cast

import apsw

from parlour import log
from parlour.chat.ports import Commit
from parlour.core.errors import Refusal
from parlour.core.event import NO_POLICY, Answer, Appended, Draft, Policy, Stored
from parlour.core.payloads import Settings
from parlour.schema.event_json import at_text, event_json
from parlour.store.repeats import repeated
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.recent import Tip
from parlour.store.sqlite.rows import checksum, room_crc
from parlour.store.times import time_of_next

_log = logging.getLogger("parlour.store")

ROOMS_CACHED = 4096
"""Heads of rooms kept at hand; a room that is not costs two more steps, once."""

AHEAD_MS = 60_000
"""A room whose newest event is this far ahead of the clock has seen another clock; less is a step of NTP."""

SAY_AHEAD_EVERY_S = 3600.0

AHEAD_MEANING = (
    "the clock was wrong when its newest message came, or is now; if by more than an hour, new messages take the time"
    " of the clock, else that of the newest one until the clock has reached it"
)


class Outcome(NamedTuple):
    """What became of a batch: one answer per draft, in order, what was added to each room, and how these end now."""

    answers: Sequence[Answer]
    commits: Sequence[Commit]
    tips: Sequence[Tip] = ()


class _Room:
    """The end of one room's log."""

    __slots__ = ("at_ms", "base", "crc", "first_seq", "head", "number", "policy", "policy_seq")

    def __init__(self, number: int, first_seq: int, head: int, at_ms: int, crc: int, policy: Policy) -> None:
        self.number = number
        self.base = number << sql.SEQ_BITS
        self.first_seq = first_seq
        self.head = head
        self.at_ms = at_ms
        self.crc = crc
        self.policy = policy
        self.policy_seq = policy.seq  # at hand: every draft asks for it


class EventLog:
    """Appends batches through the one read-write connection. Not thread-safe: belongs to the writer thread."""

    def __init__(self, connection: apsw.Connection, seed: str) -> None:
        """`seed` is what checksums start from."""
        self.newest = (0, 0)  # id and checksum of the last event that was stored since the start
        self._connection = connection
        self._seed = seed
        self._rooms: dict[str, _Room] = {}
        self._said_ahead = -SAY_AHEAD_EVERY_S

    def append(self, drafts: Sequence[Draft], now_ms: int) -> Outcome:
        """Store a batch; when this returns, it is on disk. Raises apsw.Error: then no event of the batch is visible.

        The fast way is one INSERT in autocommit, so one step of SQLite: each step gives the GIL away and must win it
        back. A new room, a repeated key or a new policy makes the batch take the slow way, which is the same in many
        steps.
        """
        while len(self._rooms) > ROOMS_CACHED:
            del self._rooms[next(iter(self._rooms))]
        try:
            if self._is_plain(drafts):
                try:
                    return self._append_at_once(drafts, now_ms)
                except apsw.ConstraintError:  # a repeated key; the statement has been rolled back
                    self._forget(drafts)
            return self._append_in_steps(drafts, now_ms)
        except BaseException:
            self._forget(drafts)
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _is_plain(self, drafts: Sequence[Draft]) -> bool:
        """Whether all rooms exist, and no draft sets a policy or was judged before the newest."""
        for draft in drafts:
            room = self._find(draft.room)
            if room is None or draft.payload.__class__ is Settings or _is_outdated(draft, room):
                return False
        return True

    def answers_without_storing(self, drafts: Sequence[Draft], refusal: Refusal) -> list[Answer]:
        """The answers to a batch that could not be stored: repeats find their event, the rest are refused.

        `refusal` says that nothing was stored, which must not be said of what is. Raises apsw.Error.
        """
        answers: list[Answer] = []
        for draft in drafts:
            is_keyed = draft.key is not None and self._find(draft.room) is not None
            answers.append((self._earlier(draft) if is_keyed else None) or refusal)
        return answers

    def trimmed(self, name: str, first_seq: int) -> None:
        """Retention has dropped what comes before `first_seq` in a room."""
        room = self._rooms.get(name)
        if room is not None:
            room.first_seq = first_seq

    def _append_at_once(self, drafts: Sequence[Draft], now_ms: int) -> Outcome:
        added: dict[str, list[Stored]] = {}
        rows, answers = self._number(drafts, now_ms, added)
        self._insert(rows)
        self._note(rows)
        return self._outcome(answers, added)

    def _append_in_steps(self, drafts: Sequence[Draft], now_ms: int) -> Outcome:
        self._connection.execute("BEGIN IMMEDIATE")
        answers: list[Answer] = []
        added: dict[str, list[Stored]] = {}
        run: list[Draft] = []  # drafts to be stored at once
        keys: set[tuple[str, str, str]] = set()  # theirs
        last: list[apsw.SQLiteValue] = []

        def store() -> None:
            nonlocal last
            if run:
                last, stored = self._number(run, now_ms, added)
                self._insert(last)
                answers.extend(stored)
                run.clear()
                keys.clear()

        for draft in drafts:
            key = None if draft.key is None else (draft.room, draft.author.id, draft.key)
            if key in keys:
                store()  # so that the repeat finds it
            answer = self._answer_without_storing(draft)
            if answer is not None:
                store()  # the answers are in the order of the drafts
                answers.append(answer)
                continue
            run.append(draft)
            if key is not None:
                keys.add(key)
            if isinstance(draft.payload, Settings):
                store()
                self._set_policy(self._rooms[draft.room], draft.payload)
        store()
        self._connection.execute("COMMIT")
        self._note(last)
        return self._outcome(answers, added)

    def _answer_without_storing(self, draft: Draft) -> Answer | None:
        """The answer to a draft that is not stored: a refusal, or the event that has its key. None: store it."""
        room = self._find(draft.room)
        if room is None:
            if draft.if_first is not None:
                return draft.if_first
            return None if self._create(draft.room) else Refusal("storage_full", "No more rooms can be made.")
        if _is_outdated(draft, room) and (refusal := draft.judged_by(room.policy)) is not None:
            return refusal
        return None if draft.key is None else self._earlier(draft)

    def _set_policy(self, room: _Room, settings: Settings) -> None:
        """The newest event of a room sets its policy."""
        room.policy = Policy(room.head, settings.access)
        room.policy_seq = room.head
        self._connection.execute(sql.SET_POLICY, (*room.policy, room.number))

    def _outcome(self, answers: Sequence[Answer], added: dict[str, list[Stored]]) -> Outcome:
        commits, tips = [], []
        for name, events in added.items():
            room = self._rooms[name]
            commits.append(Commit(name, events))
            tips.append(Tip(name, room.first_seq, room.head, room.at_ms, room.policy))
        return Outcome(answers, commits, tips)

    def _number(
        self, drafts: Sequence[Draft], now_ms: int, added: dict[str, list[Stored]]
    ) -> tuple[list[apsw.SQLiteValue], list[Answer]]:
        """Give each draft its place and time: the rows to insert, and the answers; adds the events to their rooms."""
        rows: list[apsw.SQLiteValue] = []
        answers: list[Answer] = []
        at_ms, at = now_ms, at_text(now_ms)
        for draft in drafts:
            room = self._rooms[draft.room]
            if room.at_ms > at_ms or at_ms != now_ms:  # the clock has been set back
                self._say_ahead(draft.room, room.at_ms - now_ms)
                at_ms = time_of_next(now_ms, room.at_ms)
                at = at_text(at_ms)
            room.at_ms = at_ms
            room.head = seq = room.head + 1
            body = event_json(draft, seq, at)
            author, key, name, ref = draft.author.id, draft.key, draft.payload.type, draft.ref
            rows += (room.base | seq, at_ms, author, key, body, checksum(room.crc, seq, body), name, ref)
            answers.append(Appended(seq, body, False))
            event = Stored(seq, body, name, ref)
            try:
                added[draft.room].append(event)
            except KeyError:
                added[draft.room] = [event]
        return rows, answers

    def _say_ahead(self, name: str, ahead_ms: int) -> None:
        """Tell the operator that the clock must have been wrong, now or before; seldom, since it may last for years."""
        now = time.monotonic()
        if ahead_ms > AHEAD_MS and now - self._said_ahead >= SAY_AHEAD_EVERY_S:
            self._said_ahead = now
            log.event(
                _log, "room_ahead_of_the_clock", log.WARNING, room=name, ahead_s=ahead_ms // 1000, meaning=AHEAD_MEANING
            )

    def _note(self, rows: list[apsw.SQLiteValue]) -> None:
        if rows:
            self.newest = cast("tuple[int, int]", (rows[-sql.COLUMNS], rows[sql.CHECKSUM - sql.COLUMNS]))

    def _insert(self, rows: list[apsw.SQLiteValue]) -> None:
        statement, missing = sql.insert_events(len(rows) // sql.COLUMNS)
        self._connection.execute(statement, rows + [None] * missing)

    def _find(self, name: str) -> _Room | None:
        room = self._rooms.get(name)
        if room is None:
            row = self._connection.execute(sql.FIND_ROOM, (name,)).get
            if row is not None:
                number, first_seq, newest, *policy = row
                at_ms = self._connection.execute(sql.TIME_OF, (newest,)).get
                crc = room_crc(self._seed, name)
                room = _Room(number, first_seq, newest & sql.SEQ_MASK, at_ms, crc, Policy(*policy))
                self._rooms[name] = room
        return room

    def _create(self, name: str) -> bool:
        try:
            number = self._connection.execute(sql.CREATE_ROOM, (name,)).get
        except apsw.ConstraintError:  # CHECK: the numbers are used up
            return False
        self._rooms[name] = _Room(number, 1, 0, 0, room_crc(self._seed, name), NO_POLICY)
        return True

    def _earlier(self, draft: Draft) -> Answer | None:
        """The answer for a draft whose key was stored by an earlier batch."""
        room = self._rooms[draft.room]
        row = self._connection.execute(sql.FIND_KEY, (room.number, draft.author.id, draft.key)).get
        if row is None:
            return None
        event_id, crc, body, name, ref = row
        seq = event_id & sql.SEQ_MASK
        if crc != checksum(room.crc, seq, body):
            return Refusal("storage_unavailable", f"Event {seq} of room {draft.room} is damaged.")
        return repeated(draft, Stored(seq, body, name, ref))

    def _forget(self, drafts: Sequence[Draft]) -> None:
        """Drop what was numbered but not stored; the heads are read again from the log."""
        for draft in drafts:
            self._rooms.pop(draft.room, None)


def _is_outdated(draft: Draft, room: _Room) -> bool:
    return draft.judged_at is not None and draft.judged_at < room.policy_seq
