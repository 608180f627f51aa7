"""Opens connections to PostgreSQL, and says in a sentence why one cannot be used."""

from __future__ import annotations

from typing import Any

import asyncpg

from parlour.core.store_address import without_password
from parlour.store.errors import StoreError

CONNECT_S = 10.0
"""A server that does not answer for so long is away."""

OLDEST = 15
"""PostgreSQL 13 has all that is used here, but 14 is at its end of life. The tests run on 18."""

SETTINGS = {
    "application_name": "parlour",
    "synchronous_commit": "on",
    "jit": "off",
    "default_transaction_isolation": "read committed",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "10000",
    "tcp_user_timeout": "10000",
}
"""Of each session. What a node leaves open when its connection breaks holds the locks of rooms for 10 s at most."""

_CHECKS = """
SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding'),
  pg_is_in_recovery(), current_setting('synchronous_commit'), current_setting('fsync'),
  current_setting('default_transaction_read_only'),
  has_schema_privilege(current_schema(), 'CREATE'), current_schema()
"""

GONE = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
)
"""Raised when the connection is lost, there is no server, it stops or starts, or an operator has cancelled a query."""


def reason_of(error: BaseException | None) -> str:
    """Why a connection was lost, for people: what asyncpg says of its own states tells them nothing."""
    if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError | asyncpg.ConnectionDoesNotExistError):
        return "the connection ended"
    return str(error) or type(error).__name__


async def connect(url: str, command_timeout: float | None = None) -> asyncpg.Connection[Any]:
    """A connection of its own; statements may take `command_timeout` seconds. Raises what is in `GONE`, and others of
    asyncpg.PostgresError."""
    return await asyncpg.connect(url, timeout=CONNECT_S, command_timeout=command_timeout, server_settings=SETTINGS)


async def open_connection(url: str) -> asyncpg.Connection[Any]:
    """The first connection. Raises StoreError."""
    where = without_password(url)
    try:
        connection = await connect(url)
    except asyncpg.InvalidCatalogNameError as error:
        raise StoreError(f"There is no such database: {error}. Make it first (createdb).") from error
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidPasswordError) as error:
        raise StoreError(f"PostgreSQL at {where} does not let this user in: {error}.") from error
    except GONE as error:
        raise StoreError(f"PostgreSQL at {where} cannot be reached: {error or type(error).__name__}.") from error
    except asyncpg.PostgresError as error:
        raise StoreError(f"PostgreSQL at {where} refuses: {error}.") from error
    except ValueError as error:  # of the address
        raise StoreError(f"This is no address of a PostgreSQL database: {error}.") from error
    try:
        await check(connection)
    except BaseException:
        await connection.close()
        raise
    return connection


async def check(connection: asyncpg.Connection[Any]) -> None:
    """Raise StoreError if messages could not be kept here, or could be lost."""
    row = await connection.fetchrow(_CHECKS)
    assert row is not None
    version, encoding, is_replica, commit, fsync, read_only, may_create, schema = row
    if version < OLDEST:
        raise StoreError(f"PostgreSQL {version} is too old: version {OLDEST} or newer is needed.")
    if encoding != "UTF8":
        raise StoreError(f"The database has the encoding {encoding}: make one with ENCODING 'UTF8'.")
    if is_replica or read_only == "on":
        raise StoreError("The database can only be read: name the primary server, not a replica.")
    if commit != "on" or fsync != "on":
        raise StoreError(
            f"PostgreSQL answers before it is on disk (synchronous_commit = {commit}, fsync = {fsync}):"
            " both must be on."
        )
    if schema is None or not may_create:
        raise StoreError(
            "The user may not make tables here: GRANT CREATE, USAGE ON SCHEMA public, or give it a database of its own."
        )


class ConnectionLost(Exception):
    """The connection is gone. `is_unknown` says whether the batch that was under way may be stored."""

    def __init__(self, *, is_unknown: bool) -> None:
        super().__init__("the connection is gone")
        self.is_unknown = is_unknown
