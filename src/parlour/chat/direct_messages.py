"""Posting to a direct conversation: whether one may is judged by the store, and the first message makes the room."""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from parlour.chat.blocks import is_blocked_now
from parlour.chat.directs import Directs
from parlour.chat.mentions import Named, post
from parlour.chat.policies import Policies
from parlour.chat.ports import OnAnswer, Store
from parlour.chat.recheck import require_unchanged
from parlour.chat.room_steps import change
from parlour.chat.tables.accounts import ACCOUNT
from parlour.chat.tables.server_settings import SETTING, SettingRow
from parlour.chat.transactions import Append, FindLog, Transaction
from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.direct import Conversation, DirectRule, refused_direct
from parlour.core.errors import Refusal
from parlour.core.event import Appended, Author, Draft, Log
from parlour.core.payloads import MemberChanged, Settings
from parlour.core.policy import Policy
from parlour.core.server_settings import ServerSettings

_log = logging.getLogger("parlour.chat")

FIRST_SEQ = 2
"""The number of a conversation's first message: this, and one for each of its people."""


class DirectMessages:
    """Posts to direct rooms. A message is a transaction there: block, rule and accounts are looked at with it."""

    def __init__(self, store: Store, policies: Policies, directs: Directs) -> None:
        self._store = store
        self._policies = policies
        self.directs = directs

    def first_seq(self, room: str) -> int:
        """The seq that the first message of a direct room has."""
        return FIRST_SEQ + len(self._policies.of(room).members)

    def post(self, actor: Actor, draft: Draft, named: Named | None, done: OnAnswer) -> None:
        """Store a message of an actor who is in the room, with the mentions that it makes.

        `done` is told as by `Store.append`.
        """
        future = self._store.run(self._transaction(actor, draft, named), draft.payload.size())
        future.add_done_callback(partial(self._answer, done, partial(self._again, actor, draft, named)))

    def _transaction(self, actor: Actor, draft: Draft, named: Named | None) -> Transaction[Appended]:
        account = actor.account
        assert account is not None  # else it is in no direct room
        people = list(self._policies.of(draft.room).members)
        others = self.directs.others(account.id, draft.room)
        steps = _post(actor, draft, people, self.directs.rooms_in_common(account, others))
        return steps if named is None else post(draft, named, steps)

    def _answer(self, done: OnAnswer, again: Callable[[OnAnswer], None] | None, future: Future[Appended]) -> None:
        if future.cancelled():
            done(Refusal("outcome_unknown"))
            return
        error = future.exception()
        if error is None:
            done(future.result())
        elif not isinstance(error, Refusal):
            _log.error("a direct message could not be posted", exc_info=error)
            done(Refusal("internal"))
        elif error.code == "forbidden" and again is not None and self._store.is_shared:
            again(done)
        else:
            done(error)

    def _again(self, actor: Actor, draft: Draft, named: Named | None, done: OnAnswer) -> None:
        """Another node may have brought the two into one room a moment ago: judge once more by all that is known."""
        task = asyncio.get_running_loop().create_task(self._judge_again(actor, draft, named))
        task.add_done_callback(partial(self._answer, done, None))

    async def _judge_again(self, actor: Actor, draft: Draft, named: Named | None) -> Appended:
        await self._store.catch_up()
        return await self._store.run(self._transaction(actor, draft, named), draft.payload.size())


def _post(
    actor: Actor, draft: Draft, people: Sequence[str], in_common: Mapping[str, Sequence[str]]
) -> Transaction[Appended]:
    yield from require_unchanged(actor)
    assert actor.account is not None  # as above
    log: Log = yield FindLog(draft.room)
    accounts = []
    for id_ in people:
        found: list[Account] = yield ACCOUNT(id_)
        accounts += found
    refusal = refused_direct((yield from _conversation(actor.account, accounts, in_common)))
    if refusal is not None:
        raise refusal
    if not log.policy.seq:
        if draft.if_first is not None:
            raise draft.if_first
        yield from _begin(draft.author, draft.room, accounts)
    stored: Appended = yield Append(draft)
    return stored


def _conversation(
    writer: Account, accounts: Sequence[Account], in_common: Mapping[str, Sequence[str]]
) -> Transaction[Conversation]:
    """Everything that says whether somebody may write, as it is now."""
    others = [each for each in accounts if each.id != writer.id]
    rows: list[SettingRow] = yield SETTING("direct")
    rule: DirectRule = rows[0].value if rows else ServerSettings().direct  # type: ignore[assignment]  # checked when set
    blocked_by, blocks, shared = set(), set(), set()
    for other in others:
        if (yield from is_blocked_now(writer, other)):
            blocked_by.add(other.id)
        if (yield from is_blocked_now(other, writer)):
            blocks.add(other.id)
        if rule == "shared" and (yield from _are_together(writer, other, in_common.get(other.id, ()))):
            shared.add(other.id)
    return Conversation(rule, writer, others, blocked_by, blocks, shared)


def _are_together(writer: Account, other: Account, rooms: Sequence[str]) -> Transaction[bool]:
    for room in rooms:
        log: Log = yield FindLog(room)
        if {writer.id, other.id} <= log.policy.members.keys():
            return True
    return False


def _begin(author: Author, room: str, accounts: Sequence[Account]) -> Transaction[Policy]:
    """The events with which a direct room comes into being: what it is, and who is in it."""
    policy = yield from change(author, room, Policy(0, "direct"), Settings(access="direct"))
    for each in accounts:
        takes_part = MemberChanged("takes_part", each.id, each.display, "member")
        policy = yield from change(author, room, policy, takes_part)
    return policy
