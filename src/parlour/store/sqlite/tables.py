"""Runs the statements on the tables of people, for every store: also one in memory has them in SQLite."""

from __future__ import annotations

import apsw

from parlour.chat.statements import Query, R
from parlour.store.sqlite.migrate import migrations


def run_query(connection: apsw.Connection, query: Query[R]) -> list[R]:
    """The rows of a statement. Raises apsw.Error."""
    statement = query.statement
    return [statement.row(*row) for row in connection.execute(statement.sql, query.values)]


def tables_in_memory() -> apsw.Connection:
    """The tables, empty, in memory."""
    connection = apsw.Connection(":memory:")
    for migration in migrations():
        connection.execute(migration.sql)
    return connection
