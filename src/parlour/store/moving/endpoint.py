"""The interface of an engine for a move: to read everything in one order, and to take it in that order."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from parlour.chat.ports import Ids
from parlour.store.check import Report
from parlour.store.moving.tables import Row, Table

ROWS_AT_ONCE = 500
"""Read at once: an event is 64 KiB at most, so that is 32 MiB."""

F = TypeVar("F", bound=Callable[..., Coroutine[Any, Any, Any]])


class Identity(NamedTuple):
    """What data is known by: the epoch of its cursors, the secret that makes guests who they are, and the seed that the
    checksums of its events start from."""

    epoch: str
    secret: bytes
    seed: str


class Endpoint(Protocol):
    """The source or the target of a move: a place with data, held so that nothing else writes to it.

    All methods raise StoreError, and Damaged (one of them) for what cannot be read.
    """

    where: str
    """A directory, or an address without its password."""

    is_empty: bool
    """Whether nothing has been there before."""

    async def tables(self) -> dict[str, Table]:
        """All tables, in the order in which they are moved (`tables.py`)."""

    async def identity(self) -> Identity:
        """The identity of the data."""

    async def meta(self) -> Mapping[str, object]:
        """The table of that name."""

    async def count_events(self, last: int | None = None) -> int:
        """How many events there are up to one with this id, as the ends of rooms say."""

    def rows(self, table: Table, after: Row | None = None) -> AsyncGenerator[Sequence[Row], None]:
        """The rows of a table in the order of their keys, after that key, a few hundred at once."""

    async def newest(self, table: Table) -> Row | None:
        """The key of the last row of a table."""

    async def add(self, table: Table, rows: Sequence[Row]) -> None:
        """Store rows, in one transaction."""

    async def mark(self, name: str | None, value: str = "") -> None:
        """Have this mark (`marks.py`) and no other."""

    async def begin(self, identity: Identity, mark: str) -> None:
        """Delete everything, take this identity, and the mark `UNFINISHED` with this value; in one transaction."""

    async def check(self) -> Report:
        """Verify what is there, as `parlour check` does."""

    async def begin_epoch(self, ids: Ids) -> None:
        """Take all marks away, and begin another epoch."""

    async def finish(self) -> None:
        """From now on servers may start here, and have the epoch that this has."""


def saying(errors: Callable[[str], AbstractContextManager[None]]) -> Callable[[F], F]:
    """Decorate a method so that its errors are what `errors(self.where)` makes of them: a move has two ends."""

    def decorate(method: F) -> F:
        @wraps(method)
        async def said(self: Any, *arguments: Any) -> Any:
            with errors(self.where):
                return await method(self, *arguments)

        return cast(F, said)

    return decorate
