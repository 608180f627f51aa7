"""Why a data directory cannot be opened; every message says what to do."""

from __future__ import annotations


class StoreError(Exception):
    """The data cannot be opened."""


class DirectoryInUse(StoreError):
    """Another process holds the data directory; `pid` is 0 if it could not be read."""

    def __init__(self, directory: str, pid: int) -> None:
        self.pid = pid
        who = f"process {pid}" if pid else "another process"
        super().__init__(f"{directory} is in use by {who}: stop it first, or choose another directory with --data.")


class SqliteTooOld(StoreError):
    """The SQLite library has the WAL-reset bug, which can corrupt the database."""


class SettingRefused(StoreError):
    """SQLite did not take a setting that the guarantees rest on."""


class NotOurs(StoreError):
    """The file is not a Parlour database."""


class SchemaTooNew(StoreError):
    """The data was written by a newer version."""


class MigrationChanged(StoreError):
    """A migration differs from the one that made this data."""


class Damaged(StoreError):
    """The database cannot be read."""
