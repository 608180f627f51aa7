"""Statements: static SQL that transactions yield with values, in the subset that SQLite and PostgreSQL both read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

R = TypeVar("R")

Value: TypeAlias = str | int | None


class Statement(Generic[R]):
    """One statement. `?1`, `?2` … are its values; `row` makes something of the columns of one row.

    Called with its values it is a step of a transaction (`chat/transactions.py`) that gives the rows (list[R]), and a
    read for `Store.query`.
    """

    __slots__ = ("row", "sql")

    def __init__(self, row: Callable[..., R], sql: str) -> None:
        self.row = row
        self.sql = sql

    def __call__(self, *values: Value) -> Query[R]:
        """The statement with its values."""
        return Query(self, values)


class Query(Generic[R]):
    """A statement with its values. Equal by identity of the statement and by the values."""

    __slots__ = ("statement", "values")

    def __init__(self, statement: Statement[R], values: tuple[Value, ...]) -> None:
        self.statement = statement
        self.values = values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Query) and (self.statement, self.values) == (other.statement, other.values)

    def __hash__(self) -> int:
        return hash((self.statement, self.values))


def no_row(*_: Any) -> None:
    """The row of a statement whose rows nobody looks at."""
