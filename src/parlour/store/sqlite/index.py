"""SQLite's index of the write-ahead log, `parlour.db-shm`: what it knows of the log, and when the disk has to know it.

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
"""Frames and salts, in one of two copies (sqlite.org/walformat.html §2.1); behind both, what the database has."""

START_BYTES = 2 * _COPY.size + 4
"""What `known` needs of the file."""


class Known(NamedTuple):
    """What an index says of a log: how many `frames` it has, and of how many the database has all, synced there."""

    frames: int
    moved: int
    salts: bytes


def known(start: bytes) -> Known:
    """What the first bytes of an index say; of no frames, if SQLite was amid writing them or there are none."""
    one, two = start[: _COPY.size], start[_COPY.size : 2 * _COPY.size]
    if len(start) < START_BYTES or one != two:
        return Known(0, 0, b"")
    frames, salts = _COPY.unpack(one)
    (moved,) = struct.unpack_from("=I", start, 2 * _COPY.size)
    return Known(frames, moved, salts)


class LogIndex:
    """The index of a database that is open, by which its log is emptied.

    To be closed after the last connection: to close any descriptor of this file drops the locks that SQLite holds on
    it in this process (fcntl(2)).
    """

    def __init__(self, database: Path) -> None:
        self._handle = os.open(database.with_name(WAL_INDEX), os.O_RDONLY | os.O_CLOEXEC)

    def empty_log(self, connection: apsw.Connection) -> None:
        """Move the whole log into the database, then shorten it to nothing. Blocks. Raises apsw.Error.

        In between, the index on the disk comes to know that nothing is missing, or a power cut could leave it as it was
        before: beside an empty log that looks like a loss (`WriteAheadLog.loss`).
        """
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_FULL)
        with suppress(OSError):  # the messages do not need it, only whether that look can be trusted after a power cut
            os.fsync(self._handle)
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)
