"""A batch that was under way when the connection was lost."""

from __future__ import annotations

from typing import NamedTuple

from parlour.store.changes import Outcome


class Doubt(NamedTuple):
    """A batch whose commit was under way when the connection was lost, and how to find out whether it is stored.

    By `transaction`, the number that PostgreSQL gave it; where that is not known, by an event of the batch, its id and
    its bytes. With neither it has changed nothing that anybody is told of. `outcome` is what it has changed.
    """

    outcome: Outcome
    transaction: int | None
    event: tuple[int, bytes] | None


class ConnectionLost(Exception):
    """The connection is gone. `doubt` is None if the batch is certainly not stored."""

    def __init__(self, doubt: Doubt | None) -> None:
        super().__init__("the connection is gone")
        self.doubt = doubt
