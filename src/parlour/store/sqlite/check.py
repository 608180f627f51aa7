"""Finds events that are missing or not what was stored: in a whole data directory, also beside a running server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import apsw

from parlour.chat.tables.accounts import ALL_ACCOUNTS
from parlour.core.payloads import SERVER_LOG
from parlour.store.check import EventRow, LogCheck, Problem, Report
from parlour.store.errors import Damaged, StoreError
from parlour.store.moving.marks import refuse_unfinished
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.connection import check_library, open_reader
from parlour.store.sqlite.continuity import Look
from parlour.store.sqlite.directory import DATABASE, refuse_strange_files
from parlour.store.sqlite.identity import read_identity
from parlour.store.sqlite.migrate import applied, check_applied
from parlour.store.sqlite.tables import run_query

RECENT_ROOMS = 100
RECENT_EVENTS = 200
"""What a start looks at after an unclean end: some tens of milliseconds of work, where the last writes went."""


_Room = tuple[int, str, int, int]
"""Number, name, first seq, and id of the newest event (0 if there is none)."""


def check(directory: Path) -> Report:
    """Check the database of `directory`: SQLite's own structure, migrations, and every event of every room.

    Takes a read transaction per room, so a running server goes on; what it stores meanwhile is not looked at. Blocks
    for about a second per 100,000 events. Raises StoreError if there is nothing that could be checked.
    """
    check_library()
    refuse_strange_files(directory)
    database = directory / DATABASE
    if not database.is_file():
        raise StoreError(f"There is no {DATABASE} in {directory}.")
    try:
        look = Look(directory, os.O_RDONLY)
    except OSError as error:
        raise StoreError(f"{directory} cannot be read: {error}.") from error
    if look.is_empty:
        return _unreadable(database, "it is empty")
    return check_database(database, look)


def check_database(database: Path, look: Look | None = None, *, is_finished: bool = True) -> Report:
    """Check one file, and whether it has all that the record beside it knows of. Raises StoreError as `check`.

    `is_finished` says whether what a move has not finished yet is refused.
    """
    try:
        if look is not None:
            look.refuse_files()
        with closing(open_reader(database)) as connection:
            if look is not None:
                look.refuse_loss(connection)
            return _check(connection, database, is_finished)
    except Damaged as error:
        return _unreadable(database, str(error))
    except (apsw.CorruptError, apsw.NotADBError, apsw.IOError) as error:
        return _unreadable(database, f"SQLite: {error}")
    except UnicodeDecodeError:
        return _unreadable(database, "a text in it is not UTF-8")
    except apsw.Error as error:  # SQLite has to write to read what is in a log
        way_out = "if it has a log, and its directory may not be written, check a copy of both"
        raise StoreError(f"{database} cannot be read ({error}): {way_out}.") from error


def _check(connection: apsw.Connection, database: Path, is_finished: bool) -> Report:
    schema = max(applied(connection), default=0)
    if check_applied(connection):
        raise StoreError(f"{database} has schema {schema} of an older version: start the server once to migrate it.")
    if is_finished:
        refuse_unfinished(cast("dict[str, object]", dict(connection.execute(sql.ALL_META))), str(database.parent))
    epoch = connection.execute(sql.GET_META, ("epoch",)).get
    seed = str(connection.execute(sql.GET_META, ("seed",)).get)
    integrity = [str(message) for (message,) in connection.execute("PRAGMA integrity_check")]
    problems = [Problem(f"SQLite: {message}") for message in integrity if message != "ok"]
    for event_id, *_ in connection.execute(sql.STRAY_EVENTS):
        problems.append(Problem(f"event with id {event_id} belongs to no room or lies before the room's first"))
    if read_identity(connection) is None:
        problems.append(Problem("the epoch or the secret is damaged"))
    try:
        run_query(connection, ALL_ACCOUNTS())  # as a start does
    except (apsw.Error, UnicodeDecodeError) as error:
        problems.append(Problem(f"the accounts cannot be read: {error}"))
    rooms = events = number = 0
    while True:
        connection.execute("BEGIN")  # one snapshot of the room: retention may be dropping events
        row = connection.execute(sql.ROOM_AFTER, (number,)).get
        if row is None:
            break
        problems += room_problems(connection, seed, cast(_Room, row))
        connection.execute("COMMIT")
        number, name, first_seq, newest = cast(_Room, row)
        rooms += name != SERVER_LOG
        if isinstance(first_seq, int):  # damage can change the type of a value
            events += max(0, (newest & sql.SEQ_MASK) - first_seq + 1)
    facts = {name: connection.pragma(name) for name in ("page_size", "page_count", "freelist_count", "journal_mode")}
    return Report(str(database), epoch, schema, rooms, events, {"sqlite": apsw.sqlite_lib_version(), **facts}, problems)


def _unreadable(database: Path, what: str) -> Report:
    return Report(str(database), "", 0, 0, 0, {"sqlite": apsw.sqlite_lib_version()}, [Problem(what)])


def recent_problems(connection: apsw.Connection, seed: str) -> Iterator[Problem]:
    """Verify the last RECENT_EVENTS of the RECENT_ROOMS that were active last. Raises apsw.Error."""
    for row in connection.execute(sql.NEWEST_LOGS, (RECENT_ROOMS,)).fetchall():
        room = cast(_Room, row[:4])
        yield from room_problems(connection, seed, room, (room[3] & sql.SEQ_MASK) - RECENT_EVENTS + 1)


def room_problems(connection: apsw.Connection, seed: str, room: _Room, from_seq: int = 0) -> Iterator[Problem]:
    """Verify the events from `from_seq` to the newest: density, checksums, columns, times. Raises apsw.Error."""
    number, room_name, first_seq, newest = room
    if not (isinstance(room_name, str) and isinstance(first_seq, int)):  # STRICT holds for what is written only
        yield Problem("the row of the room is damaged", str(room_name), 0)
        return
    from_seq = max(from_seq, first_seq)
    rows = connection.execute(sql.EVENTS_FROM, (number << sql.SEQ_BITS | from_seq, newest))
    yield from LogCheck(seed, room_name, from_seq).problems(cast("Iterator[EventRow]", rows))
    if not newest:
        yield Problem("the room has no events", room_name, first_seq)
