"""Opens a data directory for writing: holds it, refuses or accepts what is there, and verifies it after a bad end."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple, cast

import apsw

from parlour.chat.ports import Ids
from parlour.store.errors import Damaged, StoreError
from parlour.store.moving.marks import MOVING, refuse_moved, refuse_unfinished
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.batch import EventLog
from parlour.store.sqlite.check import recent_problems
from parlour.store.sqlite.checkpoints import Checkpoints, empty_log
from parlour.store.sqlite.connection import check_library, keep_log, open_reader, open_writer
from parlour.store.sqlite.continuity import Look
from parlour.store.sqlite.directory import DATABASE, OPEN, WAL, DataDirectory, make_private, sync_directory, sync_file
from parlour.store.sqlite.identity import Kept, begin_epoch, identity_of
from parlour.store.sqlite.migrate import migrate
from parlour.store.sqlite.record import End, Position, Record
from parlour.store.sqlite.tuning import DEFAULT, SqliteTuning

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


def open_database(path: Path, ids: Ids, tuning: SqliteTuning = DEFAULT, *, is_served: bool = True) -> Database:
    """Open or make the data in `path`; blocks on the disk. Raises StoreError.

    For a server, unless `is_served` says otherwise: none opens what was moved away, or is not here as a whole yet.
    """
    check_library()
    try:
        with ExitStack() as undo:
            directory = DataDirectory(path)
            undo.callback(directory.release)
            if names := ", ".join(make_private(path)):
                _log.warning("others could read or change these files in %s; they no longer can: %s", path, names)
            database = _open(directory, ids, tuning, undo, is_served)
            undo.pop_all()
            return database
    except apsw.BusyError as error:
        raise StoreError(f"{path / DATABASE} is in use by another program: end that first.") from error
    except apsw.Error as error:
        raise Damaged(f"{path / DATABASE} cannot be opened: {error}.") from error
    except UnicodeDecodeError as error:
        raise Damaged(f"{path / DATABASE} cannot be opened: a text in it is not UTF-8.") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be used: {error}.") from error


def close_database(database: Database) -> None:
    """Close in good order what no threads use. Blocks on the disk."""
    for reader in database.readers:
        reader.close()
    end = End.UNKNOWN
    try:
        with suppress(apsw.Error):  # the next start moves the log
            database.checkpoints.finish(database.record)
            end = End.WHOLE
        database.writer.close()
    finally:
        database.record.close(end)
        database.directory.release()


def _open(directory: DataDirectory, ids: Ids, tuning: SqliteTuning, undo: ExitStack, is_served: bool) -> Database:
    path = directory.path / DATABASE
    look = Look(directory.path)
    look.refuse_files()
    if look.database is None:  # SQLite would make it readable to all, and the log and its index take its mode
        os.close(os.open(path, OPEN | os.O_CREAT, 0o600))
        look = Look(directory.path)
    assert look.database is not None
    sync_directory(directory.path)
    writer = open_writer(path, tuning.lock_wait_ms)
    undo.callback(writer.close)
    look.refuse_loss(writer)
    reason = look.reason(writer)
    migrate(writer)
    if is_served:
        _refuse_moved(writer, directory.path)
    identity = identity_of(writer, ids)
    event = (0, 0) if reason or look.found is None else (look.found.position.event, look.found.position.checksum)
    is_unclean = look.found is None or look.found.position.end is End.UNKNOWN
    if is_unclean:
        _recover(writer, directory.path / WAL, identity.seed)
    if reason:
        identity = begin_epoch(writer, identity, ids)
        if look.found is not None or writer.execute(sql.HAS_EVENTS).get:  # not after a first start that was cut short
            _log.warning("a new epoch begins: %s", reason)
    events = EventLog(writer, identity.seed, tuning)
    readers = []
    for _ in range(READERS):
        reader = open_reader(path)
        undo.callback(reader.close)
        reader.pragma("schema_version")  # to read is to open the log: no descriptor is added later
        readers.append(reader)
    record = Record(directory.path, Position(identity.epoch, *event, look.checkpoints, End.UNKNOWN, look.database))
    checkpoints = Checkpoints(writer, tuning.lock_wait_ms)
    if is_unclean:
        checkpoints.empty(record)  # the record may be older than what came last; no earlier copy has this count
    keep_log(writer, False)
    return Database(directory, record, checkpoints, writer, readers, identity, events)


def _refuse_moved(connection: apsw.Connection, directory: Path) -> None:
    meta = cast("dict[str, object]", dict(connection.execute(sql.ALL_META)))
    refuse_moved(meta, str(directory))
    refuse_unfinished(meta, str(directory))
    if MOVING in meta:
        connection.execute(sql.DROP_META, (MOVING,))


def _recover(connection: apsw.Connection, log: Path, seed: str) -> None:
    """Make durable what an unclean end left behind, then look at it.

    After a failed sync the system may hold pages of the WAL as clean that never reached the disk. So everything in the
    WAL is written to the database and synced there before it is shown. A damaged event is logged and stays unreadable.
    """
    empty_log(connection)
    sync_file(log)  # what a power cut leaves of an older form of it would be replayed into the database
    for problem in recent_problems(connection, seed):
        _log.error("%s", problem)
