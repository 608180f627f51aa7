"""Opens a data directory for writing: holds it, migrates, finds or makes the identity, verifies after a bad end."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import apsw

from parlour.chat.ports import Ids
from parlour.store.identity import Identity
from parlour.store.sqlite.connection import check_library, open_reader, open_writer
from parlour.store.sqlite.directory import DataDirectory, sync_directory
from parlour.store.sqlite.errors import Damaged, StoreError
from parlour.store.sqlite.files import WAL, WAL_INDEX, make_private
from parlour.store.sqlite.identity import identity_of
from parlour.store.sqlite.migrate import migrate
from parlour.store.sqlite.verify import recent_problems
from parlour.store.sqlite.wal import WriteAheadLog
from parlour.store.sqlite.wal_index import WalIndex

_log = logging.getLogger("parlour.store")

READERS = 2
"""Two, so that a long page does not hold up a short one; more would only fight for the GIL."""


class Database(NamedTuple):
    """An open data directory. A connection may be handed to another thread, but is used by one at a time.

    `wal_index` is closed after the connections.
    """

    directory: DataDirectory
    wal_index: WalIndex
    writer: apsw.Connection
    readers: list[apsw.Connection]
    identity: Identity


def open_database(path: Path, ids: Ids) -> Database:
    """Open or make the data in `path`; blocks on the disk. Raises StoreError."""
    check_library()
    try:
        directory = DataDirectory.hold(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be used: {error}.") from error
    if names := make_private(path):
        _log.warning("others could read or change these files in %s; they no longer can: %s", path, ", ".join(names))
    connections: list[apsw.Connection] = []
    wal_index: WalIndex | None = None
    try:
        log = WriteAheadLog(directory.database)
        if loss := log.loss():
            raise _damaged(loss)
        writer = open_writer(directory.database)
        connections.append(writer)
        _refuse_damage(log, writer)
        migrate(writer)
        identity = identity_of(writer, ids)
        wal_index = WalIndex(directory.database)
        if not directory.ended_cleanly:
            _recover(writer, wal_index, identity.epoch)
        sync_directory(path)
        connections.extend(open_reader(directory.database) for _ in range(READERS))
        return Database(directory, wal_index, writer, connections[1:], identity)
    except BaseException as error:
        for connection in connections:
            connection.close()
        if wal_index is not None:
            wal_index.close()
        # A new database that is empty still must not look like one that was emptied.
        directory.release(clean=directory.ended_cleanly and directory.database.stat().st_size > 0)
        if isinstance(error, apsw.BusyError):
            raise StoreError(f"{directory.database} is in use by another program: end that first.") from error
        if isinstance(error, apsw.Error):
            raise Damaged(f"{directory.database} cannot be opened: {error}.") from error
        raise


def _refuse_damage(log: WriteAheadLog, connection: apsw.Connection) -> None:
    """Raise Damaged, everything left as it was, if stored messages would be dropped without a word."""
    if damage := log.damage(connection):
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.close()
        log.restore_wal_index()
        raise _damaged(damage)


def _damaged(what: str) -> Damaged:
    return Damaged(
        f"{what}. Restore a backup; or keep a copy of the directory, move {WAL} and {WAL_INDEX} out of it"
        " to go on without what is in them, and see with `parlour check` what is left. (Beside a backup that was put"
        " back they belong to the database before it: move them away.)"
    )


def _recover(connection: apsw.Connection, wal_index: WalIndex, epoch: str) -> None:
    """Make durable what an unclean end left behind, then look at it.

    After a failed sync the system may hold pages of the WAL as clean that never reached the disk, and would sync them
    "successfully" for ever. So everything in the WAL is written anew, to the database, and synced there, before any of
    it is shown to anybody. A damaged event is logged and stays unreadable; the rest is served.
    """
    wal_index.empty_log(connection)
    for problem in recent_problems(connection, epoch):
        _log.error("%s", problem)
