"""Moves the write-ahead log into the database, and counts that in the database itself.

The count is SQLite's `user_version`, in the first bytes of the file. It goes up right before a checkpoint, so a copy
from before has a lower one than the file from then on, whatever its events and their times are. The record has the
count too: it tells such a copy from the file, and beside that copy the log of the file is known to be another's.
"""

from __future__ import annotations

from contextlib import suppress

import apsw

from parlour.store.sqlite.connection import BUSY_MS
from parlour.store.sqlite.errors import Verdict, judge
from parlour.store.sqlite.record import Record


class Checkpoints:
    """The checkpoints of one connection. `is_due`: the log has something that the database has not, or is not empty.

    The first one is always counted: what the last run left in the log may have been moved without that.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self.is_due = False
        self._connection = connection
        self._count: int = connection.pragma("user_version")
        self._pages = 0
        self._is_counted = False

    @property
    def pages(self) -> int:
        """How many pages were written to the log since the last checkpoint."""
        written, _ = self._connection.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE, True)
        self._pages += written
        self.is_due = self.is_due or written > 0
        return self._pages

    def move(self, record: Record) -> None:
        """Move what no reader needs in the log; if that is all, the next batch overwrites it. Raises apsw.Error."""
        self._count_on()
        log, moved = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        self.is_due = True
        if log == moved:
            self._moved(record)

    def empty(self, record: Record) -> None:
        """Move all of it and shorten the log to nothing, if no reader is in the way. Raises apsw.Error.

        A log that lies there although all of it has been moved would, once damaged, take pages of the database back to
        what they were.
        """
        self._count_on()
        self._connection.set_busy_timeout(0)
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.BusyError:
            self.is_due = True
        else:
            self.is_due = False
            self._moved(record)
        finally:
            self._connection.set_busy_timeout(BUSY_MS)

    def finish(self, record: Record) -> None:
        """Do what `empty_log` does, then count it.

        Not before: the count is a write, and would make a reader of the newest state one of an older state. Raises
        apsw.Error as `empty_log`.
        """
        empty_log(self._connection)
        self.empty(record)

    def _count_on(self) -> None:
        if self._is_counted and not self.pages:
            return  # when a reader was in the way
        self._is_counted = False
        try:
            self._connection.pragma("user_version", self._count + 1)
        except apsw.Error as error:
            if judge(error, self._connection.system_errno) is Verdict.UNKNOWN:
                raise
        else:
            self._count += 1
            self._is_counted = True
        self._connection.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE, True)  # the count is no reason for another one
        self._pages = 0

    def _moved(self, record: Record) -> None:
        record.moved(self._count)


def empty_log(connection: apsw.Connection) -> None:
    """Move the whole log into the database, then shorten it to nothing. Blocks.

    Raises apsw.Error; of its kinds BusyError if another program reads an older state for longer than SQLite waits, so
    that the database does not get everything. One that reads the newest state only keeps the log as it is.
    """
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_FULL)
    with suppress(apsw.BusyError):
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
