"""Who may do what: one table, in which every access rule is decided; everything else asks here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from parlour.core.event import AuthorKind
from parlour.core.payloads import Access as Access

Right = Literal["read", "post"]
"""`read`: see the events of a room, and that it exists. `post`: add to it; the first message makes the room."""

_EVERYWHERE: frozenset[Access] = frozenset({"open", "members"})
_WHERE_OPEN: frozenset[Access] = frozenset({"open"})

RIGHTS: Mapping[Right, Mapping[AuthorKind, frozenset[Access]]] = {
    "read": {"guest": _WHERE_OPEN, "member": _EVERYWHERE, "bot": _EVERYWHERE, "system": _EVERYWHERE},
    "post": {"guest": _WHERE_OPEN, "member": _EVERYWHERE, "bot": _EVERYWHERE, "system": _EVERYWHERE},
}
"""Right, kind of actor, and the accesses under which this kind has the right."""


def may(kind: AuthorKind, right: Right, server: Access, room: Access = "open") -> bool:
    """Whether this kind of actor has a right under the access of the server and of a room; both must allow it."""
    allowed = RIGHTS[right][kind]
    return server in allowed and room in allowed
