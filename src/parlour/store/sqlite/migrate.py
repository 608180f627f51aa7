"""Brings the schema forward: numbered SQL files, each once, each in its own transaction, never back."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import NamedTuple

import apsw

from parlour.store.sqlite.errors import StoreError

APPLICATION_ID = 0x7061726C
"""`parl`, in the header of the file (sqlite.org/fileformat2.html §1.2.16)."""

_CREATE_TABLE = """
CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT
"""


class Migration(NamedTuple):
    """One file of migrations/."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the SQL, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """The migrations of this version, in order: 1, 2, 3 …"""
    folder = resources.files("parlour.store.sqlite").joinpath("migrations")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [
        Migration(int(file.name.partition("_")[0]), file.name.removesuffix(".sql"), file.read_text("utf-8"))
        for file in files
    ]


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
        raise StoreError(
            f"{connection.filename} has schema {newest}, this version knows {len(known)}: use a newer Parlour."
        )
    for migration in known[:newest]:
        if done.get(migration.number) != migration.checksum:
            raise StoreError(
                f"{connection.filename} was made by another form of migration {migration.name}: "
                "use the version that made it, or restore a backup."
            )
    return known[newest:]


def migrate(connection: apsw.Connection) -> None:
    """Apply what is missing. Raises StoreError, apsw.Error."""
    for migration in check_applied(connection):
        with connection:
            if migration.number == 1:
                connection.execute(_CREATE_TABLE)
                connection.pragma("application_id", APPLICATION_ID)
            connection.execute(migration.sql)
            connection.execute(
                "INSERT INTO migrations VALUES (?, ?, ?)", (migration.number, migration.name, migration.checksum)
            )
