"""The statements on sessions and API tokens: what an account is signed in with."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from parlour.chat.statements import Statement, no_row


class SignIn(Struct, frozen=True):
    """A session or a token. `label` is the device or what the token is for, `scopes` are separated by spaces.
    A token is for the rooms `rooms`, separated by spaces, or for all if that is empty.

    `authenticated_ms` is when the password was given for a session.
    Times are in milliseconds since 1970; `used_ms` is at most five minutes behind, 0 before the first use.
    """

    id: str
    account: str
    kind: Literal["session", "token"]
    label: str
    scopes: str
    made_ms: int
    used_ms: int
    expires_ms: int
    rooms: str = ""
    authenticated_ms: int = 0


_COLUMNS = "id, account, kind, label, scopes, made_ms, used_ms, expires_ms, rooms, authenticated_ms"

SIGN_IN = Statement(SignIn, f"SELECT {_COLUMNS} FROM sign_ins WHERE hash = ?1")
SIGN_IN_BY_ID = Statement(SignIn, f"SELECT {_COLUMNS} FROM sign_ins WHERE id = ?1")
SIGN_INS_OF = Statement(SignIn, f"SELECT {_COLUMNS} FROM sign_ins WHERE account = ?1 ORDER BY made_ms DESC, id")
ADD_SIGN_IN = Statement(
    no_row,
    f"INSERT INTO sign_ins (hash, {_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9, ?10)",
)
RENEW_SIGN_IN = Statement(
    str, "UPDATE sign_ins SET hash = ?3, authenticated_ms = ?4 WHERE id = ?1 AND account = ?2 RETURNING label"
)
"""Gives a session another secret."""
USE_SIGN_IN = Statement(no_row, "UPDATE sign_ins SET used_ms = ?2, expires_ms = ?3 WHERE id = ?1")
END_SIGN_IN = Statement(str, "DELETE FROM sign_ins WHERE id = ?1 AND account = ?2 RETURNING id")
END_EXPIRED = Statement(str, "DELETE FROM sign_ins WHERE id = ?1 AND expires_ms <= ?2 RETURNING id")
END_SIGN_INS_OF = Statement(str, "DELETE FROM sign_ins WHERE account = ?1 RETURNING id")
END_SESSIONS_BUT = Statement(
    str, "DELETE FROM sign_ins WHERE account = ?1 AND kind = 'session' AND id <> ?2 RETURNING id"
)
SIGN_INS_UNTIL = Statement(
    SignIn, f"SELECT {_COLUMNS} FROM sign_ins WHERE expires_ms < ?1 ORDER BY expires_ms, id LIMIT ?2"
)
"""Those that expire before a time, the first ones first."""
