"""The steps that append to the log of an account, and keep it short: what is older stands in tables."""

from __future__ import annotations

from parlour.chat.guests import author_of
from parlour.chat.tables.inbox import DROP_OLD_MENTIONS
from parlour.chat.transactions import Append, DropBefore, Transaction
from parlour.core.accounts import Account
from parlour.core.event import Appended, Author, Draft
from parlour.core.payloads import Payload, log_of_account

KEPT = 1000
"""Events that are kept of the log of an account, and mentions: a device that has missed more reads the tables."""

DROP_EVERY = 64
"""Events between two looks at what is too old."""


def append_own(account: Account, payload: Payload) -> Transaction[int]:
    """Append what an account has done to its own log; the seq there."""
    return (yield from append_to_account(account.id, author_of(account), payload))


def append_to_account(account: str, author: Author, payload: Payload) -> Transaction[int]:
    """Append to the log of an account, which is an id; the seq there."""
    log = log_of_account(account)
    stored: Appended = yield Append(Draft(log, author, payload))
    if stored.seq > KEPT and stored.seq % DROP_EVERY == 0:
        yield DropBefore(log, stored.seq - KEPT)
        yield DROP_OLD_MENTIONS(account, stored.seq - KEPT)
    return stored.seq
