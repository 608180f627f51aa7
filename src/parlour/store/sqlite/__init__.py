"""The embedded store: one SQLite database in one directory, one writer thread, a few readers."""

from parlour.store.sqlite.errors import StoreError
from parlour.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore", "StoreError"]
