"""The statements on accounts of sign-in providers that are linked to accounts here."""

from __future__ import annotations

from typing import NamedTuple

from parlour.chat.statements import Statement, no_row


class ProviderLink(NamedTuple):
    """`subject` at `issuer` is the account `account` here, since `made_ms`, in milliseconds since 1970."""

    issuer: str
    subject: str
    account: str
    made_ms: int


_COLUMNS = "issuer, subject, account, made_ms"

ACCOUNT_LINKED = Statement(str, "SELECT account FROM provider_links WHERE issuer = ?1 AND subject = ?2")
LINKS_OF = Statement(ProviderLink, f"SELECT {_COLUMNS} FROM provider_links WHERE account = ?1 ORDER BY made_ms, issuer")
ADD_LINK = Statement(no_row, "INSERT INTO provider_links (issuer, subject, account, made_ms) VALUES (?1, ?2, ?3, ?4)")
END_LINK = Statement(str, "DELETE FROM provider_links WHERE account = ?1 AND issuer = ?2 RETURNING subject")
END_LINKS_OF = Statement(no_row, "DELETE FROM provider_links WHERE account = ?1")
