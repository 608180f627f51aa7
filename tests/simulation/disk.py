"""The disk of the simulated server: real SQLite on it, every sync asked for, and nothing promised that was not synced.

What programs read lies in files in memory. What is surely on the disk, and what may be, is kept by the model that the
power cuts of recorded servers are judged with (`tests/fault/power/disk.py`): a VFS under SQLite tells it every write.
Each life of the server has a directory of its own, made of what the last one left.
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from tests.checker.history import Entry
from tests.fault.client import content, decode_item
from tests.fault.power.disk import Disk as Model
from tests.fault.power.images import FATES, image
from tests.fault.power.operations import Create, Image, Operation, Record, Remove, Rename, Sync, Truncate, Write
from tests.simulation.loop import Thread, World
from tests.support.records import adopt

SYNC_S = (5e-5, 5e-4, 5e-3)
SLOW_SYNC_S = (0.5, 5.0)
WRITES_THAT_WAIT = 0.05
INDEX = "-shm"
"""Shared memory: no file, and gone with the last process."""


class Disk(apsw.VFS):
    """`directory` is that of the present life. `is_full`, `is_slow` and `on_failed_sync` are faults to be set.

    While `on_failed_sync` is set, the next sync fails: it is called then, and forgotten.
    """

    def __init__(self, world: World, root: Path) -> None:
        super().__init__("simulated", "unix", makedefault=True)
        self.world = world
        self.is_full = self.is_slow = False
        self.on_failed_sync: Callable[[], object] | None = None
        self.directory = root / "life-0"
        self._prefix = f"{self.directory}/"
        self.files = Files(self)
        self.did: Counter[str] = Counter()
        self._root = root
        self._lives = self._copies = 0
        self._model = Model(Record({}, []))

    # --- lives ---

    def power_cut(self) -> None:
        """Begin a life with what is on the disk when the power fails now, which is chosen among what may be."""
        fate = self.world.random.choice(FATES)(self._model, self.world.random)
        self.world.trace(f"of what was not synced: {type(fate).__name__}")
        self._begin(image(self._model, fate))

    def kill(self) -> None:
        """Begin a life with all that was written: a process has died, not the system."""
        model = self._model
        self._begin({path.name: path.read_bytes() for path in self._files()})
        self._model = model  # what was not synced still is not

    def log(self) -> list[Entry]:
        """All events that are in the database, read by nothing but SQLite out of a copy of the files.

        Raises apsw.Error.
        """
        with self.copied() as connection:
            rows = connection.execute(
                "SELECT value, body FROM meta, events WHERE name = 'epoch' AND id >> 36 ORDER BY id"
            ).fetchall()
        log = [(str(epoch), decode_item(body), body) for epoch, body in rows if isinstance(body, bytes)]
        return [Entry(item.room, epoch, item.seq, *content(item, body)) for epoch, item, body in log]

    @contextmanager
    def copied(self) -> Iterator[apsw.Connection]:
        """A copy of the database as it is now, open. Raises apsw.Error."""
        self._copies += 1
        copy = self._root / f"copy-{self._copies}"
        _write(copy, {path.name: path.read_bytes() for path in self._files()})
        connection = apsw.Connection(str(copy / "parlour.db"), vfs="unix")
        try:
            yield connection
        finally:
            connection.close()

    def _begin(self, files: Image) -> None:
        self._lives += 1
        self.directory = self._root / f"life-{self._lives}"
        self._prefix = f"{self.directory}/"
        self._model = Model(Record(dict(sorted(files.items())), []))
        _write(self.directory, files)

    def _files(self) -> list[Path]:
        found = sorted(self.directory.iterdir()) if self.directory.exists() else []
        return [path for path in found if not path.name.endswith(INDEX)]

    # --- what programs do ---

    def sync_directory(self, path: Path) -> None:
        """Stands for the function of this name in `parlour.store.sqlite.directory`."""
        if path != self.directory:
            return  # above the data: nothing is lost there
        names = {found.name: found for found in self._files()}
        known = {name: versions.now for name, versions in self._model.root.names.items()}
        for name, found in names.items():
            if known.get(name) is None:
                self.apply(Create(name))
                self.apply(Write(name, 0, found.read_bytes()))
        for name, file in known.items():
            if file is not None and name not in names:
                self.apply(Remove(name))
        self.sync("")

    def sync_file(self, path: Path) -> None:
        """Stands for the function of this name in `parlour.store.sqlite.directory`."""
        self.sync(path.name, may_fail=False)

    def apply(self, operation: Operation) -> None:
        """Tell the model."""
        self._model.apply(operation)

    def sync(self, name: str, *, may_fail: bool = True) -> None:
        """Sync a file, or the directory (""). Raises apsw.IOError when it fails."""
        self.did["sync"] += 1
        since = self._model.moment
        self._wait(self.world.random.choice(SLOW_SYNC_S if self.is_slow else SYNC_S))
        if self.on_failed_sync is not None and name and may_fail:
            self.on_failed_sync()
            self.on_failed_sync = None
            self.did["failed sync"] += 1
            self.world.trace(f"the sync of {name} fails")
            self.apply(Sync(name, since, failed=True))
            raise apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)
        self.apply(Sync(name, since))

    def write(self, name: str, offset: int, data: bytes, size: int) -> int:
        """How many of these bytes the disk takes at a place of a file that is so large."""
        self.did["write"] += 1
        if self.world.random.random() < WRITES_THAT_WAIT:
            self._wait(self.world.random.choice(SYNC_S))
        taken = len(data)
        if self.is_full and offset + len(data) > size:
            self.did["full"] += 1
            taken = self.world.random.randrange(len(data))
        if taken:
            self.apply(Write(name, offset, data[:taken]))
        return taken

    def _wait(self, seconds: float) -> None:
        thread = Thread.current()
        if thread is not None:
            thread.wait(seconds)

    # --- apsw.VFS ---

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is None or not self.is_present(path):
            return apsw.VFSFile("unix", name, flags)
        if not Path(path).exists():
            self.apply(Create(Path(path).name))
        return _File(self, Path(path), name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, False)
        if self.is_present(filename):
            self.apply(Remove(Path(filename).name))
            if syncdir:
                self.sync("")

    def is_ours(self, path: str) -> bool:
        """Whether a path is of any life."""
        return Path(path).is_relative_to(self._root)

    def is_present(self, path: str) -> bool:
        """Whether a path is of this life."""
        return path.startswith(self._prefix)


class Files:
    """Stands for `os` where the program writes a file without SQLite: the record."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._paths: dict[int, str] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        handle = os.open(path, flags, mode)
        if flags & os.O_CREAT and self._disk.is_present(str(path)):
            self._paths[handle] = str(path)
            self._disk.apply(Create(path.name))
        return handle

    def pwrite(self, handle: int, data: bytes, offset: int) -> int:
        name = self._name(handle)
        if name and self._disk.write(name, offset, data, os.fstat(handle).st_size) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.pwrite(handle, data, offset)

    def fsync(self, handle: int) -> None:
        if name := self._name(handle):
            self._disk.sync(name, may_fail=False)

    def rename(self, path: Path, to: Path) -> None:
        os.rename(path, to)
        self._paths = {handle: str(to) if at == str(path) else at for handle, at in self._paths.items()}
        if self._disk.is_present(str(to)):
            self._disk.apply(Rename(path.name, to.name))

    def unlink(self, path: Path) -> None:
        os.unlink(path)
        if self._disk.is_present(str(path)):
            self._disk.apply(Remove(path.name))

    def close(self, handle: int) -> None:
        self._paths.pop(handle, None)
        os.close(handle)

    def close_all(self) -> None:
        """As the system does for a process that is gone."""
        for handle in list(self._paths):
            self.close(handle)

    def _name(self, handle: int) -> str:
        """The name of a file of this life; that of a life that is over is written no more."""
        path = self._paths.get(handle, "")
        return Path(path).name if self._disk.is_present(path) else ""


class _File(apsw.VFSFile):
    """A file of SQLite. That of a life that is over writes no more."""

    def __init__(self, disk: Disk, path: Path, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        self._path = str(path)
        self._name = path.name
        self._is_new = not path.exists()
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        if not self._disk.is_present(self._path):
            return
        taken = self._disk.write(self._name, offset, data, self.xFileSize())
        if taken:
            super().xWrite(data[:taken], offset)
        if taken < len(data):
            raise apsw.exception_for(apsw.SQLITE_FULL)

    def xTruncate(self, newsize: int) -> None:
        if self._disk.is_present(self._path):
            self._disk.apply(Truncate(self._name, newsize))
            super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        if self._disk.is_present(self._path):
            self._disk.sync(self._name)
            if self._is_new:  # SQLite syncs the directory of a log with its first sync
                self._is_new = False
                self._disk.sync("")


def _write(directory: Path, files: Image) -> None:
    directory.mkdir(mode=0o700)
    for name, data in files.items():
        assert isinstance(data, bytes)
        (directory / name).write_bytes(data)
    if not files:
        directory.rmdir()
    adopt(directory)
