"""SQLite's WAL-index, `parlour.db-shm`: what it knows of the write-ahead log, and when the disk has to know it.

SQLite writes it after the sync of what it speaks of, and into memory: a kill leaves the file as it is, a power cut as
it was at any moment since its last sync. SQLite never syncs it, since it can make it anew from a log that is whole.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import apsw

from parlour.store.sqlite.files import WAL_INDEX

_COPY = struct.Struct("=16xI12x8s8x")
"""mxFrame and aSalt in one of the two copies with which it begins (sqlite.org/walformat.html §2.1)."""

_BACKFILLED = struct.Struct("=I")
"""nBackfill, which comes behind both."""

START_BYTES = 2 * _COPY.size + _BACKFILLED.size
"""What `header_of` needs of the file."""


class Header(NamedTuple):
    """What a WAL-index says of a log: how many frames it has, and how many of them are in the database, synced there.

    SQLite calls the first mxFrame and the second nBackfill.
    """

    frames: int
    backfilled: int
    salts: bytes


def header_of(start: bytes) -> Header:
    """What the first bytes of a WAL-index say; of no frames, if SQLite was amid writing them or there are none."""
    one, two = start[: _COPY.size], start[_COPY.size : 2 * _COPY.size]
    if len(start) < START_BYTES or one != two:
        return Header(0, 0, b"")
    frames, salts = _COPY.unpack(one)
    (backfilled,) = _BACKFILLED.unpack_from(start, 2 * _COPY.size)
    return Header(frames, backfilled, salts)


class WalIndex:
    """The WAL-index of a database that is open, by which its log is emptied.

    To be closed after the last connection: to close any descriptor of this file drops the locks that SQLite holds on
    it in this process (fcntl(2)).
    """

    def __init__(self, database: Path) -> None:
        self._handle = os.open(database.with_name(WAL_INDEX), os.O_RDONLY | os.O_CLOEXEC)

    def empty_log(self, connection: apsw.Connection) -> None:
        """Move the whole log into the database, then shorten it to nothing. Blocks.

        Raises apsw.Error; of its kinds BusyError if another program reads an older state for longer than SQLite waits,
        so that the database does not get everything. One that reads the newest state only keeps the log as it is.

        In between, the WAL-index on the disk comes to know that nothing is missing, or a power cut could leave it as it
        was before: beside an empty log that looks like a loss (`WriteAheadLog.loss`).
        """
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_FULL)
        with suppress(OSError):  # the messages do not need it, only whether that look can be trusted after a power cut
            os.fsync(self._handle)
        with suppress(apsw.BusyError):
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)
