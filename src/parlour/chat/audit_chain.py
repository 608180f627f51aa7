"""Chains the events of the server's log: each has a link with a hash of its bytes and of the link before.

The links are added in the transaction that appends the event, whichever verb it is of and whatever the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from parlour.chat.guests import SYSTEM
from parlour.chat.tables.audit import ADD_LINK, LAST_LINK, Link
from parlour.chat.transactions import Append, Erase, Erased, Step, T, Transaction
from parlour.core.errors import Refusal
from parlour.core.event import Appended, Draft, Stored
from parlour.core.payloads import SERVER_LOG, Rewritten


def digest_of(json: bytes) -> str:
    """The digest of an event: of the very bytes that are stored."""
    return sha256(json).hexdigest()


def next_link(before: Link | None, seq: int, digest: str) -> Link:
    """The link that follows on another one; None: the first."""
    return Link(seq, digest, sha256(f"{'' if before is None else before.hash}\n{seq}\n{digest}".encode()).hexdigest())


def chained(transaction: Transaction[T]) -> Transaction[T]:
    """The same transaction, which also links what it appends to the log of the server, and says what it rewrites."""
    result: Any = None
    refusal: Refusal | None = None
    try:
        while True:
            try:
                step = transaction.send(result) if refusal is None else transaction.throw(refusal)
            except StopIteration as end:
                value: T = end.value
                return value
            result = refusal = None
            try:
                result = yield step
            except Refusal as refused:
                refusal = refused
            else:
                yield from _after(step, result)
    finally:
        transaction.close()


def _after(step: Step, result: Any) -> Transaction[None]:
    if isinstance(step, Append):
        if step.draft.room == SERVER_LOG:
            yield from _link(result)
    elif isinstance(step, Erase):
        erased: Erased = result
        if erased.room == SERVER_LOG and erased.replaced:
            seqs = tuple(event.seq for event in erased.replaced)
            digests = tuple(digest_of(event.json) for event in erased.replaced)
            stored: Appended = yield Append(Draft(SERVER_LOG, SYSTEM, Rewritten(seqs, digests)))
            yield from _link(stored)


def _link(stored: Appended) -> Transaction[None]:
    last: list[Link] = yield LAST_LINK()
    if stored.seq == (last[0].seq if last else 0) + 1:  # else events before it have no links yet: see `fill`
        yield ADD_LINK(*next_link(last[0] if last else None, stored.seq, digest_of(stored.json)))


def add_links(events: Sequence[Stored]) -> Transaction[None]:
    """Add the links of events from a time before there were any; of those that have none, in order."""
    rows: list[Link] = yield LAST_LINK()
    last = rows[0] if rows else None
    for event in events:
        if last is None or event.seq > last.seq:
            last = next_link(last, event.seq, digest_of(event.json))
            yield ADD_LINK(*last)
