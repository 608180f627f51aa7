"""The verbs that keep order in a room: muting and banning somebody, and lifting that."""

from __future__ import annotations

import asyncio
import logging
from asyncio import Task
from typing import Literal, NamedTuple

from parlour.chat.guest_marks import GuestMarks
from parlour.chat.guests import SYSTEM
from parlour.chat.members import LAST_OWNER, take_out
from parlour.chat.policies import Policies
from parlour.chat.ports import Clock, Ids, Store
from parlour.chat.room_steps import allowed_policy, change
from parlour.chat.server_log import by
from parlour.chat.tables.accounts import ACCOUNT, ALL_BOTS_OF
from parlour.chat.transactions import FindLog, Transaction
from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.durations import MINUTE_MS
from parlour.core.errors import Refusal
from parlour.core.event import Author, Log
from parlour.core.names import room_name
from parlour.core.payloads import Restricted
from parlour.core.permissions import Rule
from parlour.core.policy import GUEST_ID, MAX_MINUTES, Policy

MAX_RESTRICTIONS = 200
"""Of one room; those whose time is over make place for new ones."""

_log = logging.getLogger("parlour.chat")


class Wanted(NamedTuple):
    """A mute or ban to be made: for how many minutes (None: until it is lifted), and whether with a guest's newcomers.

    `newcomers`: also guests from the same address who come for the first time afterwards.
    """

    what: Literal["muted", "banned"]
    minutes: int | None
    newcomers: bool = True


class Restrictions:
    """Mutes and bans in rooms. Everything is on disk when it returns."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, policies: Policies, marks: GuestMarks) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._policies = policies
        self._marks = marks
        self._tasks: set[Task[None]] = set()
        policies.on_learn(self._learned)

    def seen_by(self, actor: Actor, room: str) -> Policy:
        """The policy of a room, with its restrictions, for its moderators. Raises Refusal."""
        self._policies.require(actor, "restrict", room_name(room))
        return self._policies.of(room_name(room))

    async def restrict(self, actor: Actor, room: str, whom: Author, wanted: Wanted) -> Policy:
        """Mute or ban the author of something; what they are kept from already is replaced.

        Who is banned is no member any more. Raises Refusal("forbidden") for who runs the server or moderates the room,
        ("bad_parameter"), ("not_found").
        """
        room = room_name(room)
        self._policies.require(actor, "restrict", room)
        if wanted.minutes is not None and not 1 <= wanted.minutes <= MAX_MINUTES:
            raise Refusal("bad_parameter", f"minutes is from 1 to {MAX_MINUTES}.", field="minutes")
        if whom.kind == "system":
            raise Refusal("forbidden", "This was written by who runs the server.")
        if actor.account is not None and actor.account.id == whom.id:
            raise Refusal("bad_parameter", "This is you.", field="name")
        now_ms = self._clock.now_ms()
        payload = Restricted(
            wanted.what, whom.id, whom.name, None if wanted.minutes is None else now_ms + wanted.minutes * MINUTE_MS
        )
        rules = self._policies.rule(actor, "restrict"), self._policies.rule(actor, "govern")
        if whom.kind == "guest":
            since_ms = now_ms if wanted.newcomers else None
            salt = self._ids.token()
            return await self._run(
                room, _restrict_guest(actor, room, payload, rules[0], self._marks, salt, since_ms, now_ms)
            )
        return await self._run(room, _restrict_account(actor, room, payload, *rules, now_ms=now_ms))

    async def lift(self, actor: Actor, room: str, whom: str) -> Policy:
        """Let somebody write and come again, by their id as an author. Raises Refusal("not_found"), …"""
        room = room_name(room)
        self._policies.require(actor, "restrict", room)
        return await self._run(room, _lift(actor, room, whom, self._policies.rule(actor, "restrict")))

    async def _run(self, room: str, transaction: Transaction[Policy]) -> Policy:
        policy = await self._store.run(transaction)
        self._policies.learn(room, policy)
        return policy

    def _learned(self, room: str, _: Policy, policy: Policy) -> None:
        """Another node may have restricted a guest that only this one remembers: say who that is."""
        if not self._store.is_shared or not policy.restrictions:
            return
        for whom, restriction in policy.restrictions.items():
            actor = None if restriction.mark is not None else self._marks.latest.get(whom)
            if actor is not None and whom.startswith(GUEST_ID):
                task = asyncio.get_running_loop().create_task(self._say_known(room, whom, policy, actor))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _say_known(self, room: str, whom: str, policy: Policy, actor: Actor) -> None:
        try:
            await self._store.run(_known(room, whom, self._marks, actor))
        except Refusal as refusal:  # the restriction still holds for the name and the cookie
            _log.warning("who was restricted in a room could not be noted: %s", refusal)


def _restrict_guest(
    actor: Actor,
    room: str,
    payload: Restricted,
    rule: Rule,
    marks: GuestMarks,
    salt: str,
    since_ms: int | None,
    now_ms: int,
) -> Transaction[Policy]:
    policy = yield from _ready(actor, room, payload.whom, rule, now_ms)
    is_new = not policy.salt
    guest = marks.latest.get(payload.whom)
    mark, address = (None, None) if guest is None else marks.marks_of_writer(policy.salt or salt, guest)
    known = Restricted(
        payload.what, payload.whom, payload.name, payload.until_ms,
        mark, None if since_ms is None else address, since_ms, salt if is_new else None,
    )  # fmt: skip
    return (yield from change(by(actor), room, policy, known))


def _restrict_account(
    actor: Actor, room: str, payload: Restricted, rule: Rule, govern: Rule, *, now_ms: int
) -> Transaction[Policy]:
    policy = yield from _ready(actor, room, payload.whom, rule, now_ms)
    found: list[Account] = yield ACCOUNT(payload.whom)
    if not found or found[0].state == "deleted":
        raise Refusal("not_found", "There is no such account.")
    account = found[0]
    if account.has_role("admin"):
        raise Refusal("forbidden", f"{account.display} runs this server.")
    if policy.role_of(account.id) in ("moderator", "owner"):
        if payload.what == "muted":
            raise Refusal("forbidden", f"{account.display} moderates this room.")
        if (refusal := govern(policy)) is not None:
            raise refusal
    if payload.what == "banned":
        bots: list[str] = yield ALL_BOTS_OF(account.id)
        leaving = [each for each in (account.id, *bots) if each in policy.members]
        if policy.owners() and set(policy.owners()) <= set(leaving):
            raise Refusal("last_owner", LAST_OWNER)
        policy = yield from take_out(actor, room, policy, leaving, "removed")
    return (yield from change(by(actor), room, policy, payload))


def _ready(actor: Actor, room: str, whom: str, rule: Rule, now_ms: int) -> Transaction[Policy]:
    """The policy of a room that takes one more restriction. Raises Refusal."""
    policy = yield from allowed_policy(actor, room, rule)
    log: Log = yield FindLog(room)
    if not log.head_seq:
        raise Refusal("not_found", "There is no such room.")
    if whom in policy.restrictions or len(policy.restrictions) < MAX_RESTRICTIONS:
        return policy
    for each, restriction in policy.restrictions.items():
        if restriction.is_over(now_ms):
            return (yield from change(SYSTEM, room, policy, Restricted("lifted", each, restriction.name)))
    raise Refusal("forbidden", f"A room has at most {MAX_RESTRICTIONS} who are muted or banned: lift some first.")


def _lift(actor: Actor, room: str, whom: str, rule: Rule) -> Transaction[Policy]:
    policy = yield from allowed_policy(actor, room, rule)
    restriction = policy.restrictions.get(whom)
    if restriction is None:
        raise Refusal("not_found", "Nobody of that id is muted or banned in this room.")
    accounts: list[Account] = yield ACCOUNT(whom)
    name = accounts[0].display if accounts else restriction.name
    return (yield from change(by(actor), room, policy, Restricted("lifted", whom, name)))


def _known(room: str, whom: str, marks: GuestMarks, guest: Actor) -> Transaction[None]:
    """Add to a restriction by what its guest is known."""
    log: Log = yield FindLog(room)
    policy = log.policy
    restriction = policy.restrictions.get(whom)
    if restriction is None or restriction.mark is not None:
        return
    mark, address = marks.marks_of_writer(policy.salt, guest)
    known = Restricted(
        "known",
        whom,
        restriction.name,
        None,
        mark,
        None if restriction.since_ms is None else address,
        restriction.since_ms,
    )
    yield from change(SYSTEM, room, policy, known)
