"""The statements on those who are kept out of the whole server."""

from __future__ import annotations

from typing import Literal, NamedTuple

from parlour.chat.statements import Statement, no_row

BanKind = Literal["account", "address", "guest", "waiting"]
"""An account; an address or a range of them; a guest; an account that waits to be approved."""


class Ban(NamedTuple):
    """Somebody who is kept out until `until_ms` (None: until it is lifted).

    `subject` is the id of an account, a range of addresses, or the id of a guest as an author, who has `name` and is
    known by `mark`, `address` and `since_ms` as in a room (`core.policy.Restriction`). Accounts have no `name` here.
    `made_by` is the id of an author.
    """

    id: str
    kind: BanKind
    subject: str
    name: str
    reason: str
    until_ms: int | None
    made_ms: int
    made_by: str
    mark: str | None = None
    address: str | None = None
    since_ms: int | None = None


_COLUMNS = "id, kind, subject, name, reason, until_ms, made_ms, made_by, mark, address, since_ms"

BANS = Statement(Ban, f"SELECT {_COLUMNS} FROM bans ORDER BY made_ms, id")
BAN = Statement(Ban, f"SELECT {_COLUMNS} FROM bans WHERE id = ?1")
ADD_BAN = Statement(
    no_row,
    f"INSERT INTO bans ({_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
)
DROP_BAN = Statement(no_row, "DELETE FROM bans WHERE id = ?1")
DROP_OTHER_BANS = Statement(str, "DELETE FROM bans WHERE kind = ?1 AND subject = ?2 RETURNING id")
DROP_OVER = Statement(no_row, "DELETE FROM bans WHERE until_ms IS NOT NULL AND until_ms <= ?1")
"""Bans whose time is over."""
