"""Names the files of a data directory, and keeps them what they have to be: plain files of their owner alone."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from parlour.store.sqlite.errors import StoreError

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

_OTHERS = 0o077
_WRITERS = 0o022

_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a directory",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def refuse_strange_files(directory: Path) -> None:
    """Raise StoreError if something else than a plain file has the name of one of ours. Opens none of them.

    The directory may be a symbolic link, or lie behind some. But SQLite looks for a log where a link to the database
    leads, and we look here; two directories with links to the same database would not keep each other out; what we
    write into a lock could be somebody's file; and to open a named pipe is to wait for whoever writes to it.
    """
    for path, found in _files(directory):
        if not stat.S_ISREG(found.st_mode):
            kind = _KINDS[stat.S_IFMT(found.st_mode)]
            raise StoreError(
                f"{path} is {kind}: put the file itself there. To keep the data elsewhere, name that directory with"
                " --data, or make a link to the directory."
            )


def refuse_other_writers(directory: Path) -> None:
    """Raise StoreError if somebody else may put files into the directory, or has our files under another name.

    Root may, as it may do everything. Raises OSError.
    """
    found = directory.stat()
    if not _is_ours(found):
        raise StoreError(
            f"{directory} belongs to the user with the id {found.st_uid}, who could change what is stored: start the"
            f" server as that user, or give it the directory (chown -R {os.geteuid()} {directory})."
        )
    if found.st_mode & _WRITERS:
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
    """Take the files from everybody but their owner. Returns the names of those with messages that others could open.

    Only the owner can: what belongs to somebody else stays, as does what has no modes (a mounted FAT).
    """
    changed = []
    for path, before in _files(directory):
        with suppress(OSError):
            if before.st_mode & _OTHERS and before.st_uid == os.geteuid():
                path.chmod(stat.S_IMODE(before.st_mode) & ~_OTHERS)
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
