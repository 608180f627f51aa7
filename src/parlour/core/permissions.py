"""The table of rights, in which every access rule is decided; everything else asks here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, get_args

from parlour.core.accounts import ROLES, Role, Scope
from parlour.core.direct import FIXED
from parlour.core.errors import Refusal
from parlour.core.event import AuthorKind
from parlour.core.payloads import Access as Access
from parlour.core.payloads import RoomRole
from parlour.core.policy import NO_POLICY, Policy, Restriction, end_in_words
from parlour.core.server_settings import RoomMakers

Right = Literal[
    "read",
    "post",
    "members",
    "restrict",
    "moderate",
    "govern",
    "create",
    "ticket",
    "inbox",
    "people",
    "account",
    "factor",
    "administer",
    "audit",
    "order",
]

MEANINGS: Mapping[Right, str] = {
    "read": "see the events of a room, and that it exists",
    "post": "add to a room; the first message makes a public one",
    "members": "see who the members of a room are, where one may read or moderate it",
    "restrict": "mute and ban people in a room, delete what others wrote in it",
    "moderate": "invite people to a room, add and remove its members",
    "govern": "the settings of a room, the roles in it, and its end",
    "create": "make a room that one owns",
    "ticket": "a ticket, which opens one stream with what one is signed in with",
    "people": "look for people who have an account, and see who they are",
    "inbox": "what one has read of which rooms, what is for one, and what one wants to be told of",
    "account": "one's own account, its bots, and what both are signed in with",
    "factor": "one's own second factors, by a session or a password: no token changes them",
    "administer": "accounts, invitations and settings of the server",
    "order": "bans of guests and addresses, what was reported, and the switch against raids",
    "audit": "read and export the log of the server, and verify it",
}
"""What each right is for."""

_EVERYWHERE: frozenset[Access] = frozenset({"open", "members"})
_WHERE_OPEN: frozenset[Access] = frozenset({"open"})
_NOWHERE: frozenset[Access] = frozenset()

_FOR_ALL: Mapping[AuthorKind, frozenset[Access]] = {
    "guest": _WHERE_OPEN,
    "member": _EVERYWHERE,
    "bot": _EVERYWHERE,
    "system": _EVERYWHERE,
}
_WITH_ACCOUNT: Mapping[AuthorKind, frozenset[Access]] = {**_FOR_ALL, "guest": _NOWHERE}

RIGHTS: Mapping[Right, Mapping[AuthorKind, frozenset[Access]]] = {
    "read": _FOR_ALL,
    "post": _FOR_ALL,
    "members": _WITH_ACCOUNT,
    "restrict": _WITH_ACCOUNT,
    "moderate": _WITH_ACCOUNT,
    "govern": _WITH_ACCOUNT,
    "create": _WITH_ACCOUNT,
    "ticket": _WITH_ACCOUNT,
    "inbox": _WITH_ACCOUNT,
    "people": _WITH_ACCOUNT,
    "account": _WITH_ACCOUNT,
    "factor": _WITH_ACCOUNT,
    "administer": _WITH_ACCOUNT,
    "audit": _WITH_ACCOUNT,
    "order": _WITH_ACCOUNT,
}
"""Right, kind of actor, and the accesses under which this kind has the right, if its roles and its scopes allow it."""

LEAST_ROLES: Mapping[Right, Role] = {"administer": "admin", "audit": "owner", "order": "moderator"}
"""The role on the server that an account needs for a right; none is needed for the others."""

ROOM_ROLES: tuple[RoomRole, ...] = get_args(RoomRole)

LEAST_ROOM_ROLES: Mapping[Right, RoomRole] = {"restrict": "moderator", "moderate": "moderator", "govern": "owner"}
"""The role in a room that an account needs for a right. Who has the role of INSTEAD on the server needs none."""

INSTEAD: Mapping[Right, Role] = {"restrict": "moderator", "moderate": "admin", "govern": "admin"}
"""The role on the server that does instead, in every room. In private rooms no role below `admin` does."""

BY_PASS: frozenset[Right] = frozenset({"read", "post"})
"""What a guest's pass gives, in the rooms that it opens; in others it takes away even that."""

SCOPES_FOR: Mapping[Right, Scope] = {
    "read": "read",
    "post": "post",
    "members": "read",
    "restrict": "admin",
    "moderate": "admin",
    "govern": "admin",
    "create": "admin",
    "ticket": "read",
    "inbox": "read",
    "people": "read",
    "account": "admin",
    "factor": "admin",
    "audit": "admin",
    "order": "admin",
    "administer": "admin",
}
"""The scope that a token needs for a right."""

_FOR_MEMBERS = "This server is for members only: sign in."
_CLOSED = "This room is closed to guests."
_NO_ROOM = "There is no such room, or it is not open to you."
_NOT_THERE = ("not_found", _NO_ROOM)
_OTHER_ROOM = "Your guest link does not open this room, or not any more."
_ARCHIVED = "This room is archived: it can be read, and nothing is added to it."
_NO_NEW_ROOMS = "Only those who run this server make rooms here."
_FACTORS_ARE_OWN = "A token changes no second factor: sign in for that."
_LACKS_FACTOR = "This server demands a second factor of you: set one up on /account/second-factor."
_READ_ONLY = "Only the moderators of this room write in it."
_DETAILS: Mapping[Right, str] = {
    "read": _CLOSED,
    "post": _CLOSED,
    "members": "Sign in first.",
    "restrict": "Only the moderators of this room may do this.",
    "moderate": "Only the moderators of this room may do this.",
    "govern": "Only the owners of this room may do this.",
    "create": "Sign in first.",
    "ticket": "Sign in first.",
    "inbox": "Sign in first.",
    "people": "Sign in first.",
    "account": "Sign in first.",
    "factor": "Sign in first.",
    "administer": "Only those who run the server may do this.",
    "audit": "Only the owners of the server may do this.",
    "order": "Only the moderators of the server may do this.",
}


def may(kind: AuthorKind, right: Right, server: Access, room: Access = "open") -> bool:
    """Whether this kind of actor can have a right under the access of the server and of a room; both must allow it."""
    allowed = RIGHTS[right][kind]
    return server in allowed and room in allowed


class Who(NamedTuple):
    """The actor of a rule: `account` is an id, `role` that on the server; both None without an account.

    A token has `scopes`; None allows everything that the account may do. `guest` is the id of a guest's pass.
    """

    kind: AuthorKind
    account: str | None = None
    role: Role | None = None
    scopes: frozenset[Scope] | None = None
    lacks_factor: bool = False
    """Whether the server demands a second factor of the account, which has none."""
    guest: str | None = None

    def has_role(self, least: Role) -> bool:
        """Whether this is somebody with that role on the server or a greater one, or the operator."""
        return self.kind == "system" or (self.role is not None and ROLES.index(self.role) >= ROLES.index(least))


Rule = Callable[[Policy], Refusal | None]
"""Judges a right by the policy of a room: None, or why the actor does not have it."""


def refused_everywhere(who: Who, right: Right, server: Access) -> Refusal | None:
    """Why an actor has a right in no room of a server, nor outside of rooms; None if that depends on the room.

    Refusal("login_required") for guests, ("forbidden") for those who are signed in; ("second_factor_required") for
    those who have none where the server demands one: until they have, they may set it up and nothing else.
    """
    if who.guest is not None and right in BY_PASS:
        return None
    allowed = RIGHTS[right][who.kind]
    if who.scopes is not None and right == "factor":
        return Refusal("forbidden", _FACTORS_ARE_OWN)
    if who.lacks_factor and right != "factor":
        return Refusal("second_factor_required", _LACKS_FACTOR)
    if who.scopes is not None and SCOPES_FOR[right] not in who.scopes and "admin" not in who.scopes:
        return Refusal("forbidden", f"This token may not do that: it lacks the scope {SCOPES_FOR[right]}.")
    least = LEAST_ROLES.get(right)
    if least is not None and who.role is not None and not who.has_role(least):
        return Refusal("forbidden", _DETAILS[right])
    if server not in allowed:
        code = "login_required" if who.kind == "guest" else "forbidden"
        return Refusal(code, _FOR_MEMBERS if allowed else _DETAILS[right])
    return None


def rule(who: Who, right: Right, server: Access) -> Rule:
    """The rule for an actor and a right on a server; pure, for any thread.

    It gives the refusals of `refused_everywhere`; ("login_required") for a room that is closed to guests, ("not_found")
    for a private or direct one that the actor is not in, ("read_only") for a post to a room that takes none.
    """
    refused = refused_everywhere(who, right, server)
    if refused is not None:
        return _always(refused.code, refused.detail)
    if who.guest is not None:
        return _rule_of_pass(who, who.guest, right)
    return _rule_in_rooms(who, right)


def _rule_in_rooms(who: Who, right: Right) -> Rule:
    allowed = RIGHTS[right][who.kind]
    code = "login_required" if who.kind == "guest" else "forbidden"
    room_role, detail = LEAST_ROOM_ROLES.get(right), _DETAILS[right]
    # Admins set a private room right, and do not read it. Known beforehand: a refusal takes no longer where a room is.
    instead = INSTEAD.get(right)
    is_above = who.kind == "system" or (instead is not None and who.has_role("admin"))

    has_it_by_default = "open" in allowed and room_role is None  # where nobody has changed anything: most rooms

    def judge(policy: Policy) -> Refusal | None:
        if policy is NO_POLICY and has_it_by_default:
            return None
        access = policy.access
        if access == "private":
            # In this order a room that is not there takes as long as one that the actor is not in.
            if not (is_above or who.account in policy.members) or policy.seq == 0:
                return Refusal("not_found", _NO_ROOM)
        elif access == "direct":  # also before its first message: nobody learns whether there was one
            if who.account not in policy.members:
                return Refusal(*_NOT_THERE)
            if room_role is not None:
                return Refusal("forbidden", FIXED)
        elif access not in allowed:
            return Refusal(code, detail)
        if right == "post" and (policy.is_archived or policy.is_read_only):
            return _writes(who, policy)
        if room_role is not None and not _has_room_role(who, right, policy, room_role):
            return Refusal("forbidden", detail)
        return None

    return judge


def refused_new_room(who: Who, makers: RoomMakers) -> Refusal | None:
    """Why an actor makes no room on a server with this setting, not even by a first message; None if it may."""
    if makers == "members" or who.has_role("admin"):
        return None
    return Refusal("forbidden", _NO_NEW_ROOMS)


def held(restriction: Restriction, right: Right, now_ms: int) -> Refusal | None:
    """Why somebody with this restriction does not have a right in the room at a time; None if it does not say so.

    Refusal("banned") for every right in the room, ("muted") for posting.
    """
    if restriction.is_over(now_ms) or (restriction.what == "muted" and right != "post"):
        return None
    until = "a moderator lifts this" if restriction.until_ms is None else end_in_words(restriction.until_ms)
    if restriction.what == "muted":
        return Refusal("muted", f"You can read this room, and not write in it until {until}.")
    return Refusal("banned", f"You may not use this room until {until}.")


def is_exempt(who: Who, policy: Policy) -> bool:
    """Whether restrictions do not hold for somebody: those who run the server, and who moderates the room."""
    return who.has_role("admin") or policy.role_of(who.account) in ("moderator", "owner")


def first_seq(who: Who, policy: Policy) -> int:
    """The first event of a room that an actor who may read it is shown: 1, or where its history begins for them."""
    if policy.history == "all" or (who.account is None and who.guest is None):
        return 1
    member = policy.members.get(who.account or "") or policy.guests.get(who.guest or "")
    return policy.seq + 1 if member is None else member.since


def _rule_of_pass(who: Who, guest: str, right: Right) -> Rule:
    """A pass opens the rooms that say so, whoever else may use them, and no other ones."""

    def judge(policy: Policy) -> Refusal | None:
        if guest not in policy.guests:
            is_seen = policy.access in ("open", "members")
            return Refusal("forbidden", _OTHER_ROOM) if is_seen else Refusal("not_found", _NO_ROOM)
        if right == "post" and (policy.is_archived or policy.is_read_only):
            return _writes(who, policy)
        return None

    return judge


def _writes(who: Who, policy: Policy) -> Refusal | None:
    if policy.is_archived:
        return Refusal("read_only", _ARCHIVED)
    return None if is_exempt(who, policy) else Refusal("read_only", _READ_ONLY)


def _has_room_role(who: Who, right: Right, policy: Policy, least: RoomRole) -> bool:
    if who.has_role("admin" if policy.access == "private" else INSTEAD[right]):
        return True
    role = policy.role_of(who.account)
    return role is not None and ROOM_ROLES.index(role) >= ROOM_ROLES.index(least)


def _always(code: str, detail: str) -> Rule:
    return lambda _: Refusal(code, detail)
