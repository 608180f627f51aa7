"""The data directory: made private, and held by one process at a time."""

from __future__ import annotations

import errno
import fcntl
import os
from itertools import takewhile
from pathlib import Path

from parlour.store.sqlite.errors import DirectoryInUse
from parlour.store.sqlite.files import LOCK, refuse_other_writers, refuse_strange_files

OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC

_NOT_OURS = {errno.EACCES, errno.EPERM, errno.EINVAL, errno.EROFS}
"""How a directory that somebody else made, and perhaps mounted, refuses to be opened or synced."""


class DataDirectory:
    """An exclusive hold on a directory; released with the process, whatever ends it."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def hold(cls, path: Path) -> DataDirectory:
        """Make `path` if needed (mode 0700) and hold it.

        Raises DirectoryInUse, StoreError for files that are not what they have to be, and OSError as the system gives
        it.
        """
        make_directory(path.resolve())
        refuse_strange_files(path)
        refuse_other_writers(path)
        lock = os.open(path / LOCK, OPEN | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 20).strip()
            os.close(lock)
            raise DirectoryInUse(str(path), int(holder) if holder.isdigit() else 0) from None
        text = f"{os.getpid()}\n".encode()
        os.pwrite(lock, text, 0)  # over what is there, which needs no room on the disk
        os.ftruncate(lock, len(text))
        return cls(path, lock)

    def release(self) -> None:
        """Let go."""
        os.close(self._lock)


def make_directory(path: Path) -> None:
    """Make a directory (mode 0700) and the parents that it lacks, each on the disk before the next. Raises OSError."""
    missing = list(takewhile(lambda each: not os.path.lexists(each), (path, *path.parents)))
    there = missing[-1].parent if missing else path
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(there))
    try:
        sync_directory(there.parent)  # a start that was killed may have made it and come no further
    except OSError as error:
        if error.errno not in _NOT_OURS:
            raise
    for each in reversed(missing):
        each.mkdir(mode=0o700 if each == path else 0o777)
        sync_directory(each.parent)


def sync_file(path: Path) -> None:
    """Make what a file has, and its size, survive a power cut; for files that SQLite puts no locks on."""
    handle = os.open(path, OPEN)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_directory(path: Path) -> None:
    """Make new names in a directory survive a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
