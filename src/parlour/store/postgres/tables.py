"""Runs the statements on the tables of people, which are written for both engines."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from asyncpg import Connection

from parlour.chat.statements import Query, R
from parlour.core.errors import Refusal

_VALUE = re.compile(r"\?(\d+)")


async def run_query(connection: Connection[Any], query: Query[R]) -> list[R]:
    """The rows of a statement. Raises asyncpg.PostgresError, Refusal("bad_parameter") for what cannot be stored."""
    statement = query.statement
    if any(isinstance(value, str) and "\0" in value for value in query.values):
        if statement.sql.startswith(("SELECT", "DELETE")):
            return []  # PostgreSQL keeps no such text, so nothing has it
        raise Refusal("bad_parameter", "A text has a NUL character in it.")
    return [statement.row(*row) for row in await connection.fetch(_for_postgres(statement.sql), *query.values)]


@cache
def _for_postgres(sql: str) -> str:
    return _VALUE.sub(r"$\1", sql)
