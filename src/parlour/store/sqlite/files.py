"""Names the files of a data directory, and keeps them what they have to be: files that lie there and that only their
owner opens.
"""

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

LOCK = "lock"
MARKER = "verify-at-start"

_MESSAGES = (DATABASE, WAL, WAL_INDEX)
_FILES = (*_MESSAGES, LOCK, MARKER)

_OTHERS = 0o077


def refuse_links(directory: Path) -> None:
    """Raise StoreError if one of our files is a symbolic link. The directory may be one, or lie behind some.

    SQLite looks for a log where a link to the database leads, and we look here. Two directories with links to the same
    database would not keep each other out. And what we write into a lock could be somebody's file.
    """
    for name in _FILES:
        if (directory / name).is_symlink():
            raise StoreError(
                f"{directory / name} is a symbolic link: put the file itself there. To keep the data elsewhere, name"
                " that directory with --data, or make a link to the directory."
            )


def make_private(directory: Path) -> list[str]:
    """Take the files from everybody but their owner. Returns the names of those with messages that others could open.

    Only the owner can: what belongs to somebody else stays, as does what has no modes (a mounted FAT).
    """
    changed = []
    for name in _FILES:
        path = directory / name
        with suppress(OSError):  # most often because there is none
            before = path.lstat()
            if before.st_mode & _OTHERS and before.st_uid == os.geteuid():
                path.chmod(stat.S_IMODE(before.st_mode) & ~_OTHERS)
                if name in _MESSAGES and path.lstat().st_mode != before.st_mode:
                    changed.append(name)
    return changed
