"""Disks that are full and have room again under a running server: a small file system, or a limit on file sizes."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tests.support.server import ServerProcess

SIZE = "24m"
BLOCK = bytes(65536)
LIMIT = 16384


def take_all(ballast: Path) -> None:
    """Grow a file until its file system has not a byte left."""
    with ballast.open("ab", buffering=0) as file:
        for block in (BLOCK, BLOCK[:4096], BLOCK[:1]):
            try:
                while file.write(block) == len(block):
                    pass
            except OSError:
                continue


class SmallDisk(Protocol):
    """Where a server keeps its data; `fill` and `free` may be called again and again."""

    path: Path

    def fill(self, server: ServerProcess) -> None:
        """Leave no room for the running server to write to."""

    def free(self, server: ServerProcess) -> None:
        """Leave plenty of room."""


class FileSystem:
    """A file system that something else than the server fills up to the last byte."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self, server: ServerProcess) -> None:
        """See `SmallDisk`."""
        take_all(self._ballast)

    def free(self, server: ServerProcess) -> None:
        """See `SmallDisk`."""
        self._ballast.unlink()


class FileLimit:
    """RLIMIT_FSIZE of the server below what its files have (EFBIG): for whoever may not mount."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self, server: ServerProcess) -> None:
        """See `SmallDisk`."""
        self._limit(server, LIMIT)

    def free(self, server: ServerProcess) -> None:
        """See `SmallDisk`."""
        self._limit(server, resource.RLIM_INFINITY)

    def _limit(self, server: ServerProcess, size: int) -> None:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@contextmanager
def file_system(path: Path) -> Iterator[SmallDisk]:
    """A file system in memory, mounted at `path`; only root may."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", str(path)], check=True)
    try:
        yield FileSystem(path)
    finally:
        subprocess.run(["umount", str(path)], check=True)


@contextmanager
def file_limit(path: Path) -> Iterator[SmallDisk]:
    """A plain directory whose files cannot grow while it is full."""
    path.mkdir()
    yield FileLimit(path)


DISKS = {"file-limit": file_limit} | ({"file-system": file_system} if os.geteuid() == 0 else {})
"""What this user can have."""
