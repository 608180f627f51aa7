"""The database of a node: connections to it, and to no other one that has come in its place."""

from __future__ import annotations

from typing import Any

import asyncpg

from parlour.store.errors import StoreError
from parlour.store.postgres.connect import connect
from parlour.store.postgres.identity import Kept, place_of, read_identity


class Home:
    """Knows by which identity, and where, a node has found its database. A dump that was read back is another one."""

    def __init__(self, url: str, kept: Kept, place: str) -> None:
        self.url, self.kept = url, kept
        self._place = place

    async def connection(self, command_timeout: float | None = None) -> asyncpg.Connection[Any]:
        """A connection of its own. Raises StoreError, asyncpg.PostgresError and what is in `connect.GONE`."""
        connection = await connect(self.url, command_timeout)
        await self.require_or_end(connection)
        return connection

    async def require_or_end(self, connection: Any) -> None:
        """The same for a new connection, which is cut if not: a goodbye over a line that stands still has no end."""
        try:
            await self.require(connection)
        except BaseException:
            connection.terminate()
            raise

    async def require(self, connection: Any) -> None:
        """Raises StoreError if this is another database, asyncpg.PostgresError."""
        if await place_of(connection) != self._place or await read_identity(connection) != self.kept:
            raise StoreError("Another database is there now, or a copy: restart the server.")
