"""The data directory: made private, held by one process at a time, and marked for as long as it is open."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from parlour.store.sqlite.errors import Damaged, DirectoryInUse
from parlour.store.sqlite.files import DATABASE, LOCK, MARKER, WAL, refuse_links

_CLEAN = b"clean\n"
"""In the lock after a clean end: there is a database, and all of it is in its file."""

_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC

_NOT_OURS = {errno.EACCES, errno.EPERM, errno.EINVAL, errno.EROFS}
"""How a directory that somebody else made, and perhaps mounted, refuses to be opened or synced."""


class DataDirectory:
    """An exclusive hold on a directory; released with the process, whatever ends it.

    The marker file `verify-at-start` exists while the directory is held and is removed by `release(clean=True)` alone:
    found at the next start, it says that the last run did not end cleanly and the log is to be verified.
    """

    def __init__(self, path: Path, lock: int, *, ended_cleanly: bool) -> None:
        self.path = path
        self.database = path / DATABASE
        self.ended_cleanly = ended_cleanly
        self._lock = lock

    @classmethod
    def hold(cls, path: Path) -> DataDirectory:
        """Make `path` if needed (mode 0700) and hold it.

        Raises DirectoryInUse, Damaged for an emptied database, StoreError for a symbolic link in place of a file, and
        OSError as the system gives it.
        """
        _make(path.resolve())
        refuse_links(path)
        lock = os.open(path / LOCK, _OPEN | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 20).strip()
            os.close(lock)
            raise DirectoryInUse(str(path), int(holder) if holder.isdigit() else 0) from None
        try:
            if _is_emptied(path, os.pread(lock, len(_CLEAN), 0) == _CLEAN):
                raise Damaged(f"{path / DATABASE} is empty and was not: restore a backup, or remove it to begin anew.")
            if (path / DATABASE).exists():  # what it may not write SQLite opens for reading, until the first message
                os.close(os.open(path / DATABASE, _OPEN))
            _write(lock, f"{os.getpid()}\n".encode())
            marker = path / MARKER
            ended_cleanly = not marker.exists()
            os.close(os.open(marker, _OPEN | os.O_CREAT, 0o600))
            if not (path / DATABASE).exists():  # SQLite would make it readable to all; WAL and index take its mode
                os.close(os.open(path / DATABASE, _OPEN | os.O_CREAT, 0o600))
            sync_directory(path)
        except BaseException:
            os.close(lock)
            raise
        return cls(path, lock, ended_cleanly=ended_cleanly)

    def release(self, *, clean: bool) -> None:
        """Let go. `clean`: everything acknowledged is in the database file, so the next start need not verify it."""
        if clean:
            with suppress(OSError):  # a full disk; then an emptied database will look like a new one
                _write(self._lock, _CLEAN)
                os.fsync(self._lock)
            (self.path / MARKER).unlink(missing_ok=True)
            sync_directory(self.path)
        os.close(self._lock)


def _make(path: Path) -> None:
    """Make a directory and the parents that it lacks, each name on the disk before the next one comes."""
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


def _is_emptied(path: Path, had_a_database: bool) -> bool:
    """Whether a database has lost all its bytes: SQLite would begin a new one and remove the log of the old.

    It may be empty after a first start that did not end cleanly; but its first page is synced before there is a log.
    """
    database, log = path / DATABASE, path / WAL
    if not database.exists() or database.stat().st_size:
        return False
    return had_a_database or (log.exists() and log.stat().st_size > 0)


def _write(lock: int, text: bytes) -> None:
    os.pwrite(lock, text, 0)  # over what is there, which needs no room on the disk
    os.ftruncate(lock, len(text))


def sync_directory(path: Path) -> None:
    """Make new names in a directory survive a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
