"""Moves read positions: those that come at about the same time are stored by one transaction."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from parlour.chat.own_log import append_own
from parlour.chat.ports import Store
from parlour.chat.recheck import require_unchanged
from parlour.chat.tables.inbox import COUNT_MY_ROOMS, MY_ROOM, SET_READ, MyRoom
from parlour.chat.transactions import FindLog, Transaction
from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.event import Log
from parlour.core.payloads import ReadMoved
from parlour.core.permissions import Rule

GATHER_S = 0.2
"""Between the beginnings of two transactions: a room of a hundred who all read the same message costs one."""

MARKS_AT_ONCE = 64
"""What one transaction stores: some milliseconds, as messages may wait behind it."""

MAX_WAITING = 4096

MAX_MY_ROOMS = 5000
"""Rooms that one account has a position or a level in."""


class Mark(NamedTuple):
    """Where somebody is in a room: `seq` and all before it are read. `is_back`: nothing after it is."""

    actor: Actor
    account: Account
    room: str
    seq: int
    rule: Rule
    is_back: bool


class ReadPositions:
    """Stores read positions; each is on disk when its future is done."""

    def __init__(self, store: Store, gather_s: float = GATHER_S) -> None:
        self._store = store
        self._gather_s = gather_s
        self._waiting: list[tuple[Mark, Future[None]]] = []
        self._is_busy = False

    def move(self, mark: Mark) -> Future[None]:
        """Move a position. The future fails with a Refusal: ("not_found") for an empty room, ("forbidden"), …"""
        loop = asyncio.get_running_loop()
        future: Future[None] = loop.create_future()
        if len(self._waiting) >= MAX_WAITING:
            future.set_exception(Refusal("overloaded", "Too many read positions wait for the disk.", retry_after=1))
            return future
        self._waiting.append((mark, future))
        if not self._is_busy:
            self._is_busy = True
            loop.call_soon(self._store_next)
        return future

    def _store_next(self) -> None:
        batch, self._waiting = self._waiting[:MARKS_AT_ONCE], self._waiting[MARKS_AT_ONCE:]
        if not batch:
            self._is_busy = False
            return
        loop = asyncio.get_running_loop()
        stored = self._store.run(_move_all([mark for mark, _ in batch]))
        stored.add_done_callback(partial(self._stored, [future for _, future in batch], loop.time() + self._gather_s))

    def _stored(
        self, futures: Sequence[Future[None]], next_at: float, stored: Future[Sequence[Refusal | None]]
    ) -> None:
        error = stored.exception()
        answers = [error] * len(futures) if error is not None else stored.result()
        for future, answer in zip(futures, answers, strict=True):
            if future.done():  # who asked has gone
                continue
            if answer is None:
                future.set_result(None)
            else:
                future.set_exception(answer)
        loop = asyncio.get_running_loop()
        loop.call_at(loop.time() if len(self._waiting) > MARKS_AT_ONCE else next_at, self._store_next)


def _move_all(marks: Sequence[Mark]) -> Transaction[Sequence[Refusal | None]]:
    answers: list[Refusal | None] = []
    for mark in marks:
        try:
            yield from move(mark)
        except Refusal as refusal:  # before it has changed anything
            answers.append(refusal)
        else:
            answers.append(None)
    return answers


def move(mark: Mark) -> Transaction[None]:
    """Store one position, unless it is there already. Raises Refusal before anything is changed.

    Going forward never takes a position back: another device may be further.
    """
    yield from require_unchanged(mark.actor)
    log: Log = yield FindLog(mark.room)
    if (refusal := mark.rule(log.policy)) is not None:
        raise refusal
    if not log.head_seq:
        raise Refusal("not_found", "Nothing has been said in this room yet.")
    account, seq = mark.account, min(mark.seq, log.head_seq)
    rows: list[MyRoom] = yield MY_ROOM(account.id, mark.room)
    member = log.policy.members.get(account.id)
    since = None if member is None else member.since
    before, own_after = (rows[0].read_seq, rows[0].own_after) if rows else (None, None)
    if before is None or own_after is None:
        before = own_after = since
    if mark.is_back:
        moved = ReadMoved(mark.room, seq, log.head_seq)
    else:
        if before is not None and seq <= before:
            return
        moved = ReadMoved(mark.room, seq, max(seq, own_after or 0))
    if rows and (before, own_after) == (moved.read_seq, moved.own_after):
        return
    if not rows:
        yield from require_space(account.id)
    yield from append_own(account, moved)
    yield SET_READ(account.id, mark.room, moved.read_seq, moved.own_after)


def require_space(account: str) -> Transaction[None]:
    """Raises Refusal("forbidden") for an account that has positions or levels in too many rooms."""
    count: list[int] = yield COUNT_MY_ROOMS(account)
    if count[0] >= MAX_MY_ROOMS:
        raise Refusal("forbidden", f"Your list has {MAX_MY_ROOMS} rooms: take some out first.")
