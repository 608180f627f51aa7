"""A data directory as the source or the target of a move."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count, islice
from pathlib import Path
from typing import Any, cast

import apsw

from parlour.chat.ports import Ids
from parlour.store.check import Report
from parlour.store.checksums import checksum, room_crc
from parlour.store.errors import Damaged, StoreError
from parlour.store.moving.endpoint import ROWS_AT_ONCE, Identity, saying
from parlour.store.moving.marks import MARKS, UNFINISHED, refuse_unfinished
from parlour.store.moving.tables import (
    COMMITS,
    CURSORS,
    ENDS,
    EVENTS,
    MAX_ID,
    OF_ENGINES,
    Row,
    Schema,
    Table,
    ranges_text,
    read_ranges,
    tables_of,
)
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.check import check_database
from parlour.store.sqlite.checkpoints import Checkpoints
from parlour.store.sqlite.connection import check_library, keep_log, open_writer
from parlour.store.sqlite.database import close_database, open_database
from parlour.store.sqlite.directory import DATABASE, LOCK, OPEN, RECORD, DataDirectory, sync_directory
from parlour.store.sqlite.file_id import FileId
from parlour.store.sqlite.identity import Kept, begin_epoch, read_identity, write_identity
from parlour.store.sqlite.migrate import migrate
from parlour.store.sqlite.record import End, Position, Record
from parlour.store.sqlite.tuning import DEFAULT

CHECKPOINT_PAGES = 4000
"""Of the target's log: 16 MB."""

_FIRST_EVENT = 1 << sql.SEQ_BITS
"""Events with lower ids are the log of commits."""

_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
_COLUMNS = "SELECT name, pk FROM pragma_table_info(?) ORDER BY pk"

_ENDS = {
    "head": "coalesce((SELECT max(id) FROM events WHERE id BETWEEN room_no << 36 AND ((room_no + 1) << 36) - 1), 0)"
    " & ((1 << 36) - 1)",
    "at_ms": "coalesce((SELECT at_ms FROM events WHERE id BETWEEN room_no << 36 AND ((room_no + 1) << 36) - 1"
    " ORDER BY id DESC LIMIT 1), 0)",
}

_EVENT_COUNT = """
SELECT coalesce(sum(max(0, min(head, CASE WHEN room_no < ?1 >> 36 THEN head ELSE ?1 & ((1 << 36) - 1) END)
  - first_seq + 1)), 0)
FROM (SELECT room_no, first_seq, coalesce(
    (SELECT max(id) & ((1 << 36) - 1) FROM events WHERE id BETWEEN room_no << 36 AND ((room_no + 1) << 36) - 1), 0)
    AS head FROM rooms)
WHERE room_no <= ?1 >> 36
"""

_COMMITS = """
SELECT id, checksum, body, at_ms FROM events
WHERE id > (SELECT min(position) FROM cursors) AND id < 1 << 36 ORDER BY id
"""
_CURSORS = """
SELECT follower, (SELECT count(*) FROM events
  WHERE id > (SELECT min(position) FROM cursors) AND id <= cursors.position AND id < 1 << 36)
FROM cursors ORDER BY follower
"""
_ADD_EVENT = "INSERT INTO events (id, at_ms, author, key, body, checksum, type, ref) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


@contextmanager
def _said(where: str) -> Iterator[None]:
    """Turn what the system or SQLite say into a StoreError."""
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise Damaged(f"{where} cannot be read: {error}. `parlour check` names what is damaged.") from error
    except UnicodeDecodeError as error:
        raise Damaged(f"{where} has a text that is not UTF-8. `parlour check` names what is damaged.") from error
    except (apsw.Error, OSError) as error:
        raise StoreError(f"{where} cannot be used: {error}.") from error


_says = saying(_said)


class SqliteEndpoint:
    """See `Endpoint`. Its methods block."""

    def __init__(self, path: Path, connection: apsw.Connection, file: FileId, *, is_empty: bool) -> None:
        self.where = str(path)
        self.is_empty = is_empty
        self._path = path
        self._connection = connection
        self._file = file

    @_says
    async def tables(self) -> dict[str, Table]:
        """See `Endpoint.tables`."""
        schemas = {}
        for (name,) in self._connection.execute(_TABLES).fetchall():
            columns = cast("list[tuple[str, int]]", self._connection.execute(_COLUMNS, (name,)).fetchall())
            schemas[str(name)] = Schema(
                [column for column, _ in columns], tuple(column for column, pk in columns if pk)
            )
        return tables_of(schemas, ENDS)

    @_says
    async def identity(self) -> Identity:
        """See `Endpoint.identity`."""
        kept = read_identity(self._connection)
        if kept is None:
            raise Damaged(f"{self.where} has lost its epoch or its secret: restore a backup.")
        return Identity(*kept)

    @_says
    async def meta(self) -> Mapping[str, object]:
        """See `Endpoint.meta`."""
        return _meta(self._connection)

    @_says
    async def count_events(self, last: int | None = None) -> int:
        """See `Endpoint.count_events`."""
        return cast(int, self._connection.execute(_EVENT_COUNT, (MAX_ID if last is None else last,)).get)

    async def rows(self, table: Table, after: Row | None = None) -> AsyncGenerator[Sequence[Row], None]:
        """See `Endpoint.rows`."""
        with _said(self.where):
            rows = self._rows(table, after)
            while found := list(islice(rows, ROWS_AT_ONCE)):
                yield found
                await asyncio.sleep(0)  # so that it can be interrupted

    def _rows(self, table: Table, after: Row | None) -> Iterator[Row]:
        if table is COMMITS:
            return islice(self._commits(), 0 if after is None else cast(int, after[0]), None)
        if table is CURSORS:
            return _past(self._connection.execute(_CURSORS), after)
        if table is EVENTS and after is None:
            after = (_FIRST_EVENT - 1,)
        ends = _ENDS if table.name == "rooms" else {}
        columns = ", ".join(ends.get(name, name) for name in table.columns)
        key = ", ".join(table.key)
        where = "" if after is None else f"WHERE ({key}) > ({', '.join('?' * len(table.key))})"
        statement = f"SELECT {columns} FROM {table.name} {where} ORDER BY {key}"  # noqa: S608 (names of the schema)
        return cast("Iterator[Row]", self._connection.execute(statement, after))

    def _commits(self) -> Iterator[Row]:
        start = self._commits_crc()
        rows = cast("Iterator[tuple[int, int, bytes, int]]", self._connection.execute(_COMMITS))
        for number, (position, crc, body, at_ms) in zip(count(1), rows, strict=False):
            if crc != checksum(start, position, body):
                raise Damaged(f"Commit {position} of {self.where} is damaged: start the server once, which passes it.")
            yield number, at_ms, ranges_text(read_ranges(body))

    def _commits_crc(self) -> int:
        return room_crc(str(self._connection.execute(sql.GET_META, ("seed",)).get), "")

    @_says
    async def newest(self, table: Table) -> Row | None:
        """See `Endpoint.newest`."""
        if table is COMMITS:
            newest: int | None = self._connection.execute(sql.NEWEST_COMMIT).get
            return None if newest is None else (newest,)
        where = f"WHERE id >= {_FIRST_EVENT}" if table is EVENTS else ""
        last = ", ".join(f"{name} DESC" for name in table.key)
        statement = f"SELECT {', '.join(table.key)} FROM {table.name} {where} ORDER BY {last} LIMIT 1"  # noqa: S608
        return cast("Row | None", next(iter(self._connection.execute(statement)), None))

    @_says
    async def add(self, table: Table, rows: Sequence[Row]) -> None:
        """See `Endpoint.add`."""
        with self._connection:
            if table is COMMITS:
                self._connection.executemany(_ADD_EVENT, self._commit_rows(rows))
            elif table is CURSORS:
                self._connection.executemany(sql.SET_CURSOR, rows)
            else:
                columns = [name for name in table.columns if table.name != "rooms" or name not in ENDS]
                places = [table.columns.index(name) for name in columns]
                values = rows if len(places) == len(table.columns) else [[row[at] for at in places] for row in rows]
                into = f"{table.name} ({', '.join(columns)})"
                statement = f"INSERT INTO {into} VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
                self._connection.executemany(statement, values)

    def _commit_rows(self, rows: Sequence[Row]) -> Iterator[Row]:
        start = self._commits_crc()
        for row in rows:
            number, at_ms, body = cast("tuple[int, int, bytes]", row)
            yield number, at_ms, "", None, body, checksum(start, number, body), "commit", None

    @_says
    async def mark(self, name: str | None, value: str = "") -> None:
        """See `Endpoint.mark`."""
        with self._connection:
            self._mark(name, value)

    def _mark(self, name: str | None, value: str) -> None:
        for each in MARKS:
            self._connection.execute(sql.DROP_META, (each,))
        if name is not None:
            self._connection.execute(sql.SET_META, (name, value))

    @_says
    async def begin(self, identity: Identity, mark: str) -> None:
        """See `Endpoint.begin`."""
        with self._connection:
            for (name,) in self._connection.execute(_TABLES).fetchall():
                if name not in OF_ENGINES:
                    self._connection.execute(f"DELETE FROM {name}")  # noqa: S608 (a name of the schema)
            write_identity(self._connection, Kept(*identity))
            self._mark(UNFINISHED, mark)

    @_says
    async def check(self) -> Report:
        """See `Endpoint.check`."""
        return check_database(self._path / DATABASE, is_finished=False)

    @_says
    async def finish(self) -> None:
        """See `Endpoint.finish`."""
        count = self._connection.pragma("user_version")
        epoch = (await self.identity()).epoch
        record = Record(self._path, Position(epoch, 0, 0, count, End.UNKNOWN, self._file))
        await self.mark(None)
        Checkpoints(self._connection, DEFAULT.lock_wait_ms).finish(record)
        keep_log(self._connection, False)
        self._connection.close()
        record.close(End.WHOLE)

    @_says
    async def begin_epoch(self, ids: Ids) -> None:
        """Take all marks away, and begin another epoch."""
        with self._connection:
            kept = read_identity(self._connection)
            if kept is not None:
                begin_epoch(self._connection, kept, ids)
            self._mark(None, "")


@contextmanager
def open_source(path: Path, ids: Ids) -> Iterator[SqliteEndpoint]:
    """Hold the data in a directory, opened as a start does: brought forward, and with what an unclean end left."""
    if not (path / DATABASE).is_file():
        raise StoreError(f"There is no {DATABASE} in {path}.")
    database = open_database(path, ids, is_served=False)
    try:
        refuse_unfinished(_meta(database.writer), str(path))
        yield SqliteEndpoint(path, database.writer, database.record.file, is_empty=False)
    finally:
        close_database(database)


@contextmanager
def open_target(path: Path) -> Iterator[SqliteEndpoint]:
    """Hold a directory that is empty, or does not exist, or in which there is what a move has left."""
    check_library()
    with ExitStack() as undo:
        with _said(str(path)):
            connection, file = _open_target(path, undo)
            is_empty = not _meta(connection)
        yield SqliteEndpoint(path, connection, file, is_empty=is_empty)


def _open_target(path: Path, undo: ExitStack) -> tuple[apsw.Connection, FileId]:
    directory = DataDirectory(path)
    undo.callback(directory.release)
    database = path / DATABASE
    others = sorted(name for name in set(os.listdir(path)) - {LOCK} if not (path / name).is_socket())
    if others and (DATABASE not in others or (RECORD in others and not database.stat().st_size)):
        raise StoreError(f"{path} is not empty ({', '.join(others[:3])}): name another directory.")
    handle = os.open(database, OPEN | os.O_CREAT, 0o600)
    file = FileId.of(handle)
    os.close(handle)  # before SQLite opens it, because that drops the locks of this process (fcntl(2))
    sync_directory(path)
    connection = open_writer(database)
    undo.callback(connection.close)
    migrate(connection)
    connection.pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
    return connection, file


def _meta(connection: apsw.Connection) -> dict[str, Any]:
    return {str(name): value for name, value in connection.execute(sql.ALL_META).fetchall()}


def _past(rows: Iterator[Any], after: Row | None) -> Iterator[Row]:
    """Those of few rows that come after a key."""
    return (row for row in rows if after is None or row[0] > after[0])
