"""Who may do what: one table, in which every access rule is decided; everything else asks here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from parlour.core.accounts import ROLES, Role, Scope
from parlour.core.errors import Refusal
from parlour.core.event import AuthorKind, Policy
from parlour.core.payloads import Access as Access

Right = Literal["read", "post", "govern", "account", "administer"]

MEANINGS: Mapping[Right, str] = {
    "read": "see the events of a room, and that it exists",
    "post": "add to a room; the first message makes it",
    "govern": "set who may use a room",
    "account": "one's own account, its bots, and what both are signed in with",
    "administer": "accounts, invitations and settings of the server",
}
"""What each right is for."""

_EVERYWHERE: frozenset[Access] = frozenset({"open", "members"})
_WHERE_OPEN: frozenset[Access] = frozenset({"open"})
_NOWHERE: frozenset[Access] = frozenset()

RIGHTS: Mapping[Right, Mapping[AuthorKind, frozenset[Access]]] = {
    "read": {"guest": _WHERE_OPEN, "member": _EVERYWHERE, "bot": _EVERYWHERE, "system": _EVERYWHERE},
    "post": {"guest": _WHERE_OPEN, "member": _EVERYWHERE, "bot": _EVERYWHERE, "system": _EVERYWHERE},
    "govern": {"guest": _NOWHERE, "member": _EVERYWHERE, "bot": _EVERYWHERE, "system": _EVERYWHERE},
    "account": {"guest": _NOWHERE, "member": _EVERYWHERE, "bot": _EVERYWHERE, "system": _EVERYWHERE},
    "administer": {"guest": _NOWHERE, "member": _EVERYWHERE, "bot": _EVERYWHERE, "system": _EVERYWHERE},
}
"""Right, kind of actor, and the accesses under which this kind has the right, if its role and its scopes allow it."""

LEAST_ROLES: Mapping[Right, Role] = {"govern": "admin", "administer": "admin"}
"""The role on the server that an account needs for a right; none is needed for the others."""

SCOPES_FOR: Mapping[Right, Scope] = {
    "read": "read",
    "post": "post",
    "govern": "admin",
    "account": "admin",
    "administer": "admin",
}
"""The scope that a token needs for a right."""

_CLOSED = "This room is closed to guests."
_DETAILS: Mapping[Right, str] = {
    "read": _CLOSED,
    "post": _CLOSED,
    "govern": "Only those who run the server may do this.",
    "account": "Sign in first.",
    "administer": "Only those who run the server may do this.",
}
_FOR_MEMBERS = "This server is for members only: sign in."


def may(kind: AuthorKind, right: Right, server: Access, room: Access = "open") -> bool:
    """Whether this kind of actor can have a right under the access of the server and of a room; both must allow it."""
    allowed = RIGHTS[right][kind]
    return server in allowed and room in allowed


Rule = Callable[[Policy], Refusal | None]
"""Judges a right by the policy of a room: None, or why the actor does not have it."""


def rule(
    kind: AuthorKind,
    right: Right,
    server: Access,
    role: Role | None = None,
    scopes: frozenset[Scope] | None = None,
) -> Rule:
    """The rule for a kind of actor and a right on a server; pure, for any thread.

    `role` is that of an account. A token has `scopes`; None allows everything that the account may do. The rule gives
    Refusal("login_required") to guests, ("forbidden") to those who are signed in.
    """
    allowed = RIGHTS[right][kind]
    least = LEAST_ROLES.get(right)
    if scopes is not None and SCOPES_FOR[right] not in scopes and "admin" not in scopes:
        return _always("forbidden", f"This token may not do that: it lacks the scope {SCOPES_FOR[right]}.")
    if role is not None and least is not None and ROLES.index(role) < ROLES.index(least):
        return _always("forbidden", _DETAILS[right])
    code = "login_required" if kind == "guest" else "forbidden"
    if server not in allowed:
        return _always(code, _FOR_MEMBERS if allowed else _DETAILS[right])
    detail = _DETAILS[right]
    return lambda policy: None if policy.access in allowed else Refusal(code, detail)


def _always(code: str, detail: str) -> Rule:
    return lambda _: Refusal(code, detail)
