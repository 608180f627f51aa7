"""Small file systems that run out of bytes or of inodes under a server, and get them back; only root may mount."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from tests.fault.disks import BLOCK, take_all

SIZE_MB = 24
INODES = 32


class Volume:
    """A file system at `path` with SIZE_MB of room for bytes and INODES for files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"
        self._names = path / "names"

    def leave(self, size: int) -> None:
        """Take all but about so many bytes; what writes next will take those."""
        found = os.statvfs(self.path)
        left = found.f_bavail * found.f_bsize - size
        with self._ballast.open("ab", buffering=0) as file, suppress(OSError):  # the server may be faster
            while left > 0:
                left -= file.write(BLOCK[:left])

    def fill(self) -> None:
        """Take every byte."""
        take_all(self._ballast)

    def free(self) -> None:
        """Give all bytes back."""
        self._ballast.unlink()

    def take_inodes(self) -> None:
        """Leave none for a new file."""
        self._names.mkdir(exist_ok=True)
        try:
            for number in range(2 * INODES):
                (self._names / str(number)).touch()
        except OSError:
            return
        raise AssertionError("there is no end of inodes")

    def give_inodes(self) -> None:
        """Give them back."""
        for name in self._names.iterdir():
            name.unlink()


@contextmanager
def tmpfs(path: Path) -> Iterator[Volume]:
    """A file system in memory."""
    path.mkdir()
    options = f"size={SIZE_MB}m,nr_inodes={INODES},mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], check=True)
    with _mounted(path) as volume:
        yield volume


@contextmanager
def ext4(path: Path) -> Iterator[Volume]:
    """A file system in a file, with a journal, whose blocks are given out late."""
    path.mkdir()
    image = path.with_suffix(".image")
    with image.open("wb") as file:
        file.truncate(SIZE_MB * 1024 * 1024)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-N", str(INODES), image], check=True)
    subprocess.run(["mount", "-o", "loop", image, path], check=True)
    with _mounted(path) as volume:
        yield volume


@contextmanager
def overlay(path: Path) -> Iterator[Volume]:
    """A layer over another, as a container without a volume has it. It tells no generation of an inode, and gives the
    number of a removed file to the next one.
    """
    path.mkdir()
    with ext4(path.with_name(f"{path.name}-layers")) as below:
        layers = {name: below.path / name for name in ("lowerdir", "upperdir", "workdir")}
        for layer in layers.values():
            layer.mkdir()
        options = ",".join(f"{name}={layer}" for name, layer in layers.items())
        subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", path], check=True)
        with _mounted(path) as volume:
            yield volume


@contextmanager
def _mounted(path: Path) -> Iterator[Volume]:
    try:
        yield Volume(path)
    finally:
        subprocess.run(["umount", path], check=True)


VOLUMES: dict[str, Callable[[Path], AbstractContextManager[Volume]]] = {}
"""What this user can have on this machine."""
if os.geteuid() == 0:
    VOLUMES["tmpfs"] = tmpfs
    if Path("/dev/loop-control").exists():
        VOLUMES["ext4"] = ext4
LAYERED = VOLUMES | ({"overlay": overlay} if "ext4" in VOLUMES else {})
"""The same, and one on top of another."""
