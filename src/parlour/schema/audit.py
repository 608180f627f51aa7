"""The log of the server as JSON, for its owners."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from parlour.schema.fields import HeadSeq, Seq


class AuditEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event of the log, as it is stored, with the SHA-256 of its bytes, and of the hash before it and this.

    `hash` is the SHA-256, in hexadecimal, of the hash before it, `seq` and `digest` as lines. `event` is absent where
    it is nobody's business: whom somebody has blocked.
    """

    seq: Seq
    digest: str = ""
    hash: str = ""
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class AuditLog(msgspec.Struct, frozen=True):
    """Entries, oldest first; `more` says that there are others behind them."""

    entries: Sequence[AuditEntry]
    more: bool


class AuditHead(msgspec.Struct, frozen=True):
    """The newest link of the chain: note it elsewhere, and a cut end or another chain is found."""

    seq: HeadSeq
    hash: str


class AuditVerdict(msgspec.Struct, frozen=True):
    """How many events were verified, and what is wrong, a sentence each: nothing, as a rule."""

    events: int
    head: AuditHead
    wrong: Sequence[str]
