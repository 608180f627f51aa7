"""The record beside a database, as a disk image, a kill or another server would have left it."""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path

from parlour.store.sqlite.file_id import FileId
from parlour.store.sqlite.record import SLOT_BYTES, End, Position, pack, read_record, unpack

DATABASE = "parlour.db"
RECORD = "parlour.position"


def adopt(directory: Path) -> None:
    """Let the files be the ones that the record speaks of, as in an image of the disk; what is torn stays torn."""
    record, database = directory / RECORD, directory / DATABASE
    if not record.exists():
        return
    handle = os.open(record, os.O_RDWR)
    for at in (0, SLOT_BYTES):
        found = unpack(os.pread(handle, SLOT_BYTES, at))
        if found is not None:
            number, position, _ = found
            if database.exists():
                position = position._replace(database=id_of(database))
            os.pwrite(handle, pack(number, position, FileId.of(handle)), at)
    os.close(handle)


def as_image(source: Path, to: Path, record: bytes = b"") -> Path:
    """Copy a directory as an image of its disk would: the copy is not told from what it was made of.

    A socket of a running server comes along as the name that a killed one leaves. With `record` that file is as it was
    earlier.
    """

    def copy(file: str, copied: str) -> None:
        mode = Path(file).lstat().st_mode
        if stat.S_ISSOCK(mode):
            os.mknod(copied, mode)
        else:
            shutil.copy2(file, copied)

    shutil.copytree(source, to, copy_function=copy)
    if record:
        (to / RECORD).write_bytes(record)
    adopt(to)
    return to


def id_of(path: Path) -> FileId:
    handle = os.open(path, os.O_RDONLY)
    try:
        return FileId.of(handle)
    finally:
        os.close(handle)


def position_of(directory: Path) -> Position:
    """What the record says; it must be there."""
    found = read_record(directory)
    assert found is not None
    return found.position


def ended(directory: Path) -> End:
    """How the last run ended, or that one is running."""
    return position_of(directory).end


def set_ended(directory: Path, end: End) -> None:
    """Set how the last run ended."""
    rewrite(directory, position_of(directory)._replace(end=end))


def rewrite(directory: Path, position: Position, slot: int = 0) -> None:
    """Change a slot of the record, and make it the newest."""
    handle = os.open(directory / RECORD, os.O_RDWR)
    os.pwrite(handle, pack(time.time_ns(), position, FileId.of(handle)), slot * SLOT_BYTES)
    os.close(handle)
