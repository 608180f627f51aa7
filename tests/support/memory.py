"""A directory in memory, for tests that open many databases: a disk takes milliseconds for every sync."""

from __future__ import annotations

import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108


def directory_in_memory() -> tempfile.TemporaryDirectory[str]:
    """As a context manager it gives the path, and removes all in the end; on the disk where no memory has files."""
    return tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)
