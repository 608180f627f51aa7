"""Brings the schema forward: numbered SQL files, each once, all that are missing in one transaction, never back."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import NamedTuple

import apsw

from parlour.store.errors import StoreError

APPLICATION_ID = 0x7061726C
"""`parl`, in the header of the file (sqlite.org/fileformat2.html §1.2.16)."""


class Migration(NamedTuple):
    """One file of migrations/."""

    number: int
    name: str
    sql: str
    checksum: str  # SHA-256 of the SQL, in hex


def migrations() -> list[Migration]:
    """The migrations of this version, in order: 1, 2, 3 …"""
    folder = resources.files("parlour.store.sqlite").joinpath("migrations")
    found = []
    for file in folder.iterdir():
        name = file.name.removesuffix(".sql")
        if name != file.name:
            sql = file.read_bytes()
            found.append(Migration(int(name.partition("_")[0]), name, sql.decode(), hashlib.sha256(sql).hexdigest()))
    return sorted(found)


def applied(connection: apsw.Connection) -> dict[int, str]:
    """The checksums of the migrations that made this database. Raises StoreError."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not tables:
        return {}
    if connection.pragma("application_id") != APPLICATION_ID or "migrations" not in tables:
        raise StoreError(f"{connection.filename} is a database of another program.")
    return dict(connection.execute("SELECT number, checksum FROM migrations ORDER BY number"))


def check_applied(connection: apsw.Connection) -> list[Migration]:
    """The migrations still to be applied. Raises StoreError."""
    done = applied(connection)
    known = migrations()
    newest = max(done, default=0)
    if newest > len(known):
        what = f"has schema {newest}, this version knows {len(known)}: use a newer Parlour"
        raise StoreError(f"{connection.filename} {what}.")
    for migration in known[:newest]:
        if done.get(migration.number) != migration.checksum:
            what = f"was made by another form of migration {migration.name}"
            raise StoreError(f"{connection.filename} {what}: use the version that made it, or restore a backup.")
    return known[newest:]


def migrate(connection: apsw.Connection) -> None:
    """Apply what is missing. Raises StoreError, apsw.Error."""
    with connection:
        for migration in check_applied(connection):
            if migration.number == 1:
                connection.execute(
                    "CREATE TABLE migrations"
                    " (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT"
                )
                connection.pragma("application_id", APPLICATION_ID)
            connection.execute(migration.sql)
            row = (migration.number, migration.name, migration.checksum)
            connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", row)
