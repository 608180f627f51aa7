"""The statements on the chain of the server's log."""

from __future__ import annotations

from typing import NamedTuple

from parlour.chat.statements import Statement, no_row


class Link(NamedTuple):
    """Of the event `seq`: the SHA-256 of its bytes, and that of the link before and this one, both in hexadecimal."""

    seq: int
    digest: str
    hash: str


LAST_LINK = Statement(Link, "SELECT seq, digest, hash FROM audit_links ORDER BY seq DESC LIMIT 1")
LINKS_AFTER = Statement(Link, "SELECT seq, digest, hash FROM audit_links WHERE seq > ?1 ORDER BY seq LIMIT ?2")
ADD_LINK = Statement(no_row, "INSERT INTO audit_links (seq, digest, hash) VALUES (?1, ?2, ?3)")
