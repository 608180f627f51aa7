"""The data directory: made private, held by one process at a time, with plain files of its owner alone."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from parlour.store.errors import StoreError
from parlour.store.sqlite.errors import DirectoryInUse

DATABASE = "parlour.db"
WAL = f"{DATABASE}-wal"
WAL_INDEX = f"{DATABASE}-shm"
"""As SQLite names them after the database."""

RECORD = "parlour.position"
FRESH_RECORD = f"{RECORD}-new"
"""Until it takes the place of the one before."""

LOCK = "lock"

_MESSAGES = (DATABASE, WAL, WAL_INDEX)
_FILES = (*_MESSAGES, RECORD, FRESH_RECORD, LOCK)
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a directory",
}

OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC

_NOT_OURS = {errno.EACCES, errno.EPERM, errno.EINVAL, errno.EROFS}
"""How a directory that somebody else made, and perhaps mounted, refuses to be opened or synced."""


class DataDirectory:
    """An exclusive hold on a directory; released with the process, whatever ends it."""

    def __init__(self, path: Path) -> None:
        """Make `path` if needed (mode 0700) and hold it. Raises DirectoryInUse, StoreError, OSError."""
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
        os.pwrite(lock, text, 0)  # over what is there, which needs no space on the disk
        os.ftruncate(lock, len(text))
        self.path = path
        self._lock = lock

    def release(self) -> None:
        """Let go."""
        os.close(self._lock)


def hold_directory(path: Path) -> DataDirectory:
    """Hold a directory that has no database in it, but the operator's socket. Raises StoreError."""
    try:
        return DataDirectory(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be used: {error}.") from error


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
    _sync(path, OPEN)


def sync_directory(path: Path) -> None:
    """Make new names in a directory survive a power cut."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, access: int) -> None:
    handle = os.open(path, access)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def refuse_strange_files(directory: Path) -> None:
    """Raise StoreError if something else than a plain file has the name of one of ours. Opens none of them.

    SQLite looks for a log where a link to the database leads, and we look here; two directories with links to the same
    database would not keep each other out; a lock could be somebody's file; and to open a named pipe is to wait.
    """
    for path, found in _files(directory):
        if not stat.S_ISREG(found.st_mode):
            kind = _KINDS.get(stat.S_IFMT(found.st_mode), "a device")
            raise StoreError(
                f"{path} is {kind}: put the file itself there. To keep the data elsewhere, name that directory with"
                " --data, or make a link to the directory."
            )


def refuse_other_writers(directory: Path) -> None:
    """Raise StoreError if others than root may put files there, or have ours under another name. Raises OSError."""
    found = directory.stat()
    if not _is_ours(found):
        raise StoreError(
            f"{directory} belongs to the user with the id {found.st_uid}, who could change what is stored: start the"
            f" server as that user, or give it the directory (chown -R {os.geteuid()} {directory})."
        )
    if found.st_mode & 0o022:
        raise StoreError(f"Others may write to {directory}: take that from them (chmod go-w {directory}).")
    for path, found in _files(directory):
        if not _is_ours(found):
            raise StoreError(
                f"{path} belongs to the user with the id {found.st_uid}: give it to the user of the server"
                f" (chown {os.geteuid()} {path})."
            )
        if found.st_nlink > 1:
            raise StoreError(
                f"{path} has {found.st_nlink} names (hard links): what is written to it would change them all."
                " Put a copy under the other names (cp), or remove them."
            )


def make_private(directory: Path) -> list[str]:
    """Take the files from all but their owner. Returns the names of those with messages that others could open."""
    changed = []
    for path, before in _files(directory):
        with suppress(OSError):  # there may be no modes, as on a mounted FAT
            if before.st_mode & 0o077 and before.st_uid == os.geteuid():
                path.chmod(stat.S_IMODE(before.st_mode) & ~0o077)
                if path.name in _MESSAGES and path.lstat().st_mode != before.st_mode:
                    changed.append(path.name)
    return changed


def _files(directory: Path) -> list[tuple[Path, os.stat_result]]:
    """Those of our files that are there."""
    found = []
    for name in _FILES:
        with suppress(OSError):  # most often because there is none
            found.append((directory / name, (directory / name).lstat()))
    return found


def _is_ours(found: os.stat_result) -> bool:
    return found.st_uid in (0, os.geteuid())
