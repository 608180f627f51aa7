"""The log as the writer thread sees it: turns a batch of drafts into durable events in one transaction."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import NamedTuple, cast

import apsw

from parlour.chat.ports import Commit
from parlour.core.errors import Refusal
from parlour.core.event import Answer, Appended, Draft, Stored
from parlour.log import WARNING, event
from parlour.store.encoding import at_text, check_same_content, event_json
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

    __slots__ = ("at_ms", "base", "crc", "first_seq", "head", "number")

    def __init__(self, number: int, first_seq: int, head: int, at_ms: int, crc: int) -> None:
        self.number = number
        self.base = number << sql.SEQ_BITS
        self.first_seq = first_seq
        self.head = head
        self.at_ms = at_ms
        self.crc = crc


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
        back. A new room or a repeated key makes the batch take the slow way, which is the same in many steps.
        """
        while len(self._rooms) > ROOMS_CACHED:
            del self._rooms[next(iter(self._rooms))]
        try:
            if all(self._find(room) is not None for room in {draft.room for draft in drafts}):
                try:
                    return self._append_at_once(drafts, now_ms)
                except apsw.ConstraintError:  # a repeated key; the statement has been rolled back
                    self._forget(drafts)
            return self._append_one_by_one(drafts, now_ms)
        except BaseException:
            self._forget(drafts)
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

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
        rows, answers, added = self._number(drafts, now_ms)
        self._insert(rows)
        self._note(rows)
        return self._outcome(answers, added)

    def _append_one_by_one(self, drafts: Sequence[Draft], now_ms: int) -> Outcome:
        self._connection.execute("BEGIN IMMEDIATE")
        answers: list[Answer | None] = [None] * len(drafts)
        fresh: list[int] = []  # indices of drafts to store
        first: dict[tuple[str, str, str], int] = {}  # where a key is used first in this batch
        for index, draft in enumerate(drafts):
            if self._find(draft.room) is None:
                if draft.if_first is not None:
                    answers[index] = draft.if_first
                    continue
                if not self._create(draft.room):
                    answers[index] = Refusal("storage_full", "No more rooms can be made.")
                    continue
            if draft.key is not None:
                answers[index] = self._earlier(draft)
                if (
                    answers[index] is not None
                    or first.setdefault((draft.room, draft.author.id, draft.key), index) != index
                ):
                    continue
            fresh.append(index)
        rows, stored, added = self._number([drafts[index] for index in fresh], now_ms)
        if fresh:
            self._insert(rows)
        self._connection.execute("COMMIT")
        self._note(rows)
        for index, answer in zip(fresh, stored, strict=True):
            answers[index] = answer
        for index, draft in enumerate(drafts):
            if answers[index] is None and draft.key is not None:
                original = answers[first[draft.room, draft.author.id, draft.key]]
                answers[index] = _replay(draft, original)
        done = [answer for answer in answers if answer is not None]
        assert len(done) == len(drafts), "a draft without an answer"
        return self._outcome(done, added)

    def _outcome(self, answers: Sequence[Answer], added: dict[str, list[Stored]]) -> Outcome:
        commits, tips = [], []
        for name, events in added.items():
            room = self._rooms[name]
            commits.append(Commit(name, events))
            tips.append(Tip(name, room.first_seq, room.head, room.at_ms))
        return Outcome(answers, commits, tips)

    def _number(
        self, drafts: Sequence[Draft], now_ms: int
    ) -> tuple[list[apsw.SQLiteValue], list[Answer], dict[str, list[Stored]]]:
        """Give each draft its place and time: the rows to insert, the answers, and the events of each room."""
        rows: list[apsw.SQLiteValue] = []
        answers: list[Answer] = []
        added: dict[str, list[Stored]] = {}
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
            rows += (room.base | seq, at_ms, draft.author.id, draft.key, body, checksum(room.crc, seq, body))
            answers.append(Appended(seq, body, False))
            try:
                added[draft.room].append(Stored(seq, body))
            except KeyError:
                added[draft.room] = [Stored(seq, body)]
        return rows, answers, added

    def _say_ahead(self, name: str, ahead_ms: int) -> None:
        """Tell the operator that the clock must have been wrong, now or before; seldom, since it may last for years."""
        now = time.monotonic()
        if ahead_ms > AHEAD_MS and now - self._said_ahead >= SAY_AHEAD_EVERY_S:
            self._said_ahead = now
            event(_log, "room_ahead_of_the_clock", WARNING, room=name, ahead_s=ahead_ms // 1000, meaning=AHEAD_MEANING)

    def _note(self, rows: list[apsw.SQLiteValue]) -> None:
        if rows:
            self.newest = cast("tuple[int, int]", (rows[-sql.COLUMNS], rows[-1]))

    def _insert(self, rows: list[apsw.SQLiteValue]) -> None:
        statement, missing = sql.insert_events(len(rows) // sql.COLUMNS)
        self._connection.execute(statement, rows + [None] * missing)

    def _find(self, name: str) -> _Room | None:
        room = self._rooms.get(name)
        if room is None:
            row = self._connection.execute(sql.FIND_ROOM, (name,)).get
            if row is not None:
                number, first_seq, newest = row
                at_ms = self._connection.execute(sql.TIME_OF, (newest,)).get
                room = _Room(number, first_seq, newest & sql.SEQ_MASK, at_ms, room_crc(self._seed, name))
                self._rooms[name] = room
        return room

    def _create(self, name: str) -> bool:
        try:
            number = self._connection.execute(sql.CREATE_ROOM, (name,)).get
        except apsw.ConstraintError:  # CHECK: the numbers are used up
            return False
        self._rooms[name] = _Room(number, 1, 0, 0, room_crc(self._seed, name))
        return True

    def _earlier(self, draft: Draft) -> Answer | None:
        """The answer for a draft whose key was stored by an earlier batch."""
        room = self._rooms[draft.room]
        row = self._connection.execute(sql.FIND_KEY, (room.number, draft.author.id, draft.key)).get
        if row is None:
            return None
        event_id, crc, body = row
        seq = event_id & sql.SEQ_MASK
        if crc != checksum(room.crc, seq, body):
            return Refusal("storage_unavailable", f"Event {seq} of room {draft.room} is damaged.")
        return _replay(draft, Appended(seq, body, False))

    def _forget(self, drafts: Sequence[Draft]) -> None:
        """Drop what was numbered but not stored; the heads are read again from the log."""
        for draft in drafts:
            self._rooms.pop(draft.room, None)


def _replay(draft: Draft, earlier: Answer | None) -> Answer:
    if not isinstance(earlier, Appended):
        return earlier or Refusal("internal")
    try:
        check_same_content(draft, earlier.json)
    except Refusal as refusal:
        return refusal
    return Appended(earlier.seq, earlier.json, True)
