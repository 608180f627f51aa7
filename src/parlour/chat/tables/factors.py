"""The statements on second factors: authenticator apps, recovery codes, and what was changed of them."""

from __future__ import annotations

from typing import NamedTuple

from parlour.chat.statements import Statement, no_row


class AppRow(NamedTuple):
    """The authenticator app of an account. `secret` is sealed; `step` is the last one of which a code was used.

    Times are in milliseconds since 1970; `used_ms` is 0 before the first use.
    """

    account: str
    secret: str
    step: int
    made_ms: int
    used_ms: int


class Change(NamedTuple):
    """Something that was changed of how an account signs in, and when, in milliseconds since 1970."""

    at_ms: int
    what: str


APP_OF = Statement(AppRow, "SELECT account, secret, step, made_ms, used_ms FROM totp WHERE account = ?1")
SET_APP = Statement(
    no_row,
    "INSERT INTO totp (account, secret, step, made_ms, used_ms) VALUES (?1, ?2, ?3, ?4, 0)"
    " ON CONFLICT(account) DO UPDATE SET secret = excluded.secret, step = excluded.step,"
    " made_ms = excluded.made_ms, used_ms = 0",
)
USE_STEP = Statement(
    str, "UPDATE totp SET step = ?3, used_ms = ?4 WHERE account = ?1 AND secret = ?2 AND step < ?3 RETURNING account"
)
"""Uses a code up: no row where it, or a later one, was used, or where there is another app now."""
END_APP = Statement(str, "DELETE FROM totp WHERE account = ?1 RETURNING account")

ADD_CODE = Statement(no_row, "INSERT INTO recovery_codes (hash, account) VALUES (?1, ?2)")
CODES_OF = Statement(str, "SELECT hash FROM recovery_codes WHERE account = ?1 ORDER BY hash")
USE_CODE = Statement(str, "DELETE FROM recovery_codes WHERE hash = ?1 AND account = ?2 RETURNING account")
END_CODES = Statement(no_row, "DELETE FROM recovery_codes WHERE account = ?1")

SET_FACTORS = Statement(no_row, "UPDATE accounts SET factors = ?2 WHERE id = ?1")

ADD_CHANGE = Statement(no_row, "INSERT INTO sign_in_changes (id, account, at_ms, what) VALUES (?1, ?2, ?3, ?4)")
CHANGES_OF = Statement(
    Change, "SELECT at_ms, what FROM sign_in_changes WHERE account = ?1 ORDER BY at_ms DESC, id DESC LIMIT 20"
)
END_OLD_CHANGES = Statement(
    no_row,
    "DELETE FROM sign_in_changes WHERE id IN"
    " (SELECT id FROM sign_in_changes WHERE account = ?1 ORDER BY at_ms DESC, id DESC LIMIT 1000 OFFSET 20)",
)
END_CHANGES = Statement(no_row, "DELETE FROM sign_in_changes WHERE account = ?1")
