"""Opens SQLite with the settings that the guarantees rest on, and reads each one back."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import apsw

from parlour.store.errors import StoreError
from parlour.store.sqlite.migrate import check_applied
from parlour.store.sqlite.tuning import DEFAULT

OLDEST_SQLITE = (3, 51, 3)
"""Older ones can corrupt a WAL that two connections write and checkpoint at once (sqlite.org/wal.html, §WAL-reset)."""

_EVERYWHERE: dict[str, int | str] = {
    "mmap_size": 0,  # a disk error must come back as an error code, not as SIGBUS
    "foreign_keys": 1,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "wal_autocheckpoint": 0,  # the writer checkpoints between batches: no COMMIT carries its latency
}
_WRITER: dict[str, int | str] = {
    "journal_mode": "wal",
    "synchronous": 2,  # FULL: every commit is synced
    "fullfsync": 1,  # macOS: flush the drive's own cache too
    "checkpoint_fullfsync": 1,
    "journal_size_limit": 16 * 1024 * 1024,
    "cache_size": -8192,  # KiB: each room that is written to has a page of its own, and 2 MiB are those of 500
    **_EVERYWHERE,
}
_READER: dict[str, int | str] = {"query_only": 1, **_EVERYWHERE}


def check_library() -> None:
    """Raise StoreError if the SQLite library that apsw brings is older than `OLDEST_SQLITE`."""
    version = apsw.sqlite_lib_version()
    if tuple(int(part) for part in version.split(".")) < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        raise StoreError(f"SQLite {version} can corrupt its write-ahead log: upgrade apsw to {wanted} or newer.")


def open_writer(database: Path, lock_wait_ms: int = DEFAULT.lock_wait_ms) -> apsw.Connection:
    """The read-write connection; makes the file if needed. It keeps the log at its close until `keep_log` says False.

    `lock_wait_ms` is how long it waits for a lock of another program. Raises StoreError (if the data is not ours or of
    another version, before anything is changed), apsw.Error.
    """
    with ExitStack() as undo:
        connection = apsw.Connection(str(database))
        undo.callback(connection.close)
        keep_log(connection, True)
        check_applied(connection)
        _apply(connection, {**_WRITER, "busy_timeout": lock_wait_ms})
        undo.pop_all()
    return connection


def keep_log(connection: apsw.Connection, is_kept: bool) -> None:
    """Say whether the log stays when the last connection is closed, or is moved into the database and removed."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, int(is_kept))


def open_reader(database: Path) -> apsw.Connection:
    """A read-only connection to an existing file. Raises StoreError, apsw.Error."""
    with ExitStack() as undo:
        connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
        undo.callback(connection.close)
        _apply(connection, {**_READER, "busy_timeout": DEFAULT.lock_wait_ms})
        undo.pop_all()
    return connection


def open_copy(file: Path) -> apsw.Connection:
    """A connection to a file that nobody writes to and that has no log. Makes nothing beside it. Raises apsw.Error."""
    address = f"file:{quote(str(file.resolve()))}?immutable=1"
    return apsw.Connection(address, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def _apply(connection: apsw.Connection, settings: dict[str, int | str]) -> None:
    # One PRAGMA sets a timeout that another waits with: the order of the table does not matter.
    for name, wanted in settings.items():
        connection.pragma(name, wanted)
    for name, wanted in settings.items():
        found = connection.pragma(name)
        if found != wanted:
            raise StoreError(f"SQLite keeps {name} at {found!r} where {wanted!r} is needed.")
