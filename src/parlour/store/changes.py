"""Work for an engine (batches of drafts and transactions), and its results."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from msgspec import Struct

from parlour.chat.ports import Commit
from parlour.chat.transactions import Transaction
from parlour.core.errors import Refusal
from parlour.core.event import Draft, Stored
from parlour.core.policy import Policy
from parlour.store.recent import RoomHead

_log = logging.getLogger("parlour.store")


Item: TypeAlias = Draft | Transaction[Any]


class Batch(NamedTuple):
    """Work for one transaction, in order, and the wall-clock time that its events are given."""

    items: Sequence[Item]
    now_ms: int


class Outcome(NamedTuple):
    """The result of a batch: an answer for each item, in order, and what it changed.

    The answer to a draft is an `Answer`, that to a transaction what it returned, or a Refusal. `commits` are the new
    events, `heads` how the logs of their rooms end now, `redacted` what has taken the place of events, by rooms,
    `trimmed` rooms that have lost the events before a seq. `policies` are the newest of rooms whose policy it changed,
    where other nodes may have changed it before without being heard of.
    """

    answers: Sequence[object]
    commits: Sequence[Commit] = ()
    heads: Sequence[RoomHead] = ()
    redacted: Sequence[tuple[str, Stored]] = ()
    trimmed: Sequence[tuple[str, int]] = ()
    policies: Sequence[tuple[str, Policy]] = ()


class Changes(Struct):
    """The changes of a batch, or of one transaction of it: events of each room, redacted ones, beginnings that went."""

    now_ms: int
    added: dict[str, list[Stored]] = {}
    redacted: list[tuple[str, Stored]] = []
    trimmed: list[tuple[str, int]] = []

    def merge(self, other: Changes) -> None:
        """Add what a later transaction of the batch has changed."""
        for name, events in other.added.items():
            self.added.setdefault(name, []).extend(events)
        for name, event in other.redacted:
            self.redact(name, event)
        self.trimmed += other.trimmed

    def redact(self, name: str, event: Stored) -> None:
        """Another event has taken the place of one; where that is new in this batch, nobody is shown what it was."""
        if name in self.added:
            self.added[name] = [event if event.seq == each.seq else each for each in self.added[name]]
        self.redacted.append((name, event))


def failed_transaction(error: Exception) -> Refusal:
    """The answer to a transaction that raised `error`; what is no Refusal is a mistake of ours, and logged."""
    if isinstance(error, Refusal):
        return error
    _log.error("a transaction failed", exc_info=error)
    return Refusal("internal")


def after_failure(item: Item) -> Refusal:
    """The answer to what cannot be stored any more; a draft with a key may be the repeat of one that is, or may be."""
    is_keyed = isinstance(item, Draft) and item.key is not None
    return Refusal("outcome_unknown" if is_keyed else "storage_unavailable", retry_after=1)
