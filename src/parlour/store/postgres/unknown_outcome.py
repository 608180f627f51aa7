"""What may be said about a batch after an error."""

from __future__ import annotations

from typing import NamedTuple

from parlour.store.changes import Outcome


class Doubt(NamedTuple):
    """A batch whose commit was under way when the line was lost, and how to find out whether it is stored.

    By `transaction`, the number that PostgreSQL gave it; where that is not known, by an event of the batch, its id and
    its bytes. `outcome` is what it has changed if so.
    """

    outcome: Outcome
    transaction: int | None
    event: tuple[int, bytes]


class ConnectionLost(Exception):
    """The connection is gone. `doubt` is None if the batch is not stored for certain."""

    def __init__(self, doubt: Doubt | None) -> None:
        super().__init__("the connection is gone")
        self.doubt = doubt
