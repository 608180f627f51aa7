"""The statements on invitations, and on the links by which a password is reset."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from parlour.chat.statements import Statement, no_row
from parlour.core.accounts import Role


class Invitation(Struct, frozen=True):
    """A link that makes accounts, or sets the password of one.

    `maker` is the account that made it, None for the operator. `account` is whose password it sets; None makes an
    account with the role `role`, or none where that is `none`. Who uses it joins the room `room`, if there is one.
    `uses_left` counts down; times are in milliseconds since 1970.
    """

    id: str
    maker: str | None
    account: str | None
    role: Role | Literal["none"]
    uses_left: int
    made_ms: int
    expires_ms: int
    room: str | None = None
    sent_to: str = ""
    """A part of the address that it was sent to by mail (`core.email_address.masked`); empty if it was not."""


_COLUMNS = "id, maker, account, role, uses_left, made_ms, expires_ms, room, sent_to"

INVITATION = Statement(Invitation, f"SELECT {_COLUMNS} FROM invitations WHERE hash = ?1")
INVITATIONS = Statement(
    Invitation, f"SELECT {_COLUMNS} FROM invitations WHERE expires_ms > ?1 ORDER BY made_ms DESC, id"
)
ADD_INVITATION = Statement(
    no_row,
    f"INSERT INTO invitations (hash, {_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
)
USE_INVITATION = Statement(
    Invitation,
    "UPDATE invitations SET uses_left = uses_left - 1 WHERE hash = ?1 AND uses_left > 0 AND expires_ms > ?2"
    f" RETURNING {_COLUMNS}",
)
END_INVITATION = Statement(str, "DELETE FROM invitations WHERE id = ?1 RETURNING id")
END_INVITATIONS_TO_BY = Statement(str, "DELETE FROM invitations WHERE room = ?1 AND maker = ?2 RETURNING id")
END_ALL_BY = Statement(str, "DELETE FROM invitations WHERE maker = ?1 RETURNING id")
END_ALL_FOR_ACCOUNTS_BY = Statement(str, "DELETE FROM invitations WHERE maker = ?1 AND role <> 'none' RETURNING id")
"""Those that make accounts or set passwords; what is left leads people with an account into a room."""
INVITATION_BY_ID = Statement(Invitation, f"SELECT {_COLUMNS} FROM invitations WHERE id = ?1")
END_OWNER_INVITATIONS = Statement(str, "DELETE FROM invitations WHERE role = 'owner' AND account IS NULL RETURNING id")
RESETS_ASKED_FOR = Statement(
    str, "SELECT id FROM invitations WHERE account = ?1 AND maker = ?1 AND made_ms > ?2 LIMIT 1"
)
"""Links for a new password that somebody has asked for by mail since then: nobody else makes one for themselves."""
END_RESETS_ASKED_FOR = Statement(str, "DELETE FROM invitations WHERE account = ?1 AND maker = ?1 RETURNING id")
"""Those links: of an address that is no more that of the account."""
END_RESETS_OF = Statement(str, "DELETE FROM invitations WHERE account = ?1 RETURNING id")
INVITATION_UNTIL = Statement(str, "SELECT id FROM invitations WHERE expires_ms <= ?1 LIMIT 1")
"""One that has expired by then, if there is any."""
END_INVITATIONS_UNTIL = Statement(
    str,
    "DELETE FROM invitations WHERE id IN (SELECT id FROM invitations WHERE expires_ms <= ?1 ORDER BY id LIMIT ?2)"
    " RETURNING id",
)
"""At most so many that have expired by then."""
END_INVITATIONS_OF = Statement(str, "DELETE FROM invitations WHERE maker = ?1 OR account = ?1 RETURNING id")
