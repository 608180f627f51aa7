"""The log as one node sees it: turns a batch of drafts into durable events in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

import asyncpg

from parlour.chat import transactions as steps
from parlour.chat.ports import DamagedEvents
from parlour.chat.statements import Query
from parlour.chat.tables.server_settings import SETTINGS, server_access
from parlour.chat.transactions import Committed, Step, Transaction, drive_async
from parlour.core.cursor import MAX_SEQ
from parlour.core.errors import Refusal
from parlour.core.event import Answer, Draft, Log, Stored
from parlour.core.payloads import POLICY_PAYLOADS, SERVER_LOG, Redacted, ServerChanged
from parlour.core.policy import NO_POLICY, ServerAccess
from parlour.schema.erasing import NAMES_IN, accounts_in, without_accounts
from parlour.schema.event_json import tombstone
from parlour.store.ahead import AheadOfClock
from parlour.store.changes import Changes, Item, Outcome, failed_transaction
from parlour.store.checksums import checksum, room_crc
from parlour.store.policy_columns import policy_of
from parlour.store.postgres import statements as sql
from parlour.store.postgres.connect import GONE, ConnectionLost
from parlour.store.postgres.dropping import drop_expired, drop_to
from parlour.store.postgres.identity import Kept
from parlour.store.postgres.keys import StoredKeys, answer_of, key_of, stored_keys
from parlour.store.postgres.numbering import number_drafts, outcome_of
from parlour.store.postgres.pages import page
from parlour.store.postgres.policies import set_policy
from parlour.store.postgres.published import PublishedServerLog
from parlour.store.postgres.ranges import Kind, ranges_of, read_ranges
from parlour.store.postgres.tables import run_query
from parlour.store.postgres.tuning import DEFAULT, PostgresTuning
from parlour.store.room_end import RoomEnd
from parlour.store.rules import ERASE_LOOKS_AT, judged_again

_log = logging.getLogger("parlour.store")


class EventLog:
    """Appends batches through one connection, one after the other. For the event loop."""

    def __init__(
        self,
        connection: asyncpg.Connection[Any],
        kept: Kept,
        node: str,
        published: PublishedServerLog,
        tuning: PostgresTuning = DEFAULT,
        position: int = 0,
    ) -> None:
        """`node` is what this node is called among others, `published` how far it has published the server's log.

        `position` is one that no later commit of this node has.
        """
        self._tuning = tuning
        self._connection = connection
        self._node = node
        self.position = position  # of this node's newest commit, or before it
        self._published = published
        self._are_settings_old = False
        self._seed, self._offset = kept.seed, kept.offset
        self._commits_crc = room_crc(kept.seed, "")
        self._rooms: dict[str, RoomEnd] = {}
        self._server = ServerAccess()
        self._ahead = AheadOfClock()

    async def load_settings(self) -> None:
        """Read what the server is set to. Raises asyncpg.PostgresError."""
        self._are_settings_old = False
        self._server = server_access(await run_query(self._connection, SETTINGS()))

    def settings_changed(self) -> None:
        """Another node has changed what the server is set to."""
        self._are_settings_old = True

    async def append(self, items: Sequence[Item], now_ms: int) -> Outcome:
        """Store a batch; when this returns, it is on disk.

        Raises ConnectionLost, and asyncpg.PostgresError: then no event of the batch is visible.
        """
        while len(self._rooms) > self._tuning.rooms_cached:
            del self._rooms[next(iter(self._rooms))]
        try:
            if self._are_settings_old:
                await self.load_settings()
            await self._load_rooms({item.room for item in items if isinstance(item, Draft)})
            if self._are_plain(items):
                outcome = await self._append_plain(items, now_ms)
                if outcome is not None:
                    return outcome
            return await self._append_in_steps(items, Changes(now_ms))
        except BaseException as error:
            self._rooms.clear()
            if isinstance(error, GONE):
                raise ConnectionLost(is_unknown=False) from error
            raise

    def _are_plain(self, items: Sequence[Item]) -> TypeGuard[Sequence[Draft]]:
        """Whether all are drafts for rooms that exist, and none sets a policy or was judged before the newest."""
        for item in items:
            if not isinstance(item, Draft):
                return False
            room = self._rooms.get(item.room)
            if room is None or item.payload.__class__ in POLICY_PAYLOADS:
                return False
            if item.judged_at is not None and (item.judged_at < room.policy_seq or item.server_at < self._server.seq):
                return False
        return True

    async def _append_plain(self, drafts: Sequence[Draft], now_ms: int) -> Outcome | None:
        """Store plain drafts beside other nodes. None: they have to be stored in steps."""
        try:
            if not any(self._rooms[draft.room].is_contended for draft in drafts):
                outcome = await self._append_at_once(drafts, Changes(now_ms))
                if outcome is not None:
                    return outcome
            return await self._append_locked(drafts, Changes(now_ms))
        except asyncpg.UniqueViolationError:  # a key is stored already
            return None

    async def _append_at_once(self, drafts: Sequence[Draft], changes: Changes) -> Outcome | None:
        """Store plain drafts by one statement. None: a room does not end where this node knows it to."""
        rooms = self._rooms_of(drafts)
        before = [(room.head, room.at_ms) for room in rooms.values()]
        outcome, values = self._plain(drafts, changes, rooms)
        try:
            position = await self._connection.fetchval(sql.APPEND, *values)
        except GONE as error:
            raise ConnectionLost(is_unknown=True) from error
        if position is None:
            for room, (head, at_ms) in zip(rooms.values(), before, strict=True):
                room.head, room.at_ms = head, at_ms
            return None
        self.position = position
        return outcome

    async def _append_locked(self, drafts: Sequence[Draft], changes: Changes) -> Outcome | None:
        """Store plain drafts for rooms to which others write too: number them when the rows of their rooms are locked.

        None: a policy has changed. It costs three more round trips than `_append_at_once`.
        """
        execute, rooms = self._connection.execute, self._rooms_of(drafts)
        by_number = {room.number: room for room in rooms.values()}
        await execute("BEGIN")
        try:
            is_plain = True
            ends = await self._connection.fetch(sql.LOCK_ROOMS, list(by_number))
            for room_no, first_seq, head, at_ms, policy_seq in ends:
                room = by_number[room_no]
                room.is_contended = room.head != head
                room.first_seq, room.head, room.at_ms = first_seq, head, at_ms
                is_plain = is_plain and policy_seq == room.policy_seq
            if not is_plain:
                await execute("ROLLBACK")
                return None
            outcome, values = self._plain(drafts, changes, rooms)
            position = await self._connection.fetchval(sql.APPEND, *values)
        except BaseException as error:
            if not isinstance(error, GONE):
                await execute("ROLLBACK")
            raise
        try:
            await execute("COMMIT")
        except GONE as error:
            raise ConnectionLost(is_unknown=True) from error
        self.position = position
        return outcome

    def _rooms_of(self, drafts: Sequence[Draft]) -> dict[str, RoomEnd]:
        return {draft.room: self._rooms[draft.room] for draft in drafts}

    def _plain(
        self, drafts: Sequence[Draft], changes: Changes, rooms: dict[str, RoomEnd]
    ) -> tuple[Outcome, tuple[object, ...]]:
        """Number plain drafts: their outcome, and the values of `APPEND`."""
        ends = rooms.values()
        numbers, known = [room.number for room in ends], [room.head for room in ends]
        rows, answers = number_drafts(drafts, changes, self._rooms, self._ahead)
        body = ranges_of(changes, lambda name: rooms[name].number)
        values = (
            numbers, known, [room.head for room in ends], [room.at_ms for room in ends], *rows.columns(),
            self._offset, changes.now_ms, body, checksum(self._commits_crc, 0, body), self._node,
        )  # fmt: skip
        return outcome_of(answers, changes, self._rooms), values

    async def _append_in_steps(self, items: Sequence[Item], changes: Changes) -> Outcome:
        execute = self._connection.execute
        await execute("BEGIN")
        try:
            await execute(sql.LOCK_GATE)
            self._rooms.clear()
            drafts = [item for item in items if isinstance(item, Draft)]
            await self._load_rooms({draft.room for draft in drafts})
            await self.load_settings()
            answers = await self._carry_out(items, drafts, changes)
            await self._fill_server_log(changes)
            outcome = outcome_of(answers, changes, self._rooms)
            position = None
            if changes.added or changes.redacted or changes.trimmed:
                body = ranges_of(changes, lambda name: self._rooms[name].number)
                values = (self._offset, changes.now_ms, body, checksum(self._commits_crc, 0, body), self._node)
                position = await self._connection.fetchval(sql.INSERT_COMMIT, *values)
        except BaseException as error:
            self._server = ServerAccess()
            if not isinstance(error, GONE):
                await execute("ROLLBACK")
                await self.load_settings()
            raise
        try:
            await execute("COMMIT")
        except GONE as error:
            raise ConnectionLost(is_unknown=True) from error
        self.position = position or self.position
        return outcome

    async def _fill_server_log(self, changes: Changes) -> None:
        """Put what other nodes have added to the server's log before what this batch has: it is published whole."""
        own = changes.added.get(SERVER_LOG)
        if own is not None and own[0].seq > self._published.seq + 1:
            span = (self._published.seq + 1, own[0].seq - 1)
            try:
                missing = await page(self._connection, self._seed, SERVER_LOG, span, MAX_SEQ, MAX_SEQ, False)
            except DamagedEvents as damaged:
                _log.error("%s This node does not learn what they say.", damaged.detail)
            else:
                changes.added[SERVER_LOG] = [*missing, *own]

    async def _carry_out(self, items: Sequence[Item], drafts: Sequence[Draft], changes: Changes) -> list[object]:
        """The answers of a batch in steps."""
        answers: list[object] = []
        run: list[Draft] = []  # drafts to be stored at once
        keys: set[tuple[str, str, str] | None] = set()  # theirs
        stored: StoredKeys | None = await stored_keys(self._connection, self._rooms, drafts)

        async def store() -> None:
            if run:
                answers.extend(await self._store(run, changes))
                run.clear()
                keys.clear()

        for item in items:
            if not isinstance(item, Draft):
                await store()
                answers.append(await self._run(item, changes))
                stored = None  # not known any more
                continue
            key = key_of(item)
            sets_policy = item.payload.__class__ in POLICY_PAYLOADS
            if (key is not None and key in keys) or sets_policy:
                await store()  # so that a repeat finds what it repeats, and a policy is the newest event of its room
                stored = None
            answer = await self._answer_without_storing(item, stored)
            if answer is None:
                run.append(item)
                keys.add(key)
            else:
                await store()  # the answers are in the order of the drafts
                answers.append(answer)
            if sets_policy:
                await store()
        await store()
        return answers

    async def _store(self, drafts: Sequence[Draft], changes: Changes) -> Sequence[Answer]:
        """Insert drafts within a transaction; the last one may set the policy of its room."""
        rows, answers = number_drafts(drafts, changes, self._rooms, self._ahead)
        await self._connection.execute(sql.INSERT_EVENTS, *rows.columns())
        ends = [self._rooms[name] for name in dict.fromkeys(draft.room for draft in drafts)]
        values = ([room.number for room in ends], [room.head for room in ends], [room.at_ms for room in ends])
        await self._connection.execute(sql.MOVE_HEADS, *values)
        last = drafts[-1]
        if last.payload.__class__ in POLICY_PAYLOADS:
            room = self._rooms[last.room]
            room.policy, room.policy_seq = room.policy.after(room.head, last.payload), room.head
            await set_policy(self._connection, room.number, room.policy, last.payload)
        elif last.payload.__class__ is ServerChanged:
            self._server = self._server.after(self._rooms[last.room].head, last.payload)
        return answers

    async def _run(self, transaction: Transaction[object], changes: Changes) -> object:
        """Drive a transaction; what it has changed before it fails is undone."""
        execute = self._connection.execute
        own, server = Changes(changes.now_ms), self._server
        await execute("SAVEPOINT work")
        try:
            answer = await drive_async(transaction, lambda step: self._step(own, step))
        except GONE:
            raise
        except Exception as error:
            await execute("ROLLBACK TO SAVEPOINT work")
            self._server = server
            kept = set(self._rooms)
            self._rooms.clear()
            await self._load_rooms(kept)
            answer = Refusal("storage_full") if isinstance(error, asyncpg.DiskFullError) else failed_transaction(error)
        else:
            changes.merge(own)
        await execute("RELEASE SAVEPOINT work")
        return answer

    async def _step(self, changes: Changes, step: Step) -> object:
        """Carry out one step of a transaction. Raises Refusal, asyncpg.PostgresError."""
        match step:
            case Query():
                return await run_query(self._connection, step)
            case steps.Append(draft):
                answer = await self._answer_without_storing(draft) or (await self._store([draft], changes))[0]
                if isinstance(answer, Refusal):
                    raise answer
                return answer
            case steps.Redact():
                return await self._redact(step, changes)
            case steps.Erase():
                return await self._erase(step, changes)
            case steps.DropExpired():
                return await self._drop(step, changes)
            case steps.DropBefore(name, seq):
                await self._drop_before(name, seq, changes)
                return None
            case steps.FindLog(name):
                room = await self._find(name)
                return Log(1, 0) if room is None else Log(room.first_seq, room.head, room.policy)
            case _:
                return await self._follow(step, changes)

    async def _follow(self, step: steps.FollowerStep, changes: Changes) -> object:
        """Carry out a step that only followers make."""
        match step:
            case steps.NoteOldest(name):
                return await self._connection.execute(sql.NOTE_OLDEST, changes.now_ms, name)
            case steps.Position():
                return await self._connection.fetchval(sql.POSITION, self._offset)
            case steps.CommitsAfter():
                return await self._commits_after(step)
            case steps.GetCursor(follower):
                return await self._connection.fetchval(sql.GET_CURSOR, follower)
            case steps.SetCursor(follower, None):
                return await self._connection.execute(sql.DROP_CURSOR, follower)
            case steps.SetCursor(follower, position):
                return await self._connection.execute(sql.SET_CURSOR, follower, position)

    async def _commits_after(self, step: steps.CommitsAfter) -> list[Committed]:
        """The commits, each with the names of its rooms; one that is damaged is logged, and has changed nothing."""
        rows = await self._connection.fetch(sql.COMMITS_AFTER, *step, self._offset)
        commits: list[tuple[int, list[tuple[int, int, int]]]] = []
        for position, crc, body in rows:
            ranges: list[tuple[int, int, int]] = []
            if crc == checksum(self._commits_crc, 0, body):
                ranges = [range_[:3] for range_ in read_ranges(body) if range_[3] is not Kind.TRIMMED]
            else:
                _log.error("commit %d is damaged: what follows the commits does not learn what it changed", position)
            commits.append((position, ranges))
        numbers = {number for _, ranges in commits for number, _, _ in ranges}
        names: dict[int, str] = dict(await self._connection.fetch(sql.NAMES_OF, list(numbers)))
        return [
            Committed(position, [(names[number], first, last) for number, first, last in ranges])
            for position, ranges in commits
        ]

    async def _drop(self, step: steps.DropExpired, changes: Changes) -> bool:
        name = await self._connection.fetchval(sql.DUE_ROOM, step.before_ms)
        room = None if name is None else await self._find(name)
        if room is None:
            return False
        if await drop_expired(self._connection, room, step):
            changes.trimmed.append((name, room.first_seq))
        return True

    async def _drop_before(self, name: str, seq: int, changes: Changes) -> None:
        room = await self._find(name)
        if room is not None and room.first_seq < (first := min(seq, room.head)):
            await drop_to(self._connection, room, first)
            changes.trimmed.append((name, first))

    async def _redact(self, step: steps.Redact, changes: Changes) -> Stored | None:
        room = await self._find(step.room)
        row = None if room is None else await self._connection.fetchrow(sql.ONE_EVENT, room.base | step.seq)
        if room is None or row is None:
            raise Refusal("gone")
        crc, body, name, ref = row
        if crc != checksum(room.crc, step.seq, body):
            raise Refusal("storage_unavailable", f"Event {step.seq} of room {step.room} is damaged.")
        if name == Redacted.type:
            return None
        event = tombstone(Stored(step.seq, body, name, ref))
        await self._replace(step.room, room, [event], changes)
        return event

    async def _replace(self, name: str, room: RoomEnd, events: Sequence[Stored], changes: Changes) -> None:
        """Put events in the places of those with the same seqs."""
        values = (
            [room.base | event.seq for event in events],
            [event.json for event in events],
            [checksum(room.crc, event.seq, event.json) for event in events],
            [event.type for event in events],
            [event.ref for event in events],
        )
        await self._connection.execute(sql.REPLACE_EVENTS, *values)
        for event in events:
            changes.redact(name, event)

    async def _erase(self, step: steps.Erase, changes: Changes) -> steps.Erased:
        fetchval = self._connection.fetchval
        following = await fetchval(sql.NEXT_EVENT, step.position)
        if following is None:
            return steps.Erased(None)
        number = following >> sql.SEQ_BITS
        room_end = (number << sql.SEQ_BITS) | sql.SEQ_MASK
        row = await self._connection.fetchrow(sql.END_OF_LOOK, following - 1, room_end, ERASE_LOOKS_AT)
        assert row is not None
        looked_at, last = row
        name = await fetchval(sql.NAME_OF, number)
        room = await self._find(name)
        assert room is not None  # it has events
        wanted = (list(step.accounts), sorted(NAMES_IN))
        rows = await self._connection.fetch(sql.EVENTS_NAMING, following - 1, last, *wanted, step.limit)
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
            await self._replace(name, room, changed, changes)
        is_end = last >= room.base | room.head
        return steps.Erased(last, name, looked_at, len(changed), frozenset(accounts), is_end, changed)

    async def _answer_without_storing(self, draft: Draft, stored: StoredKeys | None = None) -> Answer | None:
        """The answer to a draft that is not stored: a refusal, or the event that has its key. None: store it.

        `stored` is what all keys of the batch are known to be stored with, if it is known.
        """
        room = await self._find(draft.room)
        if room is None:
            if (refusal := judged_again(draft, NO_POLICY, self._server) or draft.if_first) is not None:
                return refusal
            return None if await self._create(draft.room) else Refusal("storage_full", "No more rooms can be made.")
        if (refusal := judged_again(draft, room.policy, self._server)) is not None:
            return refusal
        return answer_of(draft, await stored_keys(self._connection, self._rooms, [draft]) if stored is None else stored)

    async def answers_without_storing(self, items: Sequence[Item], refusal: Refusal) -> list[Answer]:
        """The answers to a batch that could not be stored: repeats find their event, the rest are refused.

        `refusal` says that nothing was stored, which must not be said of what is. Raises asyncpg.PostgresError.
        """
        drafts = [item for item in items if isinstance(item, Draft)]
        await self._load_rooms({draft.room for draft in drafts})
        stored = await stored_keys(self._connection, self._rooms, drafts)
        return [(answer_of(item, stored) if isinstance(item, Draft) else None) or refusal for item in items]

    async def _find(self, name: str) -> RoomEnd | None:
        if name not in self._rooms:
            await self._load_rooms([name])
        return self._rooms.get(name)

    async def _load_rooms(self, names: Iterable[str]) -> None:
        """Read the ends of those rooms that are not at hand."""
        missing = [name for name in names if name not in self._rooms]
        if not missing:
            return
        for name, number, first_seq, head, at_ms, *columns in await self._connection.fetch(sql.FIND_ROOMS, missing):
            policy = policy_of(columns)
            crc = room_crc(self._seed, name)
            base = number << sql.SEQ_BITS
            self._rooms[name] = RoomEnd(number, base, first_seq, head, at_ms, crc, policy, policy.seq)

    async def _create(self, name: str) -> bool:
        await self._connection.execute("SAVEPOINT room")
        try:
            number = await self._connection.fetchval(sql.CREATE_ROOM, name)
        except asyncpg.CheckViolationError:  # the numbers are used up
            await self._connection.execute("ROLLBACK TO SAVEPOINT room")
            return False
        self._rooms[name] = RoomEnd(number, number << sql.SEQ_BITS, 1, 0, 0, room_crc(self._seed, name))
        return True
