"""The statements on mail that waits to be sent."""

from __future__ import annotations

from typing import NamedTuple

from parlour.chat.statements import Statement, no_row


class Mail(NamedTuple):
    """A mail that waits, or (`failed_ms`) was given up. `details` is a JSON object of texts; times are in milliseconds
    since 1970. Without an `address` it has to be found out yet who gets it.
    """

    id: str
    kind: str
    account: str | None
    address: str | None
    details: str
    made_ms: int
    due_ms: int
    attempts: int
    failed_ms: int | None
    error: str


class Waiting(NamedTuple):
    """How many mails wait, since when the oldest does (None where none does), and why the one of them that was tried
    last did not get out (None where none of them was tried).
    """

    mails: int
    oldest_ms: int | None
    error: str | None


_COLUMNS = "id, kind, account, address, details, made_ms, due_ms, attempts, failed_ms, error"

ADD_MAIL = Statement(
    no_row,
    "INSERT INTO mails (id, kind, account, address, details, made_ms, due_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
)
MAILS_DUE = Statement(
    Mail,
    f"SELECT {_COLUMNS} FROM mails WHERE failed_ms IS NULL AND due_ms <= ?1 ORDER BY due_ms, id LIMIT ?2",
)
NEXT_DUE = Statement(int, "SELECT due_ms FROM mails WHERE failed_ms IS NULL ORDER BY due_ms LIMIT 1")
ADDRESS_MAIL = Statement(no_row, "UPDATE mails SET kind = ?2, account = ?3, address = ?4 WHERE id = ?1")
END_MAIL = Statement(no_row, "DELETE FROM mails WHERE id = ?1")
DELAY_MAIL = Statement(no_row, "UPDATE mails SET attempts = ?2, due_ms = ?3, error = ?4 WHERE id = ?1")
FAIL_MAIL = Statement(no_row, "UPDATE mails SET attempts = ?2, failed_ms = ?3, error = ?4 WHERE id = ?1")
REPEAT_FAILED = Statement(
    str,
    "UPDATE mails SET attempts = 0, failed_ms = NULL, due_ms = ?1, error = '' WHERE failed_ms IS NOT NULL RETURNING id",
)
FORGET_FAILED = Statement(no_row, "DELETE FROM mails WHERE failed_ms <= ?1")
END_MAILS_OF = Statement(no_row, "DELETE FROM mails WHERE account = ?1")
MAILS_WAITING = Statement(
    Waiting,
    "SELECT COUNT(*), MIN(made_ms), (SELECT error FROM mails WHERE failed_ms IS NULL AND attempts > 0 "
    "ORDER BY due_ms DESC, id LIMIT 1) FROM mails WHERE failed_ms IS NULL",
)
MAILS_FAILED = Statement(
    Mail, f"SELECT {_COLUMNS} FROM mails WHERE failed_ms IS NOT NULL ORDER BY failed_ms DESC, id LIMIT ?1"
)
