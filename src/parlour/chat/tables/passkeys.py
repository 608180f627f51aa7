"""The statements on passkeys, and on the challenges that were answered."""

from __future__ import annotations

from typing import NamedTuple

from parlour.chat.statements import Statement, no_row


class PasskeyRow(NamedTuple):
    """A passkey: the id that its authenticator gave it and its COSE key, both in base64url; `rp` is a name of a host.

    Times are in milliseconds since 1970; `used_ms` is 0 before the first use.
    """

    id: str
    credential: str
    account: str
    label: str
    public_key: str
    counter: int
    rp: str
    made_ms: int
    used_ms: int


_COLUMNS = "id, credential, account, label, public_key, counter, rp, made_ms, used_ms"

PASSKEY = Statement(PasskeyRow, f"SELECT {_COLUMNS} FROM passkeys WHERE credential = ?1")
PASSKEYS_OF = Statement(PasskeyRow, f"SELECT {_COLUMNS} FROM passkeys WHERE account = ?1 ORDER BY made_ms DESC, id")
ADD_PASSKEY = Statement(
    str,
    f"INSERT INTO passkeys ({_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0)"
    " ON CONFLICT(credential) DO NOTHING RETURNING id",
)
USE_PASSKEY = Statement(
    str,
    "UPDATE passkeys SET counter = ?3, used_ms = ?4"
    " WHERE id = ?1 AND account = ?2 AND (counter < ?3 OR (counter = 0 AND ?3 = 0)) RETURNING id",
)
"""No row where the counter has gone back, or stands: another one signs with the same key. Zero: it does not count."""
END_PASSKEY = Statement(str, "DELETE FROM passkeys WHERE id = ?1 AND account = ?2 RETURNING id")
END_PASSKEYS = Statement(no_row, "DELETE FROM passkeys WHERE account = ?1")

CHALLENGE = Statement(str, "SELECT hash FROM used_challenges WHERE hash = ?1")
USE_CHALLENGE = Statement(
    str, "INSERT INTO used_challenges (hash, expires_ms) VALUES (?1, ?2) ON CONFLICT(hash) DO NOTHING RETURNING hash"
)
"""No row for one that was answered before."""
END_CHALLENGES_UNTIL = Statement(no_row, "DELETE FROM used_challenges WHERE expires_ms <= ?1")
