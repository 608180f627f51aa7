"""The log as the writer thread sees it: turns a batch of drafts into durable events in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import TypeGuard, cast

import apsw
import msgspec

from parlour.chat import transactions as steps
from parlour.chat.ports import Commit
from parlour.chat.statements import Query
from parlour.chat.tables.server_settings import SETTINGS, server_access
from parlour.chat.transactions import Committed, Step, Transaction, drive
from parlour.core.errors import Refusal
from parlour.core.event import Answer, Appended, Draft, Log, Stored
from parlour.core.payloads import POLICY_PAYLOADS, Redacted, ServerChanged
from parlour.core.policy import NO_POLICY
from parlour.schema.erasing import NAMES_IN, accounts_in, without_accounts
from parlour.schema.event_json import at_text, event_json, tombstone
from parlour.schema.json_line import encode
from parlour.store.ahead import AheadOfClock
from parlour.store.changes import Changes, Item, Outcome, failed_transaction
from parlour.store.checksums import checksum, room_crc
from parlour.store.policy_columns import policy_of
from parlour.store.recent import RoomHead
from parlour.store.room_end import RoomEnd
from parlour.store.rules import (
    ERASE_LOOKS_AT,
    expired,
    judged_again,
    repeated,
    time_of_next,
)
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.policies import set_policy
from parlour.store.sqlite.tables import run_query
from parlour.store.sqlite.tuning import DEFAULT, SqliteTuning

_log = logging.getLogger("parlour.store")

_decode_ranges = msgspec.json.Decoder(list[tuple[int, int, int]]).decode


class EventLog:
    """Appends batches through the one read-write connection. Not thread-safe: belongs to the writer thread."""

    def __init__(self, connection: apsw.Connection, seed: str, tuning: SqliteTuning = DEFAULT) -> None:
        """`seed` is what checksums start from."""
        self._tuning = tuning
        self._commits_crc = room_crc(seed, "")
        self._position: int = connection.execute(sql.NEWEST_COMMIT).get or 0
        self._is_followed = bool(connection.execute(sql.IS_FOLLOWED).get)
        self.last_row = (0, 0)  # id and checksum of the row that was stored last
        self._connection = connection
        self._seed = seed
        self._rooms: dict[str, RoomEnd] = {}
        self._server = server_access(run_query(connection, SETTINGS()))
        self._ahead = AheadOfClock()

    def append(self, items: Sequence[Item], now_ms: int) -> Outcome:
        """Store a batch; when this returns, it is on disk. Raises apsw.Error: then no event of the batch is visible.

        The fast way is one INSERT in autocommit, so one step of SQLite: each step gives the GIL away and must win it
        back. A new room, a repeated key, a new policy or a transaction makes the batch take the slow way, in steps.
        """
        while len(self._rooms) > self._tuning.rooms_cached:
            del self._rooms[next(iter(self._rooms))]
        changes, server = Changes(now_ms), self._server
        try:
            if self._are_plain(items):
                try:
                    rows, answers = self._number(items, changes)
                    if self._is_followed:
                        rows += self._commit_row(changes)
                    self._insert(rows)
                except apsw.ConstraintError:  # a repeated key; the statement has been rolled back
                    self._forget(items)
                    changes = Changes(now_ms)
                else:
                    self._stored(rows)
                    return self._outcome(answers, changes)
            return self._append_in_steps(items, changes)
        except BaseException:
            self._forget(items)
            self._server = server
            self._is_followed = True  # not known: a transaction that is undone may have removed the last cursor
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _are_plain(self, items: Sequence[Item]) -> TypeGuard[Sequence[Draft]]:
        """Whether all are drafts for rooms that exist, and none sets a policy or was judged before the newest."""
        rooms, server_seq = self._rooms, self._server.seq
        for item in items:
            if not isinstance(item, Draft):
                return False
            room = rooms.get(item.room) or self._find(item.room)
            if room is None or item.payload.__class__ in POLICY_PAYLOADS:
                return False
            if item.judged_at is not None and (item.judged_at < room.policy_seq or item.server_at < server_seq):
                return False
        return (
            not self._is_followed or (self._position + 1) % self._tuning.drop_commits_every != 0
        )  # to drop commits is a step

    def answers_without_storing(self, items: Sequence[Item], refusal: Refusal) -> list[Answer]:
        """The answers to a batch that could not be stored: repeats find their event, the rest are refused.

        `refusal` says that nothing was stored, which must not be said of what is. Raises apsw.Error.
        """
        answers: list[Answer] = []
        for item in items:
            earlier = self._earlier(item) if isinstance(item, Draft) else None
            answers.append(earlier or refusal)
        return answers

    def _append_in_steps(self, items: Sequence[Item], changes: Changes) -> Outcome:
        self._connection.execute("BEGIN IMMEDIATE")
        answers: list[object] = []
        run: list[Draft] = []  # drafts to be stored at once
        keys: set[tuple[str, str, str] | None] = set()  # theirs

        def store() -> None:
            if run:
                answers.extend(self._store(run, changes))
                run.clear()
                keys.clear()

        for item in items:
            if not isinstance(item, Draft):
                store()
                answers.append(self._run(item, changes))
                continue
            key = None if item.key is None else (item.room, item.author.id, item.key)
            sets_policy = item.payload.__class__ in POLICY_PAYLOADS
            if (key is not None and key in keys) or sets_policy:
                store()  # so that a repeat finds what it repeats, and a policy is the newest event of its room
            answer = self._answer_without_storing(item)
            if answer is None:
                run.append(item)
                keys.add(key)
            else:
                store()  # the answers are in the order of the drafts
                answers.append(answer)
            if sets_policy:
                store()
        store()
        commit = self._commit_row(changes) if changes.added or changes.redacted else None
        if commit is not None:
            self._insert(commit)
            every = self._tuning.drop_commits_every
            if not cast(int, commit[0]) % every:
                self._connection.execute(sql.DROP_COMMITS, (commit[0], 4 * every))
        self._connection.execute("COMMIT")
        if commit is not None:
            self._stored(commit)
        return self._outcome(answers, changes)

    def _store(self, drafts: Sequence[Draft], changes: Changes) -> Sequence[Answer]:
        """Insert drafts within a transaction; the last one may set the policy of its room."""
        rows, answers = self._number(drafts, changes)
        self._insert(rows)
        last = drafts[-1]
        if last.payload.__class__ in POLICY_PAYLOADS:
            room = self._rooms[last.room]
            room.policy, room.policy_seq = room.policy.after(room.head, last.payload), room.head
            set_policy(self._connection, room.number, room.policy, last.payload)
        elif last.payload.__class__ is ServerChanged:
            self._server = self._server.after(self._rooms[last.room].head, last.payload)
        return answers

    def _run(self, transaction: Transaction[object], changes: Changes) -> object:
        """Drive a transaction; what it has changed before it fails is undone."""
        own, server = Changes(changes.now_ms), self._server
        self._connection.execute("SAVEPOINT work")
        try:
            answer = drive(transaction, partial(self._step, own))
        except apsw.Error:
            raise
        except Exception as error:
            self._connection.execute("ROLLBACK TO work")
            self._server = server
            for name in {*own.added, *dict(own.trimmed)}:
                self._rooms.pop(name, None)
                self._find(name)
            answer = failed_transaction(error)
        else:
            changes.merge(own)
        self._connection.execute("RELEASE work")
        self._is_followed = bool(self._connection.execute(sql.IS_FOLLOWED).get)
        return answer

    def _step(self, changes: Changes, step: Step) -> object:
        """Carry out one step of a transaction."""
        return run_query(self._connection, step) if isinstance(step, Query) else self._perform(changes, step)

    def _perform(self, changes: Changes, step: steps.LogStep) -> object:
        """Carry out one step of a transaction. Raises Refusal, apsw.Error."""
        match step:
            case steps.Append(draft):
                answer = self._answer_without_storing(draft) or self._store([draft], changes)[0]
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
                room = self._find(name)
                return Log(1, 0) if room is None else Log(room.first_seq, room.head, room.policy)
            case _:
                return self._follow(step, changes)
        return None

    def _follow(self, step: steps.FollowerStep, changes: Changes) -> object:
        """Carry out a step that only followers make."""
        match step:
            case steps.NoteOldest(name):
                self._connection.execute(sql.NOTE_OLDEST, (changes.now_ms, name))
            case steps.Position():
                return self._position
            case steps.CommitsAfter():
                return self._commits_after(step)
            case steps.GetCursor(follower):
                found: int | None = self._connection.execute(sql.GET_CURSOR, (follower,)).get
                return found
            case steps.SetCursor(follower, None):
                self._connection.execute(sql.DROP_CURSOR, (follower,))
            case steps.SetCursor(follower, position):
                self._connection.execute(sql.SET_CURSOR, (follower, position))
        return None

    def _commits_after(self, step: steps.CommitsAfter) -> list[Committed]:
        """The commits, each with the names of its rooms; one that is damaged is logged, and has changed nothing."""
        found = []
        rows = self._connection.execute(sql.COMMITS_AFTER, tuple(step)).fetchall()
        for position, crc, body in cast("list[tuple[int, int, bytes]]", rows):
            ranges: list[tuple[int, int, int]] = []
            if crc == checksum(self._commits_crc, position, body):
                ranges = _decode_ranges(body)
            else:
                _log.error("commit %d is damaged: what follows the commits does not learn what it changed", position)
            named = [(self._connection.execute(sql.NAME_OF, (room,)).get, first, last) for room, first, last in ranges]
            found.append(Committed(position, named))
        return found

    def _drop(self, step: steps.DropExpired, changes: Changes) -> bool:
        name = self._connection.execute(sql.DUE_ROOM, (step.before_ms,)).get
        room = None if name is None else self._find(name)
        if room is None:
            return False
        first, head = room.base | room.first_seq, room.base | room.head
        times = self._connection.execute(sql.TIMES, (first, head, step.limit)).fetchall()
        last, due_ms = expired(cast("list[tuple[int, int]]", times), step.before_ms, step.now_ms)
        if last is not None:
            self._connection.execute(sql.DROP_EVENTS, (first, room.base | last))
            self._connection.execute(sql.RAISE_FIRST, (last + 1, room.number))
            room.first_seq = last + 1
            changes.trimmed.append((name, last + 1))
        if room.first_seq >= room.head:
            self._connection.execute(sql.FORGET_OLDEST, (room.number,))
        else:
            self._connection.execute(sql.SET_OLDEST, (due_ms, room.number))
        return True

    def _drop_before(self, name: str, seq: int, changes: Changes) -> None:
        room = self._find(name)
        if room is not None and room.first_seq < (first := min(seq, room.head)):
            self._connection.execute(sql.DROP_EVENTS, (room.base | room.first_seq, room.base | (first - 1)))
            self._connection.execute(sql.RAISE_FIRST, (first, room.number))
            room.first_seq = first
            changes.trimmed.append((name, first))

    def _redact(self, step: steps.Redact, changes: Changes) -> Stored | None:
        room = self._find(step.room)
        row = None if room is None else self._connection.execute(sql.ONE_EVENT, (room.base | step.seq,)).get
        if room is None or row is None:
            raise Refusal("gone")
        crc, body, name, ref = row
        if crc != checksum(room.crc, step.seq, body):
            raise Refusal("storage_unavailable", f"Event {step.seq} of room {step.room} is damaged.")
        if name == Redacted.type:
            return None
        event = tombstone(Stored(step.seq, body, name, ref))
        self._replace(step.room, room, [event], changes)
        return event

    def _replace(self, name: str, room: RoomEnd, events: Sequence[Stored], changes: Changes) -> None:
        """Put events in the places of those with the same seqs."""
        self._connection.pragma("secure_delete", 1)  # what was there is overwritten, not only unlinked
        for event in events:
            row = (event.json, checksum(room.crc, event.seq, event.json), event.type, event.ref, room.base | event.seq)
            self._connection.execute(sql.REPLACE_EVENT, row)
            changes.redact(name, event)
        self._connection.pragma("secure_delete", 0)

    def _erase(self, step: steps.Erase, changes: Changes) -> steps.Erased:
        execute = self._connection.execute
        after = max(step.position, sql.SEQ_MASK)  # before that is the log of commits
        following = execute(sql.NEXT_EVENT, (after,)).get
        if following is None:
            return steps.Erased(None)
        number = following >> sql.SEQ_BITS
        room_end = (number << sql.SEQ_BITS) | sql.SEQ_MASK
        looked_at, last = execute(sql.END_OF_LOOK, (following - 1, room_end, ERASE_LOOKS_AT)).get
        name = execute(sql.NAME_OF, (number,)).get
        room = self._find(name)
        assert room is not None  # it has events
        wanted = (encode(list(step.accounts)).decode(), encode(sorted(NAMES_IN)).decode())
        found = execute(sql.EVENTS_NAMING, (following - 1, last, *wanted, step.limit)).fetchall()
        rows = cast("list[tuple[int, int, bytes, str, int | None]]", found)
        if len(rows) == step.limit:
            last = rows[-1][0]
        changed: list[Stored] = []
        accounts: set[str] = set()
        for event_id, crc, body, type_, ref in rows:
            seq = event_id & sql.SEQ_MASK
            event = Stored(seq, body, type_, ref)
            if crc != checksum(room.crc, seq, body):
                _log.error("event %d of room %s is damaged: a deleted account may be named in it", seq, name)
            elif (new := without_accounts(event, step.accounts)) is not None:
                changed.append(new)
                accounts |= accounts_in(event, step.accounts)
        if changed:
            self._replace(name, room, changed, changes)
        is_end = last >= room.base | room.head
        return steps.Erased(last, name, looked_at, len(changed), frozenset(accounts), is_end, changed)

    def _answer_without_storing(self, draft: Draft) -> Answer | None:
        """The answer to a draft that is not stored: a refusal, or the event that has its key. None: store it."""
        room = self._find(draft.room)
        if room is None:
            if (refusal := judged_again(draft, NO_POLICY, self._server) or draft.if_first) is not None:
                return refusal
            return None if self._create(draft.room) else Refusal("storage_full", "No more rooms can be made.")
        if (refusal := judged_again(draft, room.policy, self._server)) is not None:
            return refusal
        return self._earlier(draft)

    def _outcome(self, answers: Sequence[object], changes: Changes) -> Outcome:
        commits, heads = [], []
        for name, events in changes.added.items():
            room = self._rooms[name]
            commits.append(Commit(name, events))
            heads.append(RoomHead(name, room.first_seq, room.head, room.at_ms))
        return Outcome(answers, commits, heads, changes.redacted, changes.trimmed)

    def _number(self, drafts: Sequence[Draft], changes: Changes) -> tuple[list[apsw.SQLiteValue], list[Answer]]:
        """Give each draft its place and time: the rows to insert, and the answers."""
        now_ms, added = changes.now_ms, changes.added
        rows: list[apsw.SQLiteValue] = []
        answers: list[Answer] = []
        at_ms, at = now_ms, at_text(now_ms)
        for draft in drafts:
            room = self._rooms[draft.room]
            if room.at_ms > at_ms or at_ms != now_ms:  # the clock has been set back
                self._ahead.say(draft.room, room.at_ms - now_ms)
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

    def _commit_row(self, changes: Changes) -> Sequence[apsw.SQLiteValue]:
        """The row that says what a transaction changes, in the log of commits: which seqs of which rooms.

        A batch of plain drafts has one only where a follower will read it; it costs a batch a seventh of its time.
        """
        ranges = [(self._rooms[name].number, events[0].seq, events[-1].seq) for name, events in changes.added.items()]
        ranges += [(self._rooms[name].number, event.seq, event.seq) for name, event in changes.redacted]
        position = self._position + 1
        body = encode(ranges)
        return position, changes.now_ms, "", None, body, checksum(self._commits_crc, position, body), "commit", None

    def _stored(self, rows: Sequence[apsw.SQLiteValue]) -> None:
        self.last_row = event_id, _ = cast("tuple[int, int]", (rows[-sql.COLUMNS], rows[sql.CHECKSUM - sql.COLUMNS]))
        if event_id <= sql.SEQ_MASK:  # the row of a commit
            self._position = event_id

    def _insert(self, rows: Sequence[apsw.SQLiteValue]) -> None:
        statement, missing = sql.insert_events(len(rows) // sql.COLUMNS)
        self._connection.execute(statement, [*rows, *[None] * missing] if missing else rows)

    def _find(self, name: str) -> RoomEnd | None:
        room = self._rooms.get(name)
        if room is None:
            row = self._connection.execute(sql.FIND_ROOM, (name,)).get
            if row is not None:
                number, first_seq, newest, *columns = row
                policy = policy_of(columns)
                at_ms = self._connection.execute(sql.TIME_OF, (newest,)).get
                base, head, crc = number << sql.SEQ_BITS, newest & sql.SEQ_MASK, room_crc(self._seed, name)
                room = RoomEnd(number, base, first_seq, head, at_ms, crc, policy, policy.seq)
                self._rooms[name] = room
        return room

    def _create(self, name: str) -> bool:
        try:
            number = self._connection.execute(sql.CREATE_ROOM, (name,)).get
        except apsw.ConstraintError:  # CHECK: the numbers are used up
            return False
        self._rooms[name] = RoomEnd(number, number << sql.SEQ_BITS, 1, 0, 0, room_crc(self._seed, name))
        return True

    def _earlier(self, draft: Draft) -> Answer | None:
        """The answer for a draft whose key was stored by an earlier batch."""
        room = None if draft.key is None else self._find(draft.room)
        if room is None:
            return None
        row = self._connection.execute(sql.FIND_KEY, (room.number, draft.author.id, draft.key)).get
        if row is None:
            return None
        event_id, crc, body, name, ref = row
        seq = event_id & sql.SEQ_MASK
        if crc != checksum(room.crc, seq, body):
            return Refusal("storage_unavailable", f"Event {seq} of room {draft.room} is damaged.")
        return repeated(draft, Stored(seq, body, name, ref))

    def _forget(self, items: Sequence[Item]) -> None:
        """Drop what was numbered but not stored; the heads are read again from the log."""
        for item in items:
            if not isinstance(item, Draft):  # it may have appended anywhere
                self._rooms.clear()
            else:
                self._rooms.pop(item.room, None)
