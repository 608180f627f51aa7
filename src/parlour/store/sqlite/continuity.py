"""Tells data that is as the last run left it from data that was restored, put over, copied back, lost or damaged.

SQLite takes whatever lies there: it replays any log into any database, reads a damaged one up to the damage, and goes
on without one that is gone. The record beside the database (`record.py`) knows better.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import apsw

from parlour.store.errors import Damaged
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.directory import DATABASE, OPEN, RECORD, WAL, WAL_INDEX
from parlour.store.sqlite.file_id import FileId
from parlour.store.sqlite.record import End, Position, read_record

_USER_VERSION = slice(60, 64)
"""In the header of a database (sqlite.org/fileformat2.html §1.3)."""


class Look:
    """What lies in a directory. Made before SQLite opens anything there, because to close a descriptor of a database
    drops the locks that SQLite holds on it in this process (fcntl(2)).
    """

    def __init__(self, directory: Path, access: int = OPEN) -> None:
        """`access` is how the database is opened: what a server may not write has to be refused. Raises OSError."""
        self.found = read_record(directory)  # first: a running server changes it after what it speaks of
        self.path = directory / DATABASE
        self.database: FileId | None = None
        self.checkpoints = 0
        self.is_empty = True
        with suppress(FileNotFoundError):
            handle = os.open(self.path, access)
            header = os.pread(handle, _USER_VERSION.stop, 0)
            self.database = FileId.of(handle)
            self.checkpoints = int.from_bytes(header[_USER_VERSION])
            self.is_empty = not header
            os.close(handle)
        log = directory / WAL
        self.has_log = log.exists() and log.stat().st_size > 0

    def refuse_files(self) -> None:
        """Raise Damaged if SQLite must not open what is there."""
        if self.is_empty:
            if self.has_log or (self.found is not None and self.database is not None):
                what = "is gone" if self.database is None else "is empty and was not"
                way_out = "restore a backup, or move everything out of the directory to start again"
                raise Damaged(f"{self.path} {what}: {way_out}.")
        elif self.found is not None and self.has_log:
            is_another = self.found.is_own and self.found.position.database != self.database
            if is_another or self.checkpoints < self.found.position.checkpoints:
                raise Damaged(
                    f"{WAL} is not the log of {self.path}, which was put there or is older: if you have restored a"
                    f" backup, move {WAL}, {WAL_INDEX} and {RECORD} out of the directory; if not, restore one."
                )

    def refuse_loss(self, connection: apsw.Connection) -> None:
        """Raise Damaged if stored messages are known to be missing. Raises apsw.Error."""
        if self.found is None or self.is_empty:
            return
        position = self.found.position
        is_replaced = self.found.is_own and self.database != position.database
        if position.end is End.WHOLE or is_replaced or _has(connection, position):
            return  # older data would be a copy that was put there: no log could be missing
        number, seq = divmod(position.event, 1 << sql.SEQ_BITS)
        name = connection.execute(sql.NAME_OF, (number,)).get
        last = f"event {seq} of room {name}" if name else f"event {seq} of a lost room" if number else f"commit {seq}"
        raise Damaged(
            f"{self.path} has lost stored messages, of which the last is {last}: {WAL} is damaged, gone,"
            f" or of another state. Restore a backup; or move {RECORD} out of the directory to go on with what is left"
            " (`parlour check` says what that is, and readers are told of a new epoch)."
        )

    def reason(self, connection: apsw.Connection) -> str:
        """Why cursors from before this start mean nothing; empty if all is as it was left. Raises apsw.Error."""
        if self.found is None:
            lacking = f"there is no {RECORD} that can be read, as beside a copy or data of an older version"
            return "" if self.is_empty else lacking
        position = self.found.position
        if self.is_empty:
            return f"{DATABASE} was gone"
        if connection.execute(sql.GET_META, ("epoch",)).get != position.epoch:
            return f"{DATABASE} is not the one that {RECORD} speaks of"
        if self.checkpoints < position.checkpoints or not _has(connection, position):
            return f"{DATABASE} is older than {RECORD}: a copy was put in its place"
        if not self.found.is_own:
            return "the directory was copied"
        if self.database != position.database:
            return f"{DATABASE} is another file than it was: a copy was put in its place"
        return ""


def _has(connection: apsw.Connection, position: Position) -> bool:
    """Whether a database has come as far as this; true also where it cannot be read, which is damage."""
    if not position.event:
        return True
    first = position.event & ~sql.SEQ_MASK
    try:
        newest = connection.execute(sql.NEWEST_OF, (first, first | sql.SEQ_MASK)).get
        if newest is None or newest < position.event:
            return False
        crc = connection.execute(sql.CHECKSUM_OF, (position.event,)).get
    except apsw.CorruptError:
        return True
    return crc is None or crc == position.checksum
