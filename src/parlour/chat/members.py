"""The verbs of members: joining a room and leaving it, adding and removing others, and their roles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from parlour.chat.blocks import is_blocked_now
from parlour.chat.guest_link_steps import end_guest_links_by
from parlour.chat.guests import author_of
from parlour.chat.own_log import append_to_account
from parlour.chat.policies import Policies
from parlour.chat.ports import Store
from parlour.chat.room_steps import allowed_policy, change
from parlour.chat.server_log import by, end_invitations
from parlour.chat.tables.accounts import ACCOUNT, ALL_BOTS_OF
from parlour.chat.tables.inbox import DROP_MY_ROOM, MY_ROOM
from parlour.chat.tables.invitations import END_INVITATIONS_TO_BY
from parlour.chat.transactions import FindLog, Transaction
from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.direct import FIXED, blocked
from parlour.core.errors import Refusal
from parlour.core.event import Log
from parlour.core.names import room_name
from parlour.core.payloads import MemberChanged, NotifyChanged, RoomRole
from parlour.core.permissions import Right, Rule
from parlour.core.policy import Policy

LAST_OWNER = "Make somebody else an owner first: a room keeps one."

MAX_MEMBERS = 10_000


class Members:
    """Changes who is in a room. Everything is on disk when it returns."""

    def __init__(self, store: Store, policies: Policies) -> None:
        self._store = store
        self._policies = policies

    def seen_by(self, actor: Actor, room: str) -> Policy:
        """The policy of a room, with its members, for those who may read it or moderate it. Raises Refusal."""
        if not self._policies.may(actor, "moderate", room):
            self._policies.require(actor, "read", room)
        return self._policies.of(room)

    async def join(self, actor: Actor, room: str) -> Policy:
        """Become a member of a public room. Raises Refusal, for a private one too: somebody adds or invites you."""
        account = self._policies.own_account(actor)
        self._policies.require(actor, "read", room_name(room))
        return await self._run(room, _join(actor, room_name(room), account, self._policies.rule(actor, "read")))

    async def add(self, actor: Actor, room: str, account: Account, role: RoomRole) -> Policy:
        """Make somebody a member, or give a member another role.

        Raises Refusal("forbidden"), also for whoever is blocked by them, ("read_only"), …
        """
        room = room_name(room)
        if account.state != "active":
            raise Refusal("not_found", "There is no such account.")
        self._policies.require(actor, "moderate", room)
        rule, govern = self._policies.rule(actor, "moderate"), self._policies.rule(actor, "govern")
        return await self._run(room, _add(actor, room, account, role, rule, govern))

    async def remove(self, actor: Actor, room: str, account: Account) -> Policy:
        """Remove somebody, or leave. Raises Refusal("not_found") for one who is no member, ("last_owner"), …"""
        room = room_name(room)
        is_self = actor.account is not None and actor.account.id == account.id
        right: Right = "read" if is_self else "moderate"
        of_greater: Right = "read" if is_self else "govern"
        self._policies.require(actor, right, room)
        rules = self._policies.rule(actor, right), self._policies.rule(actor, of_greater)
        return await self._run(room, _remove(actor, room, account, *rules, is_self=is_self))

    async def _run(self, room: str, transaction: Transaction[Policy]) -> Policy:
        policy = await self._store.run(transaction)
        self._policies.learn(room_name(room), policy)
        return policy


def _join(actor: Actor, room: str, account: Account, rule: Rule) -> Transaction[Policy]:
    policy = yield from allowed_policy(actor, room, rule)
    return (yield from come_in(account, room, policy))


def come_in(account: Account, room: str, policy: Policy) -> Transaction[Policy]:
    """Have an account join a room; a member stays what it is. Raises Refusal("read_only") for an archived one."""
    if account.id in policy.members:
        return policy
    require_open_to_new_members(policy)
    _check_size(policy)
    joined = MemberChanged("joined", account.id, account.display, "member")
    return (yield from change(author_of(account), room, policy, joined))


def _add(actor: Actor, room: str, account: Account, role: RoomRole, rule: Rule, govern: Rule) -> Transaction[Policy]:
    policy = yield from allowed_policy(actor, room, rule)
    before = policy.role_of(account.id)
    if before == role:
        return policy
    if (before is not None or role != "member") and (refusal := govern(policy)) is not None:
        raise refusal
    if before == "owner" and policy.owners() == [account.id]:
        raise Refusal("last_owner", LAST_OWNER)
    if before is None:
        if actor.account is not None and (yield from is_blocked_now(actor.account, account)):
            raise blocked(account)
        require_open_to_new_members(policy)
        _check_size(policy)
        held = policy.restrictions.get(account.id)
        if held is not None and held.what == "banned":
            raise Refusal("forbidden", f"{account.display} is banned from this room: lift that first.", field="name")
    if role == "member":
        yield from end_invitations(by(actor), END_INVITATIONS_TO_BY(room, account.id))
        policy = yield from _without_guests_of(actor, room, account.id)
    what = MemberChanged("added" if before is None else "role", account.id, account.display, role)
    return (yield from change(by(actor), room, policy, what))


def _remove(
    actor: Actor, room: str, account: Account, rule: Rule, of_greater: Rule, *, is_self: bool
) -> Transaction[Policy]:
    policy = yield from allowed_policy(actor, room, rule)
    if policy.access == "direct":
        raise Refusal("forbidden", FIXED)
    if account.id not in policy.members:
        raise Refusal("not_found", "There is no such member.")
    bots: list[str] = yield ALL_BOTS_OF(account.id)  # whoever owns a bot reads what it reads
    leaving = [account.id, *(bot for bot in bots if bot in policy.members)]
    roles = {policy.role_of(each) for each in leaving}
    if roles != {"member"} and (refusal := of_greater(policy)) is not None:
        raise refusal
    if "owner" in roles and set(policy.owners()) <= set(leaving):
        raise Refusal("last_owner", LAST_OWNER)
    return (yield from take_out(actor, room, policy, leaving, "left" if is_self else "removed"))


def take_out(
    actor: Actor, room: str, policy: Policy, leaving: Sequence[str], what: Literal["left", "removed"]
) -> Transaction[Policy]:
    """Take members out of a room, with an event for each; their links into it end. The policy from then on."""
    for each in leaving:
        yield from end_invitations(by(actor), END_INVITATIONS_TO_BY(room, each))
        policy = yield from _without_guests_of(actor, room, each)
        now: list[Account] = yield ACCOUNT(each)
        policy = yield from change(by(actor), room, policy, MemberChanged(what, each, now[0].display))
        if (yield MY_ROOM(each, room)):
            yield from append_to_account(each, by(actor), NotifyChanged(room, forgotten=True))
            yield DROP_MY_ROOM(each, room)
    return policy


def _without_guests_of(actor: Actor, room: str, account: str) -> Transaction[Policy]:
    """End the guest links into a room of somebody who does not moderate it any more; the policy from then on."""
    yield from end_guest_links_by(by(actor), account, room)
    log: Log = yield FindLog(room)
    return log.policy


def require_open_to_new_members(policy: Policy) -> None:
    """Raises Refusal("read_only") for an archived room, whoever asks: it is taken out of the archive first."""
    if policy.is_archived:
        raise Refusal("read_only", "This room is archived: nobody joins it any more.")


def _check_size(policy: Policy) -> None:
    if len(policy.members) >= MAX_MEMBERS:
        raise Refusal("forbidden", f"A room has at most {MAX_MEMBERS} members.")
