"""The record beside the database, `parlour.position`: how far the database had come, and which files both of them are.

Every batch updates it without a sync: a kill leaves the newest one, a power cut that of the last sync or a later one.
So a record is never ahead of its database, unless something else than a server has changed one of them.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from parlour.store.sqlite.directory import FRESH_RECORD, OPEN, RECORD, sync_directory
from parlour.store.sqlite.file_id import FileId

SLOT_BYTES = 512
"""What a disk writes as a whole. There are two slots, written in turns: a torn one leaves the other."""

_MAGIC = b"parlour1"
_SLOT = struct.Struct("<8sQ16sQIIIIQIQ")


class End(IntEnum):
    """How the last run ended."""

    UNKNOWN = 0
    """It runs, or was killed, or its disk failed: the next start verifies what came last."""
    WITH_LOG = 1
    """In good order, but the log could not be moved into the database: the disk was full."""
    WHOLE = 2
    """In good order, and the database file alone has everything."""


class Position(NamedTuple):
    """How far a database has come.

    `event` is the id of the row that the newest batch ended with, that of an event or of a commit (0: not known);
    `checksum` is that of this row, `checkpoints` how many the file has been through (`checkpoints.py`).
    """

    epoch: str
    event: int
    checksum: int
    checkpoints: int
    end: End
    database: FileId


class Found(NamedTuple):
    """A record that can be read. `is_own`: it is in the file that it was written to, not in a copy."""

    position: Position
    is_own: bool


def read_record(directory: Path) -> Found | None:
    """The record of a directory; None if there is none, or no slot of it verifies. Raises OSError."""
    try:
        handle = os.open(directory / RECORD, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        newest = max(_slots(handle), key=lambda slot: slot[0], default=None)
        return None if newest is None else Found(newest[1], newest[2] == FileId.of(handle))
    finally:
        os.close(handle)


def _slots(handle: int) -> list[tuple[int, Position, FileId]]:
    """Those that are whole."""
    found = (unpack(os.pread(handle, SLOT_BYTES, at)) for at in (0, SLOT_BYTES))
    return [slot for slot in found if slot is not None]


def pack(number: int, position: Position, itself: FileId) -> bytes:
    """A slot: the one with the highest number counts. `itself` is the file that it is for."""
    epoch, event, checksum, checkpoints, end, database = position
    slot = _SLOT.pack(
        _MAGIC, number, epoch.encode(), event, checksum, checkpoints, end,
        database.generation, database.inode, itself.generation, itself.inode,
    )  # fmt: skip
    return slot + crc32(slot).to_bytes(4, "little")


def unpack(slot: bytes) -> tuple[int, Position, FileId] | None:
    """The value that `pack` was given; None if it is not whole."""
    body = slot[: _SLOT.size]
    if not body.startswith(_MAGIC) or not slot.startswith(body + crc32(body).to_bytes(4, "little")):
        return None
    _, number, epoch, event, crc, checkpoints, end, *ids = _SLOT.unpack(body)
    database, itself = FileId(ids[1], ids[0]), FileId(ids[3], ids[2])
    return number, Position(epoch.rstrip(b"\0").decode(), event, crc, checkpoints, End(end), database), itself


class Record:
    """The record of a running server, for one thread at a time. Every start and every end in good order makes a new
    file, so that a copy that is written over it, into the same file, still speaks of another one.
    """

    def __init__(self, directory: Path, position: Position) -> None:
        """Put a new record in place of what is there, synced. Raises OSError."""
        self._directory = directory
        self._position = position
        self._number = 0
        try:
            self._handle, self._itself = self._create()
        except OSError:  # no space, or no inode, for a new file; but what is there can be written over
            self._handle = os.open(directory / RECORD, OPEN)
            self._itself = FileId.of(self._handle)
            self._number = max((slot[0] for slot in _slots(self._handle)), default=0)
            self._write(is_synced=True)

    @property
    def file(self) -> FileId:
        """The file that the database is."""
        return self._position.database

    def stored(self, event: int, checksum: int) -> None:
        """A batch has been stored, and ends with this row."""
        epoch, _, _, checkpoints, end, database = self._position  # `_replace` takes a microsecond more
        self._position = Position(epoch, event, checksum, checkpoints, end, database)
        self._write()

    def moved(self, checkpoints: int) -> None:
        """The database file has been through so many checkpoints, synced. Syncs."""
        self._position = self._position._replace(checkpoints=checkpoints)
        self._write(is_synced=True)

    def close(self, end: End) -> None:
        """Say how the run has ended, synced, and let go."""
        if end is not End.UNKNOWN:
            self._position = self._position._replace(end=end)
            replaced = self._handle
            try:
                self._handle, self._itself = self._create()
            except OSError:  # a full disk; but what is there can be written over
                self._write(is_synced=True)
            else:
                os.close(replaced)
        os.close(self._handle)

    def _create(self) -> tuple[int, FileId]:
        fresh = self._directory / FRESH_RECORD
        with suppress(FileNotFoundError):
            os.unlink(fresh)
        handle = os.open(fresh, OPEN | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            itself = FileId.of(handle)
            os.pwrite(handle, pack(0, self._position, itself).ljust(2 * SLOT_BYTES, b"\0"), 0)
            os.fsync(handle)
            os.rename(fresh, self._directory / RECORD)
            sync_directory(self._directory)
        except BaseException:
            os.close(handle)
            raise
        self._number = 0
        return handle, itself

    def _write(self, is_synced: bool = False) -> None:
        self._number += 1
        with suppress(OSError):  # the messages do not need it
            slot = pack(self._number, self._position, self._itself)
            os.pwrite(self._handle, slot, self._number % 2 * SLOT_BYTES)
            if is_synced:
                os.fsync(self._handle)
