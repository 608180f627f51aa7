"""Tells data that is as the last run left it from data that was restored, put over, copied back, lost or damaged.

SQLite takes whatever lies there: it replays any log into any database, reads a damaged one up to the damage, and goes
on without one that is gone. The record beside the database (`record.py`) knows better.
"""

from __future__ import annotations

import os
from pathlib import Path

import apsw

from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.directory import OPEN
from parlour.store.sqlite.file_id import FileId
from parlour.store.sqlite.files import DATABASE, RECORD, WAL, WAL_INDEX
from parlour.store.sqlite.record import End, Position, read_record

_USER_VERSION = slice(60, 64)
"""In the header of a database (sqlite.org/fileformat2.html §1.3)."""


class Look:
    """What lies in a directory. Made before SQLite opens anything there: to close any descriptor of a database drops
    the locks that SQLite holds on it in this process (fcntl(2)).
    """

    def __init__(self, directory: Path, access: int = OPEN) -> None:
        """`access` is how the database is opened: what a server may not write has to be refused. Raises OSError."""
        self.found = read_record(directory)  # first: a running server changes it after what it speaks of
        self.path = directory / DATABASE
        self.database: FileId | None = None
        self.checkpoints = 0
        self.is_empty = True
        try:
            handle = os.open(self.path, access)
        except FileNotFoundError:
            pass
        else:
            header = os.pread(handle, _USER_VERSION.stop, 0)
            self.database = FileId.of(handle)
            self.checkpoints = int.from_bytes(header[_USER_VERSION])
            self.is_empty = not header
            os.close(handle)
        log = directory / WAL
        self.has_log = log.exists() and log.stat().st_size > 0

    @property
    def end(self) -> End:
        """How the last run ended."""
        return End.UNKNOWN if self.found is None else self.found.position.end

    def loss(self) -> str:
        """Why SQLite must not open what is there, in a sentence; empty if it may."""
        if self.is_empty:
            if self.has_log or (self.found is not None and self.database is not None):
                what = "is gone" if self.database is None else "is empty and was not"
                return f"{self.path} {what}: restore a backup, or move everything out of the directory to begin anew"
            return ""
        if self.found is None or not self.has_log:
            return ""
        is_older = self.checkpoints < self.found.position.checkpoints
        is_another = self.found.is_own and self.found.position.database != self.database
        if is_older or is_another:
            return (
                f"{WAL} is not the log of {self.path}, which was put there or is older: if you have restored a backup,"
                f" move {WAL}, {WAL_INDEX} and {RECORD} out of the directory; if not, restore one"
            )
        return ""

    def missing(self, connection: apsw.Connection) -> str:
        """Which stored messages are neither in the database nor in its log, in a sentence; empty if none are known to
        be. Raises apsw.Error.
        """
        if self.found is None or self.is_empty or self._is_older_copy() or _has(connection, self.found.position):
            return ""
        number, seq = divmod(self.found.position.event, 1 << sql.SEQ_BITS)
        name = connection.execute(sql.NAME_OF, (number,)).get
        last = (
            f"commit {seq}" if not number else f"event {seq} of room {name}" if name else f"event {seq} of a lost room"
        )
        return (
            f"{self.path} has lost stored messages, of which the last is {last}: {WAL} is damaged, gone,"
            f" or of another state. Restore a backup; or move {RECORD} out of the directory to go on with what is left"
            " (`parlour check` says what that is, and readers are told of a new epoch)"
        )

    def reason(self, connection: apsw.Connection) -> str:
        """Why cursors from before this start mean nothing here; empty if all is as it was left. Raises apsw.Error.

        To be asked after `missing`.
        """
        if self.found is None and self.is_empty:
            return ""  # they are made now
        if self.found is None:
            return f"there is no {RECORD} that can be read, as beside a copy or the data of an older version"
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

    def _is_older_copy(self) -> bool:
        """Whether older data would be a copy that was put there, not a loss: no log could be missing."""
        assert self.found is not None
        position = self.found.position
        is_replaced = self.found.is_own and self.database != position.database
        return position.end is End.WHOLE or is_replaced


def _has(connection: apsw.Connection, position: Position) -> bool:
    """Whether a database has come as far as this; true also where it cannot be read, which is damage."""
    first = position.event & ~sql.SEQ_MASK
    if not position.event:
        return True
    try:
        newest = connection.execute(sql.NEWEST_OF, (first, first | sql.SEQ_MASK)).get
        if newest is None or newest < position.event:
            return False
        crc = connection.execute(sql.CHECKSUM_OF, (position.event,)).get
    except apsw.CorruptError:
        return True
    return crc is None or crc == position.checksum
