"""Who may do what: the single place where an access rule is decided; everything else asks here."""

from __future__ import annotations

from typing import Literal

from parlour.core.event import AuthorKind

Access = Literal["open", "members"]
"""`open`: whoever reaches the server may read and write. `members`: only those with an account."""


def may_read(kind: AuthorKind, access: Access) -> bool:
    """Whether this kind of author may read rooms; a refused guest is answered `login_required`."""
    return access == "open" or kind != "guest"


def may_post(kind: AuthorKind, access: Access) -> bool:
    """Whether this kind of author may add to a room, which brings it into being if nobody has written there yet."""
    return may_read(kind, access)
