"""The statements on tickets for streams."""

from __future__ import annotations

from typing import NamedTuple

from parlour.chat.statements import Statement, no_row


class TicketRow(NamedTuple):
    """A ticket: for whom it stands, and what made it.

    `sign_in` is the session or token that made it, None for a password; `password` then is the digest of what was
    stored of that. `scopes` and `rooms` are None for all, else separated by spaces.
    """

    account: str
    sign_in: str | None
    password: str | None
    scopes: str | None
    rooms: str | None
    authenticated_ms: int


_COLUMNS = "account, sign_in, password, scopes, rooms, authenticated_ms"

ADD_TICKET = Statement(
    no_row, f"INSERT INTO tickets (hash, {_COLUMNS}, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
)
TICKET = Statement(str, "SELECT account FROM tickets WHERE hash = ?1 AND expires_ms > ?2")
USE_TICKET = Statement(
    TicketRow,
    f"DELETE FROM tickets WHERE hash = ?1 AND expires_ms > ?2 RETURNING {_COLUMNS}",
)
END_TICKETS_UNTIL = Statement(no_row, "DELETE FROM tickets WHERE expires_ms <= ?1")
END_OLDEST_OF = Statement(
    no_row,
    "DELETE FROM tickets WHERE hash IN"
    " (SELECT hash FROM tickets WHERE account = ?1 ORDER BY expires_ms DESC, hash LIMIT 1000 OFFSET ?2)",
)
"""All of an account but the newest so many."""
