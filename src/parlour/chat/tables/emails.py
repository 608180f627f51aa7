"""The statements on e-mail addresses of accounts, and on the links by which they are verified."""

from __future__ import annotations

from typing import NamedTuple

from parlour.chat.statements import Statement, no_row


class EmailLink(NamedTuple):
    """A link that says that `account` can read the mail of `address`; it works until `expires_ms`."""

    account: str
    address: str
    folded: str
    expires_ms: int


EMAIL_OF = Statement(str, "SELECT address FROM emails WHERE account = ?1")
ACCOUNT_WITH = Statement(str, "SELECT account FROM emails WHERE folded = ?1")
SET_EMAIL = Statement(
    no_row,
    "INSERT INTO emails (account, address, folded, verified_ms) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT(account) DO UPDATE"
    " SET address = excluded.address, folded = excluded.folded, verified_ms = excluded.verified_ms",
)
DROP_EMAIL = Statement(str, "DELETE FROM emails WHERE account = ?1 RETURNING address")

EMAIL_LINK = Statement(EmailLink, "SELECT account, address, folded, expires_ms FROM email_links WHERE hash = ?1")
EMAIL_LINK_OF = Statement(EmailLink, "SELECT account, address, folded, expires_ms FROM email_links WHERE account = ?1")
ADD_EMAIL_LINK = Statement(
    no_row, "INSERT INTO email_links (hash, account, address, folded, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5)"
)
END_EMAIL_LINKS_OF = Statement(str, "DELETE FROM email_links WHERE account = ?1 RETURNING address")
END_EMAIL_LINKS_UNTIL = Statement(no_row, "DELETE FROM email_links WHERE expires_ms <= ?1")

DIGEST_OF = Statement(str, "SELECT account FROM emails WHERE account = ?1 AND digest_ms IS NOT NULL")
SET_DIGEST = Statement(str, "UPDATE emails SET digest_ms = ?2 WHERE account = ?1 RETURNING account")
DIGESTS_DUE = Statement(str, "SELECT account FROM emails WHERE digest_ms <= ?1 ORDER BY digest_ms, account LIMIT ?2")
