"""Tells whether servers are connected to a database: each holds a lock there that a move has to have alone."""

from __future__ import annotations

import asyncpg
from asyncpg import Connection

from parlour.store.errors import StoreError
from parlour.store.moving.marks import MOVING, refuse_moved, refuse_unfinished
from parlour.store.postgres import statements as sql

WAIT_MS = 5000
"""Who has just been stopped, or killed, lets go when the database has noticed: within milliseconds, if it is idle."""


async def hold_as_server(connection: Connection) -> None:
    """Hold it as one of several servers, for as long as the connection lasts. Raises StoreError while a move has it."""
    try:
        await _hold(connection, sql.HOLD_AS_SERVER)
    except asyncpg.LockNotAvailableError as error:
        raise StoreError(
            "The database is being moved to or from another place: wait until `parlour move` has ended."
        ) from error


async def hold_alone(connection: Connection, where: str) -> None:
    """Hold it alone, for as long as the connection lasts. Raises StoreError if servers are connected."""
    try:
        await _hold(connection, sql.HOLD_ALONE)
    except asyncpg.LockNotAvailableError as error:
        raise StoreError(
            f"A server, or another `parlour move`, is connected to the database at {where}: stop all of them first."
        ) from error


async def _hold(connection: Connection, statement: str) -> None:
    """Raises asyncpg.LockNotAvailableError."""
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = {WAIT_MS}")
        await connection.execute(statement)


async def refuse_for_servers(connection: Connection, where: str) -> None:
    """Raise StoreError if no server may start here; a move from here that has not come to its end, ends."""
    meta = {row[0]: row[1] for row in await connection.fetch(sql.GET_META)}
    refuse_moved(meta, where)
    refuse_unfinished(meta, where)
    if MOVING in meta:
        await connection.execute(sql.DROP_META, MOVING)
