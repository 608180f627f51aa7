"""The rights of actors in rooms: judged on the access of the server and the policies of rooms, in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import lru_cache, partial

from parlour.chat.guest_marks import GuestMarks
from parlour.chat.ports import Store
from parlour.core.accounts import Account, likenesses
from parlour.core.actor import Actor, guest
from parlour.core.errors import Refusal
from parlour.core.gone_guests import shut_out, why_closed, with_reason
from parlour.core.names import PRIVATE
from parlour.core.payloads import Payload
from parlour.core.permissions import (
    BY_PASS,
    RIGHTS,
    Access,
    Right,
    Rule,
    Who,
    first_seq,
    held,
    is_exempt,
    refused_everywhere,
    refused_new_room,
    rule,
)
from parlour.core.policy import GUEST_ID, NO_POLICY, NO_ROOM, Policy, Restriction, ServerAccess
from parlour.core.server_settings import FactorRule, RoomMakers

WRONG_ROOM = "This token is for another room."

MOST_EXPECTED = 10_000
"""Direct rooms in which nothing has been said yet that are known: half a KB each."""

_IN_ROOMS = frozenset({"read", "post", "members", "ticket"})
"""Rights that a token has which is for some rooms alone: in these rooms."""


class Policies:
    """The policies of all rooms that have one. All methods but two are called on the event loop.

    `judge` and `judge_at_once` may be called on any thread: what they read is replaced as a whole, and never changed.

    The store judges every draft again by the newest policy of its room (`core.event.Draft`).
    """

    def __init__(self, server: Access, marks: GuestMarks | None = None, now_ms: Callable[[], int] = lambda: 0) -> None:
        """`load` is to be called before anybody asks. `server` is who may take part while nobody has set that.

        `marks` know the guests whom rooms are closed to (None: no guest is known), at the time `now_ms` (as
        `Clock.now_ms`, called on any thread).
        """
        self._marks = marks
        self._now_ms = now_ms
        self._on_learn: list[Callable[[str, Policy, Policy], None]] = []
        self.set_rules("members", 0)
        self.gate_seq = 0
        """Another number with every change of who is kept out of the server, its access included."""
        self._kept_out: Callable[[Actor, Right], Refusal | None] | None = None
        self.second_factor: FactorRule = "nobody"
        self.set_access(ServerAccess(0, server))
        self._rooms: dict[str, Policy] = {}
        self._expected: dict[str, Policy] = {}  # of direct rooms in which nothing has been said yet, oldest first
        self._guest_names: dict[str, frozenset[str]] = {}  # all that the names of guests can be read as, by room
        self._of_account: defaultdict[str, set[str]] = defaultdict(set)  # accounts and passes to the rooms they are in

    def set_rules(self, room_makers: RoomMakers, least_slow_s: int) -> None:
        """Set who may make rooms from here on, and the slow mode of all rooms, in seconds."""
        self.room_makers = room_makers
        self.least_slow_s = least_slow_s
        self.has_rules = least_slow_s > 0 or room_makers != "members"  # messages go by one of these

    def set_access(self, access: ServerAccess) -> None:
        """Set who may take part in the server from here on; `server_seq` is the seq of the event that says so."""
        self.server_seq, self.server = access
        self.gate_seq += 1
        server = access.access
        self._rules = {right: {kind: rule(Who(kind), right, server) for kind in row} for right, row in RIGHTS.items()}
        self._rule = lru_cache(maxsize=4096)(lambda who, right: rule(who, right, server))

    def set_gate(self, kept_out: Callable[[Actor, Right], Refusal | None] | None) -> None:
        """Set the function that says why an actor is kept out of the whole server; None: nobody is."""
        self._kept_out = kept_out
        self.gate_seq += 1

    def on_learn(self, listener: Callable[[str, Policy, Policy], None]) -> None:
        """Call it with a room, its policy as it was known and the newer one, whenever there is one."""
        self._on_learn.append(listener)

    def load(self, rooms: Mapping[str, Policy]) -> None:
        """Take the policies that the store has (`Store.policies`)."""
        self._rooms = dict(rooms)
        self._guest_names = {}
        self._of_account = defaultdict(set)
        for room, policy in rooms.items():
            for account in _inside(policy):
                self._of_account[account].add(room)
            self._learn_guests(room, policy)

    def of(self, room: str) -> Policy:
        """The newest policy of a room, by its canonical name."""
        # Asked for every room, also for one that there is: a private one takes as long as one that is not there.
        return self._rooms.get(room, self._expected.get(room, NO_ROOM) if room[0] == PRIVATE else NO_POLICY)

    def expect(self, room: str, policy: Policy) -> None:
        """Take a direct room for one with this policy, whose seq is 0, until its first message has made it."""
        self._expected.pop(room, None)
        self._expected[room] = policy
        if len(self._expected) > MOST_EXPECTED:  # whoever comes back names its people again
            del self._expected[next(iter(self._expected))]

    def all(self) -> Mapping[str, Policy]:
        """Every room that has a policy, with it."""
        return self._rooms

    def rooms_of(self, account: str) -> frozenset[str]:
        """The rooms that an account is a member of, or that the pass of a guest opens."""
        return frozenset(self._of_account.get(account, ()))

    def learn(self, room: str, policy: Policy) -> None:
        """Remember a policy, unless a newer one is known."""
        before = self._known(room)
        if policy.seq <= before.seq:
            return
        self._rooms[room] = policy
        self._expected.pop(room, None)
        if before.guests is not policy.guests:
            self._learn_guests(room, policy)
        were, are = _inside(before), _inside(policy)
        for account in were - are:
            rooms = self._of_account[account]
            rooms.discard(room)
            if not rooms:
                del self._of_account[account]
        for account in are - were:
            self._of_account[account].add(room)
        for listener in self._on_learn:
            listener(room, before, policy)

    def is_name_of_guest(self, room: str, name: str) -> bool:
        """Whether a name is, or looks like, that of somebody who is in a room by a pass."""
        names = self._guest_names.get(room)
        return names is not None and not names.isdisjoint(likenesses(name))

    def _learn_guests(self, room: str, policy: Policy) -> None:
        if policy.guests:
            self._guest_names[room] = frozenset().union(*(likenesses(guest.name) for guest in policy.guests.values()))
        else:
            self._guest_names.pop(room, None)

    def changed(self, room: str, seq: int, payload: Payload) -> None:
        """Learn what the event `seq` of a room says; it follows on what is known."""
        before = self._known(room)
        if seq > before.seq:
            self.learn(room, before.after(seq, payload))

    def _known(self, room: str) -> Policy:
        return self._rooms.get(room, NO_ROOM if room[0] == PRIVATE else NO_POLICY)

    def judged(self, actor: Actor, right: Right, room: str) -> Policy:
        """Judge a right in a room by its policy, which is returned. Raises Refusal as the rule says."""
        # As in `_rule_of` and `of`: every message takes this way.
        if actor.account is None and actor.guest_pass is None:
            rule = self._rules[right][actor.kind]
        else:
            rule = self._rule(self.who(actor), right)
        policy = self._rooms.get(room, self._expected.get(room, NO_ROOM) if room[0] == PRIVATE else NO_POLICY)
        if actor.rooms is not None and room not in actor.rooms:
            raise Refusal("forbidden", WRONG_ROOM)
        refusal = rule(policy)
        if refusal is None and policy.restrictions:
            refusal = self._held(actor, right, policy)
        if refusal is None and self._kept_out is not None:
            refusal = self._kept_out(actor, right)
        if refusal is None and actor.removed_pass is not None:
            refusal = shut_out(actor.removed_pass, room)
        if refusal is not None:
            raise self.with_reason(refusal, actor, right, room)
        return policy

    def rule(self, actor: Actor, right: Right) -> Rule:
        """The function that judges a right of an actor by the policy of any room that its credential is for."""
        return partial(self._judge, self._rule_of(actor, right), actor, right)

    def lasting_rule(self, actor: Actor, right: Right) -> Rule:
        """The same for what goes on for long: it judges a guest by the access that the server has then."""
        if actor.account is None and actor.guest_pass is None:
            return partial(self.judge, actor, right)
        return self.rule(actor, right)

    def _rule_of(self, actor: Actor, right: Right) -> Rule:
        if actor.account is None and actor.guest_pass is None:
            return self._rules[right][actor.kind]
        return self._rule(self.who(actor), right)

    def judge(self, actor: Actor, right: Right, policy: Policy) -> Refusal | None:
        """Why an actor does not have a right under a policy, by what the server allows now. On any thread."""
        return self._judge(self._rule_of(actor, right), actor, right, policy)

    def judge_at_once(self, actor: Actor, right: Right, policy: Policy) -> Refusal | None:
        """The same for what is stored without a look at when its author has written last."""
        refusal = self.judge(actor, right, policy)
        if refusal is None and policy.slow_s and not self.is_exempt(actor, policy):
            return Refusal("slow_mode", "Slow mode has just been switched on here: send it again.", retry_after=1)
        return refusal

    def _judge(self, rule: Rule, actor: Actor, right: Right, policy: Policy) -> Refusal | None:
        """What the rule says, and whether the room is closed to just this actor. On any thread."""
        refusal = rule(policy)
        if refusal is None and self._kept_out is not None:
            refusal = self._kept_out(actor, right)
        return self._held(actor, right, policy) if refusal is None and policy.restrictions else refusal

    def is_exempt(self, actor: Actor, policy: Policy) -> bool:
        """Whether what keeps order in a room does not hold for an actor."""
        return actor.credential == "program" or is_exempt(self.who(actor), policy)

    def _held(self, actor: Actor, right: Right, policy: Policy) -> Refusal | None:
        """Why a restriction keeps an actor from a right in a room; a ban says so before a mute."""
        account, found = actor.account, []
        if account is not None:
            if is_exempt(self.who(actor), policy):
                return None
            found = [policy.restrictions.get(id_) for id_ in (account.id, account.owner) if id_ is not None]
        elif actor.guest_pass is not None:
            found = [policy.restrictions.get(actor.guest_pass.id), *self._restrictions_of(actor.browser, policy)]
        elif actor.credential in ("cookie", "address") and self._marks is not None:
            means, salt = self._marks.means, policy.salt
            found = [
                restriction
                for author, restriction in policy.restrictions.items()
                if author.startswith(GUEST_ID) and means(restriction, author, salt, actor)
            ]
            found += self._restrictions_of(actor.browser, policy)
        now_ms = self._now_ms()
        refusals = [held(restriction, right, now_ms) for restriction in found if restriction is not None]
        return max(filter(None, refusals), key=_is_ban, default=None)

    def _restrictions_of(self, browser: str | None, policy: Policy) -> list[Restriction]:
        """The restrictions of who has a pass now, from when the same browser asked without it."""
        if browser is None or self._marks is None:
            return []
        mark = self._marks.of(policy.salt, browser, None)[0]
        return [restriction for restriction in policy.restrictions.values() if restriction.mark == mark]

    def refused_new_room(self, actor: Actor) -> Refusal | None:
        """Why an actor makes no room here; None if it may, or if nobody has said otherwise."""
        return None if self.room_makers == "members" else refused_new_room(self.who(actor), self.room_makers)

    def may(self, actor: Actor, right: Right, room: str) -> bool:
        """Whether an actor has a right in a room, by its canonical name."""
        if actor.rooms is not None and room not in actor.rooms:
            return False
        return self._refused(actor, right, room) is None

    def _refused(self, actor: Actor, right: Right, room: str) -> Refusal | None:
        """Why an actor does not have a right in a room; the rooms of its token are another matter."""
        refusal = self.rule(actor, right)(self.of(room))
        if refusal is None and actor.removed_pass is not None:
            return shut_out(actor.removed_pass, room)
        return refusal

    def refused_newcomer(self, address: str) -> Refusal | None:
        """Why a guest who comes for the first time may not; None if no ban and no raid keeps them out."""
        return None if self._kept_out is None else self._kept_out(guest(None, address), "read")

    def refused_guest(self, actor: Actor, room: str) -> Refusal | None:
        """Why a guest who asks without a pass may not be in a room, by what they are known by; None if nothing is so.

        Whether the room is closed to guests is another matter.
        """
        refusal = None if self._kept_out is None else self._kept_out(actor, "read")
        policy = self.of(room)
        return self._held(actor, "read", policy) if refusal is None and policy.restrictions else refusal

    def may_everywhere(self, actor: Actor, right: Right) -> bool:
        """Whether an actor has a right on the server as a whole."""
        refusal = refused_everywhere(self.who(actor), right, self.server)
        return refusal is None and (self._kept_out is None or self._kept_out(actor, right) is None)

    def account_may(self, account: Account, right: Right, room: str) -> bool:
        """Whether an account can have a right in a room, with whatever it is signed in, if nobody has restricted it."""
        return self._rule(Who(account.kind, account.id, account.role), right)(self.of(room)) is None

    def could_allow(self, actor: Actor, right: Right, room: str) -> bool:
        """Whether another policy of a room could give an actor a right there that it does not have."""
        is_elsewhere = actor.rooms is not None and room not in actor.rooms
        return not is_elsewhere and refused_everywhere(self.who(actor), right, self.server) is None

    def why_not(self, actor: Actor, right: Right, room: str) -> Refusal | None:
        """Why an actor does not have a right in a room; None if it has it."""
        try:
            self.require(actor, right, room)
        except Refusal as refusal:
            return refusal
        return None

    def require(self, actor: Actor, right: Right, room: str | None) -> None:
        """Judge a right in a room; None is the server as a whole. Raises Refusal as the rule says."""
        if room is None:
            is_elsewhere = actor.rooms is not None and right not in _IN_ROOMS
            refusal = refused_everywhere(self.who(actor), right, self.server)
            if refusal is None and self._kept_out is not None:
                refusal = self._kept_out(actor, right)
        else:
            is_elsewhere = actor.rooms is not None and room not in actor.rooms
            refusal = self._refused(actor, right, room)
        if is_elsewhere:
            raise Refusal("forbidden", WRONG_ROOM)
        if refusal is not None:
            raise refusal if room is None else self.with_reason(refusal, actor, right, room)

    def with_reason(self, refusal: Refusal, actor: Actor, right: Right, room: str) -> Refusal:
        """The refusal that an actor is told for a room, by its canonical name: a guest who was in it is told why."""
        return with_reason(refusal, why_closed(actor, room)) if right in BY_PASS else refusal

    def demands_factor(self, account: Account) -> bool:
        """Whether the server demands a second factor of an account, which may have one or not; of bots never."""
        rule = self.second_factor
        return rule != "nobody" and account.kind == "member" and (rule == "everybody" or account.has_role("admin"))

    def who(self, actor: Actor) -> Who:
        """The actor as the table of rights knows it."""
        account = actor.account
        if account is None:
            return Who(actor.kind, guest=None if actor.guest_pass is None else actor.guest_pass.id)
        if self.second_factor == "nobody" or account.factors:
            return Who(account.kind, account.id, account.role, actor.scopes)
        return Who(account.kind, account.id, account.role, actor.scopes, self.demands_factor(account))

    def own_account(self, actor: Actor) -> Account:
        """The account of an actor who may change it. Raises Refusal("login_required"), ("forbidden")."""
        self.require(actor, "account", None)
        if actor.account is None:
            raise Refusal("login_required", "Sign in first.")
        return actor.account

    def require_own_bot(self, actor: Actor, bot: Account) -> None:
        """Raises Refusal("not_found") for what is no bot of the actor's, ("login_required"), ("forbidden")."""
        if bot.owner != self.own_account(actor).id:
            raise Refusal("not_found", "You have no such bot.")

    def first_seq(self, actor: Actor, room: str) -> int:
        """The first event of a room that an actor is shown, if it may read it."""
        policy = self._rooms.get(room)
        return 1 if policy is None else first_seq(self.who(actor), policy)


def _is_ban(refusal: Refusal) -> bool:
    return refusal.code == "banned"


async def learn_newest(store: Store, policies: Policies, room: str) -> int:
    """The newest seq of a room, with its policy learnt, where other nodes write to the store. Raises Refusal."""
    head, policy_seq = await store.newest(room)
    if policy_seq > policies.of(room).seq:
        policies.learn(room, (await store.log(room)).policy)
    return head


def _inside(policy: Policy) -> set[str]:
    """The ids of the accounts and passes that are in a room."""
    return {*policy.members, *policy.guests}
