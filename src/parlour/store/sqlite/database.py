"""Opens a data directory for writing: holds it, refuses or accepts what is there, and verifies it after a bad end."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import NamedTuple

import apsw

from parlour.chat.ports import Ids
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.batch import EventLog
from parlour.store.sqlite.checkpoints import Checkpoints, empty_log
from parlour.store.sqlite.connection import check_library, keep_log, open_reader, open_writer
from parlour.store.sqlite.continuity import Look
from parlour.store.sqlite.directory import OPEN, DataDirectory, sync_directory, sync_file
from parlour.store.sqlite.errors import Damaged, StoreError
from parlour.store.sqlite.file_id import FileId
from parlour.store.sqlite.files import DATABASE, WAL, make_private
from parlour.store.sqlite.identity import Kept, begin_epoch, identity_of
from parlour.store.sqlite.migrate import migrate
from parlour.store.sqlite.record import End, Position, Record
from parlour.store.sqlite.verify import recent_problems, recent_rooms

_log = logging.getLogger("parlour.store")

READERS = 2
"""Two, so that a long page does not hold up a short one; more would only fight for the GIL."""


class Database(NamedTuple):
    """An open data directory. A connection may be handed to another thread, but is used by one at a time."""

    directory: DataDirectory
    record: Record
    checkpoints: Checkpoints
    writer: apsw.Connection
    readers: list[apsw.Connection]
    identity: Kept
    events: EventLog


def open_database(path: Path, ids: Ids) -> Database:
    """Open or make the data in `path`; blocks on the disk. Raises StoreError."""
    check_library()
    try:
        directory = DataDirectory.hold(path)
    except OSError as error:
        raise _unusable(path, error) from error
    if names := make_private(path):
        _log.warning("others could read or change these files in %s; they no longer can: %s", path, ", ".join(names))
    connections: list[apsw.Connection] = []
    try:
        return _open(directory, ids, connections)
    except BaseException as error:
        for connection in connections:
            connection.close()
        directory.release()
        if isinstance(error, apsw.BusyError):
            raise StoreError(f"{path / DATABASE} is in use by another program: end that first.") from error
        if isinstance(error, apsw.Error):
            raise Damaged(f"{path / DATABASE} cannot be opened: {error}.") from error
        if isinstance(error, OSError):
            raise _unusable(path, error) from error
        raise


def _unusable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path} cannot be used: {error}.")


def _open(directory: DataDirectory, ids: Ids, connections: list[apsw.Connection]) -> Database:
    """Open it with these connections, the writer first; what was opened is in there if this fails."""
    path = directory.path / DATABASE
    look = Look(directory.path)
    if loss := look.loss():
        raise Damaged(f"{loss}.")
    database = look.database or _create(path)
    sync_directory(directory.path)
    writer = open_writer(path)
    connections.append(writer)
    if missing := look.missing(writer):
        raise Damaged(f"{missing}.")
    reason = look.reason(writer)
    migrate(writer)
    identity = identity_of(writer, ids)
    event = (0, 0) if reason or look.found is None else (look.found.position.event, look.found.position.checksum)
    if look.end is End.UNKNOWN:
        _recover(writer, directory.path / WAL, identity.seed)
    if reason:
        identity = begin_epoch(writer, identity, ids)
        if look.found is not None or writer.execute(sql.HAS_EVENTS).get:  # not after a first start that was cut short
            _log.warning("a new epoch begins: %s", reason)
    events = EventLog(writer, identity.seed)
    connections.extend(open_reader(path) for _ in range(READERS))
    for reader in connections[1:]:
        reader.pragma("schema_version")  # to read is to open the log: no descriptor is added later
    record = Record(directory.path, Position(identity.epoch, *event, look.checkpoints, End.UNKNOWN, database))
    checkpoints = Checkpoints(writer)
    if look.end is End.UNKNOWN:
        checkpoints.empty(record)  # the record may be older than what came last; no earlier copy has this count
    keep_log(writer, False)
    return Database(directory, record, checkpoints, writer, connections[1:], identity, events)


def _create(database: Path) -> FileId:
    """Make an empty file: SQLite would make it readable to all, and the log and its index take its mode."""
    handle = os.open(database, OPEN | os.O_CREAT, 0o600)
    try:
        return FileId.of(handle)
    finally:
        os.close(handle)


def _recover(connection: apsw.Connection, log: Path, seed: str) -> None:
    """Make durable what an unclean end left behind, then look at it.

    After a failed sync the system may hold pages of the WAL as clean that never reached the disk, and would sync them
    "successfully" for ever. So everything in the WAL is written anew, to the database, and synced there, before any of
    it is shown to anybody. A damaged event is logged and stays unreadable; the rest is served.
    """
    empty_log(connection)
    sync_file(log)  # what a power cut leaves of an older form of it would be replayed into the database
    for problem in recent_problems(connection, seed, recent_rooms(connection)):
        _log.error("%s", problem)
