"""Who may do what: one table, in which every access rule is decided; everything else asks here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from parlour.core.errors import Refusal
from parlour.core.event import AuthorKind, Policy
from parlour.core.payloads import Access as Access

Right = Literal["read", "post", "govern"]
"""`read`: see the events of a room, and that it exists. `post`: add to it; the first message makes the room. `govern`:
set who may use it."""

_EVERYWHERE: frozenset[Access] = frozenset({"open", "members"})
_WHERE_OPEN: frozenset[Access] = frozenset({"open"})
_NOWHERE: frozenset[Access] = frozenset()

RIGHTS: Mapping[Right, Mapping[AuthorKind, frozenset[Access]]] = {
    "read": {"guest": _WHERE_OPEN, "member": _EVERYWHERE, "bot": _EVERYWHERE, "system": _EVERYWHERE},
    "post": {"guest": _WHERE_OPEN, "member": _EVERYWHERE, "bot": _EVERYWHERE, "system": _EVERYWHERE},
    "govern": {"guest": _NOWHERE, "member": _NOWHERE, "bot": _NOWHERE, "system": _EVERYWHERE},
}
"""Right, kind of actor, and the accesses under which this kind has the right."""

_DETAILS: Mapping[Right, str] = {
    "read": "This room is closed to guests.",
    "post": "This room is closed to guests.",
    "govern": "Only those who run the server may do this.",
}
_FOR_MEMBERS = "This server is for members only, and has no accounts yet: guests can neither read nor write here."


def may(kind: AuthorKind, right: Right, server: Access, room: Access = "open") -> bool:
    """Whether this kind of actor has a right under the access of the server and of a room; both must allow it."""
    allowed = RIGHTS[right][kind]
    return server in allowed and room in allowed


Rule = Callable[[Policy], Refusal | None]
"""Judges a right by the policy of a room: None, or Refusal("login_required")."""


def rule(kind: AuthorKind, right: Right, server: Access) -> Rule:
    """The rule for a kind of actor and a right on a server; pure, for any thread."""
    allowed = RIGHTS[right][kind]
    if server not in allowed:
        detail = _FOR_MEMBERS if server == "members" and right != "govern" else _DETAILS[right]
        return lambda _: Refusal("login_required", detail)
    detail = _DETAILS[right]
    return lambda policy: None if policy.access in allowed else Refusal("login_required", detail)
