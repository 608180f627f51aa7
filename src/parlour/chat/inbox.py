"""The list of an account's rooms, with what is unread in each, and the verbs that change that list."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from parlour.chat.own_log import append_own
from parlour.chat.policies import Policies
from parlour.chat.ports import Store, Unread
from parlour.chat.read_positions import GATHER_S, Mark, ReadPositions, require_space
from parlour.chat.recheck import require_unchanged
from parlour.chat.room_steps import allowed_policy
from parlour.chat.tables.inbox import DROP_MY_ROOM, MENTIONS, MY_ROOM, MY_ROOMS, SET_NOTIFY, SET_READ, Mention, MyRoom
from parlour.chat.transactions import FindLog, Transaction
from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.event import Log, Stored
from parlour.core.payloads import Level, Message, NotifyChanged, ReadMoved, log_of_account
from parlour.core.permissions import Rule


class Inbox:
    """The list of rooms of an account. Everything is on disk when it returns. Raises Refusal."""

    def __init__(self, store: Store, policies: Policies, gather_s: float = GATHER_S) -> None:
        """`gather_s` is between the beginnings of two transactions of read positions."""
        self._store = store
        self._policies = policies
        self._positions = ReadPositions(store, gather_s)

    def account(self, actor: Actor) -> Account:
        """The account whose list it is. Raises Refusal("login_required"), ("forbidden")."""
        self._policies.require(actor, "inbox", None)
        if actor.account is None:
            raise Refusal("login_required", "Sign in first.")
        return actor.account

    async def head(self, actor: Actor) -> int:
        """The seq of the newest event of the account's own log."""
        return (await self._store.log(log_of_account(self.account(actor).id))).head_seq

    async def rooms(self, actor: Actor) -> list[Unread]:
        """The rooms that an account is in, and those that it has opened or set a level for; what needs it first."""
        account = self.account(actor)
        noted = await self._store.query(MY_ROOMS(account.id))
        names = {*self._policies.rooms_of(account.id), *(row.room for row in noted)}
        found = await self._of(actor, account, sorted(names))
        return sorted(sorted(found, key=lambda row: row.active_at, reverse=True), key=self._need)

    async def room(self, actor: Actor, room: str) -> Unread:
        """The same of one room. Raises Refusal("not_found") where nothing has been said."""
        account = self.account(actor)
        self._policies.require(actor, "read", room)
        for row in await self._of(actor, account, [room]):
            return row
        raise Refusal("not_found", "Nothing has been said in this room yet.")

    async def _of(self, actor: Actor, account: Account, rooms: Sequence[str]) -> list[Unread]:
        may = self._policies.may
        found = await self._store.unread([(account.id, room) for room in rooms if may(actor, "read", room)])
        return [row for row in found if may(actor, "read", row.room)]  # it may have been taken away meanwhile

    def _need(self, row: Unread) -> tuple[int, bool]:
        """The place of a room in the list: mentions, what is new, the rest, what is muted, the archive."""
        if self._policies.of(row.room).is_archived:
            return 4, not row.is_favourite
        if row.level == "nothing":
            return 3, not row.is_favourite
        calls = row.unread if self.level(row.room, row.level) == "all" else row.mentions
        return 0 if calls else 1 if row.unread else 2, not row.is_favourite

    def badge(self, rooms: Sequence[Unread]) -> int:
        """How much of that calls for somebody: mentions, and every message where they want to be told of all."""
        return sum(row.unread if self.level(row.room, row.level) == "all" else row.mentions for row in rooms)

    def level(self, room: str, level: Level | None) -> Level:
        """The level of notification for a room, or by default: mentions only, and every message of a direct room."""
        if level is None:
            return "all" if self._policies.of(room).access == "direct" else "mentions"
        return level

    async def mentions(self, actor: Actor, limit: int) -> list[tuple[Mention, Stored]]:
        """The messages for an account, the newest first: those that still exist, in rooms that it may read."""
        account = self.account(actor)
        found: list[Mention] = await self._store.query(MENTIONS(account.id, limit))
        may = [mention for mention in found if self._policies.may(actor, "read", mention.room)]
        events = await asyncio.gather(*(self._store.after(each.room, each.seq - 1, 1) for each in may))
        return [
            (mention, event)
            for mention, page in zip(may, events, strict=True)
            for event in page
            if event.seq == mention.seq and event.type == Message.type and self._is_shown(actor, mention)
        ]

    def _is_shown(self, actor: Actor, mention: Mention) -> bool:
        """It may have been taken away meanwhile, or be before they came back."""
        first_seq = self._policies.first_seq(actor, mention.room)
        return self._policies.may(actor, "read", mention.room) and mention.seq >= first_seq

    async def read(self, actor: Actor, room: str, seq: int, *, is_back: bool = False) -> None:
        """Everything up to `seq` is read; with `is_back` nothing after it is, and else a position only goes forward."""
        account = self.account(actor)
        self._policies.require(actor, "read", room)
        rule = self._policies.rule(actor, "read")
        await self._positions.move(Mark(actor, account, room, max(seq, 0), rule, is_back))

    async def notify(self, actor: Actor, room: str, level: Level | None, favourite: bool) -> None:
        """Set the level of notification of a room (None: the default), and whether it is a favourite."""
        account = self.account(actor)
        self._policies.require(actor, "read", room)
        await self._store.run(_notify(actor, account, room, level, favourite, self._policies.rule(actor, "read")))

    async def forget(self, actor: Actor, room: str) -> None:
        """Have position, level and favourite as if never set; a room that one is not in leaves the list."""
        await self._store.run(_forget(actor, self.account(actor), room))


def _notify(
    actor: Actor, account: Account, room: str, level: Level | None, favourite: bool, rule: Rule
) -> Transaction[None]:
    policy = yield from allowed_policy(actor, room, rule)
    log: Log = yield FindLog(room)
    if not log.head_seq:
        raise Refusal("not_found", "Nothing has been said in this room yet.")
    rows: list[MyRoom] = yield MY_ROOM(account.id, room)
    if rows and (rows[0].level, bool(rows[0].favourite)) == (level, favourite):
        return
    if not rows:
        yield from require_space(account.id)
    if not rows and account.id not in policy.members:  # all of it would be unread
        yield from append_own(account, ReadMoved(room, log.head_seq, log.head_seq))
        yield SET_READ(account.id, room, log.head_seq, log.head_seq)
    yield from append_own(account, NotifyChanged(room, level, favourite))
    yield SET_NOTIFY(account.id, room, level, int(favourite))


def _forget(actor: Actor, account: Account, room: str) -> Transaction[None]:
    yield from require_unchanged(actor)
    if (yield MY_ROOM(account.id, room)):
        yield from append_own(account, NotifyChanged(room, forgotten=True))
        yield DROP_MY_ROOM(account.id, room)
