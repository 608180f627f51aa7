"""Disks that fail on demand: a VFS under SQLite, and a file system that is full."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw


class FaultyDisk(apsw.VFS):
    """While it is open, every new SQLite connection of this process goes through it.

    `sync_fails` and `write_fails` are the SQLite error codes to answer with, for files whose name ends with the key
    (`-wal`, `.db`). While `may_sync` is not set, a sync takes for ever.
    """

    def __init__(self) -> None:
        self.sync_fails: dict[str, int] = {}
        self.write_fails: dict[str, int] = {}
        self.syncs: list[str] = []
        self.may_sync = threading.Event()
        self.may_sync.set()
        super().__init__("faulty", "unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        return _File(self, name, flags)

    def __enter__(self) -> FaultyDisk:
        return self

    def __exit__(self, *_: object) -> None:
        self.unregister()

    def heal(self) -> None:
        """Work again."""
        self.sync_fails.clear()
        self.write_fails.clear()


class _File(apsw.VFSFile):
    def __init__(self, disk: FaultyDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        self._name = name.filename() if isinstance(name, apsw.URIFilename) else name or ""
        super().__init__("unix", name, flags)

    def xSync(self, flags: int) -> None:
        self._disk.syncs.append(self._name)
        self._disk.may_sync.wait()
        self._fail(self._disk.sync_fails)
        super().xSync(flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._fail(self._disk.write_fails)
        super().xWrite(data, offset)

    def _fail(self, faults: dict[str, int]) -> None:
        for ending, code in faults.items():
            if self._name.endswith(ending):
                raise apsw.exception_for(code)


@contextmanager
def small_disk(directory: Path) -> Iterator[SmallDisk]:
    """A directory on a file system of 1 MiB if we may mount one; else files that may not grow beyond 600 KiB."""
    directory.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(directory)]
    is_mounted = os.geteuid() == 0 and subprocess.run(mounting, capture_output=True).returncode == 0
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    if not is_mounted:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600 * 1024, limits[1]))
    try:
        yield SmallDisk(directory, is_mounted, limits)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        if is_mounted:
            subprocess.run(["umount", str(directory)], check=True)


class SmallDisk:
    """A small disk that can be enlarged."""

    def __init__(self, path: Path, is_mounted: bool, limits: tuple[int, int]) -> None:
        self.path = path
        self._is_mounted = is_mounted
        self._limits = limits

    def enlarge(self) -> None:
        """Make room for 8 MiB."""
        if self._is_mounted:
            subprocess.run(["mount", "-o", "remount,size=8m", str(self.path)], check=True)
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, self._limits)
