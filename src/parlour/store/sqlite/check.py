"""Checks a whole data directory without changing it, also beside a running server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import apsw

from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.connection import check_library, open_reader
from parlour.store.sqlite.continuity import Look
from parlour.store.sqlite.errors import StoreError
from parlour.store.sqlite.files import DATABASE, refuse_strange_files
from parlour.store.sqlite.identity import is_identity, seed_of
from parlour.store.sqlite.migrate import applied, check_applied
from parlour.store.sqlite.verify import Problem, RoomRow, room_problems

_DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.IOError)


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found. `facts` are as SQLite reports them; `problems` are in the order of rooms and seqs."""

    database: Path
    epoch: str
    schema: int
    rooms: int
    events: int
    facts: dict[str, int | str]
    problems: list[Problem]

    @property
    def is_ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def check(directory: Path) -> Report:
    """Check the database of `directory`: SQLite's own structure, migrations, and every event of every room.

    Takes a read transaction per room, so a running server goes on; what it stores meanwhile is not looked at. Blocks
    for about a second per 100,000 events. Raises StoreError if there is nothing that could be checked, or for a
    symbolic link in place of a file.
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
    if loss := look.loss():
        return _unreadable(database, loss)
    return check_database(database, look)


def check_database(database: Path, look: Look | None = None) -> Report:
    """Check one file, and whether it has all that the record beside it knows of. Raises StoreError as `check`."""
    try:
        connection = open_reader(database)
    except _DAMAGE as error:
        return _unreadable(database, f"SQLite: {error}")
    except apsw.Error as error:
        raise StoreError(f"{database} cannot be opened: {error}.") from error
    try:
        if look is not None and (missing := look.missing(connection)):
            return _unreadable(database, missing)
        return _check(connection, database)
    except _DAMAGE as error:
        return _unreadable(database, f"SQLite: {error}")
    except (apsw.ReadOnlyError, apsw.CantOpenError) as error:  # SQLite has to write to read what is in a log
        where = database.parent
        raise StoreError(f"{where} may not be written, and has a log: check a copy of it ({error}).") from error
    finally:
        connection.close()


def _check(connection: apsw.Connection, database: Path) -> Report:
    missing = check_applied(connection)
    schema = max(applied(connection), default=0)
    if missing:
        raise StoreError(
            f"{database} has schema {schema} of an older version: start the server once to bring it forward."
        )
    epoch = connection.execute(sql.GET_META, ("epoch",)).get
    seed = seed_of(connection)
    problems = list(_structure(connection))
    if not is_identity(connection):
        problems.append(Problem("the epoch or the secret is damaged"))
    rooms = events = 0
    for count, found in _rooms(connection, seed):
        rooms += 1
        events += count
        problems += found
    facts = {name: connection.pragma(name) for name in ("page_size", "page_count", "freelist_count", "journal_mode")}
    return Report(database, epoch, schema, rooms, events, {"sqlite": apsw.sqlite_lib_version(), **facts}, problems)


def _structure(connection: apsw.Connection) -> Iterator[Problem]:
    for (message,) in connection.execute("PRAGMA integrity_check"):
        if message != "ok":
            yield Problem(f"SQLite: {message}")
    for row in connection.execute(sql.STRAY_EVENTS):
        yield Problem(f"event with id {row[0]} belongs to no room or lies before the room's first")


def _rooms(connection: apsw.Connection, seed: str) -> Iterator[tuple[int, list[Problem]]]:
    """Of each room the number of events looked at, and the problems."""
    number = 0
    while True:
        connection.execute("BEGIN")  # one snapshot of the room: retention may be dropping events
        row = connection.execute(sql.ROOM_AFTER, (number,)).get
        if row is None:
            return
        room = RoomRow._make(cast("tuple[int, str, int, int]", row))
        found = list(room_problems(connection, seed, room))
        connection.execute("COMMIT")
        number = room.number
        is_countable = isinstance(room.first_seq, int)  # damage can change the type of a value
        yield (max(0, (room.newest & sql.SEQ_MASK) - room.first_seq + 1) if is_countable else 0), found


def _unreadable(database: Path, what: str) -> Report:
    return Report(database, "", 0, 0, 0, {"sqlite": apsw.sqlite_lib_version()}, [Problem(what)])
