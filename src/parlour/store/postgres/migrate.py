"""Brings the schema forward: numbered SQL files, each once, one node at a time, never back."""

from __future__ import annotations

import hashlib
from importlib import resources

from asyncpg import Connection

from parlour.store.errors import StoreError

_LOCK = 0x7061726C
"""`parl`: the advisory lock of whoever migrates, so that nodes which start at once wait for one another."""


def migrations() -> list[tuple[str, str, str]]:
    """The name, the SQL and its SHA-256 in hex of each file, in order."""
    folder = resources.files("parlour.store.postgres").joinpath("migrations")
    files = sorted((file.name.removesuffix(".sql"), file.read_bytes()) for file in folder.iterdir())
    return [(name, sql.decode(), hashlib.sha256(sql).hexdigest()) for name, sql in files if name[:1].isdigit()]


async def migrate(connection: Connection) -> None:
    """Apply what is missing. Raises StoreError, asyncpg.PostgresError."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations"
            " (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)"
        )
        for number, (name, sql, checksum) in (await missing(connection)).items():
            await connection.execute(sql)
            await connection.execute("INSERT INTO migrations VALUES ($1, $2, $3)", number, name, checksum)


async def missing(connection: Connection) -> dict[int, tuple[str, str, str]]:
    """The migrations still to be applied, by their numbers. Raises StoreError, asyncpg.PostgresError."""
    done = {row[0]: row[1] for row in await connection.fetch("SELECT number, checksum FROM migrations")}
    known = dict(enumerate(migrations(), 1))
    if len(done) > len(known):
        raise StoreError(f"The database has schema {len(done)}, this version knows {len(known)}: use a newer Parlour.")
    for number in done:
        name, _, checksum = known[number]
        if done[number] != checksum:
            raise StoreError(
                f"The database was made by another form of migration {name}: use the version that made it, or"
                " restore a backup."
            )
    return {number: migration for number, migration in known.items() if number not in done}
