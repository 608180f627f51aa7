"""Moves the write-ahead log into the database, and counts that in the database itself.

The count is SQLite's `user_version`. It goes up right before a checkpoint, so a copy from before has a lower one than
the file from then on, and than the record: such a copy is told from the file, and the log beside it known as another's.
"""

from __future__ import annotations

from contextlib import suppress

import apsw

from parlour.store.sqlite.errors import Verdict, judge
from parlour.store.sqlite.record import Record


class Checkpoints:
    """The checkpoints of one connection, which waits `lock_wait_ms` for a lock of another program.

    `is_due`: the log has something that the database has not, or is not empty.
    """

    def __init__(self, connection: apsw.Connection, lock_wait_ms: int) -> None:
        self.is_due = False
        self._connection = connection
        self._lock_wait_ms = lock_wait_ms
        self._count: int = connection.pragma("user_version")
        self._pages = 0
        self._is_counted = False  # the first one always is: the last run may have moved its log without that

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
            record.moved(self._count)

    def empty(self, record: Record) -> None:
        """Move all of it and shorten the log to nothing, if no reader is in the way. Raises apsw.Error."""
        self._count_on()
        self._connection.set_busy_timeout(0)
        try:
            # A log that has been moved and lies there would, once damaged, take pages back to what they were.
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.BusyError:
            self.is_due = True
        else:
            self.is_due = False
            record.moved(self._count)
        finally:
            self._connection.set_busy_timeout(self._lock_wait_ms)

    def finish(self, record: Record) -> None:
        """Do what `empty_log` does, and only then count it. Raises apsw.Error as `empty_log`."""
        empty_log(self._connection)  # the count is a write: it makes a reader of the newest state one of an older state
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


def empty_log(connection: apsw.Connection) -> None:
    """Move the whole log into the database, then shorten it to nothing. Blocks. Raises apsw.Error.

    BusyError if another program reads an older state for longer than SQLite waits, so that the database does not get
    everything. One that reads the newest state only keeps the log as it is.
    """
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_FULL)
    with suppress(apsw.BusyError):
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
