"""The ways in which a power cut may end, from everything lost to everything kept, and the images that they leave."""

from __future__ import annotations

import math
from collections.abc import Callable
from hashlib import blake2b
from random import Random

from tests.fault.power.disk import PAGE, Directory, Disk, File, Node, Shape, Versions
from tests.fault.power.operations import Image, Socket

SECTOR = 512
"""What a disk writes as a whole."""


class Fate:
    """One way in which a power cut may end. This one: whatever was not synced is lost."""

    def __init__(self, disk: Disk, random: Random) -> None:
        self.random = random
        moments = {moment for file in disk.files() for page in file.pages.values() for moment, _ in page.later}
        self.moments = sorted(moments)

    def name(self, name: Versions[Node | None]) -> Node | None:
        """What a name stands for."""
        return name.durable

    def size(self, path: str, size: Versions[int]) -> int:
        """The size of a file, as the index of a version."""
        return 0

    def page(self, path: str, shape: Shape, number: int) -> bytes:
        """The content of a page that is not synced."""
        return shape.pages[number].durable


class Kept(Fate):
    """Everything reached the disk."""

    def name(self, name: Versions[Node | None]) -> Node | None:
        return name.now

    def size(self, path: str, size: Versions[int]) -> int:
        return len(size.later)

    def page(self, path: str, shape: Shape, number: int) -> bytes:
        return shape.pages[number].now


class NamesLost(Kept):
    """Everything reached the disk but what directories say."""

    def name(self, name: Versions[Node | None]) -> Node | None:
        return name.durable


class Sectors(Fate):
    """Every name, size and sector is as it was at a moment of its own."""

    grain = SECTOR

    def name(self, name: Versions[Node | None]) -> Node | None:
        return self.random.choice(name.all)

    def size(self, path: str, size: Versions[int]) -> int:
        return self.random.randrange(len(size.all))

    def page(self, path: str, shape: Shape, number: int) -> bytes:
        versions = shape.pages[number].all
        pieces = (self.random.choice(versions)[at : at + self.grain] for at in range(0, PAGE, self.grain))
        return b"".join(pieces)


class Pages(Sectors):
    """The same by whole pages."""

    grain = PAGE


class SectorsInPlace(Sectors):
    """The same by sectors, but names and sizes have reached the disk."""

    def name(self, name: Versions[Node | None]) -> Node | None:
        return name.now

    def size(self, path: str, size: Versions[int]) -> int:
        return len(size.later)


class Torn(Kept):
    """Everything reached the disk, but of the last write only a part, up to any byte."""

    def page(self, path: str, shape: Shape, number: int) -> bytes:
        page = shape.pages[number]
        if page.later[-1][0] != self.moments[-1]:
            return page.now
        at = self.random.randrange(PAGE)
        return page.now[:at] + page.all[-2][at:]


class InOrder(Kept):
    """Pages reached the disk in the order of the writes, up to some write."""

    def __init__(self, disk: Disk, random: Random) -> None:
        super().__init__(disk, random)
        self.until = random.choice(self.moments) if self.moments else 0

    def page(self, path: str, shape: Shape, number: int) -> bytes:
        return shape.pages[number].between(self.until, math.inf).durable


class LaterFirst(InOrder):
    """The other way round: what was written last reached the disk, what was written before did not."""

    def page(self, path: str, shape: Shape, number: int) -> bytes:
        page = shape.pages[number]
        return page.now if page.later[-1][0] > self.until else page.durable


class Zeros(Kept):
    """Names and sizes reached the disk, but no data: what is new reads as zeros, the rest as before."""

    def page(self, path: str, shape: Shape, number: int) -> bytes:
        old = min(max(0, shape.size_before - number * PAGE), PAGE)
        return shape.pages[number].durable[:old] + self.fill(shape, number)[old:]

    def fill(self, shape: Shape, number: int) -> bytes:
        """What a place of the disk has on which nothing was written."""
        return bytes(PAGE)


class Stale(Zeros):
    """The same, but what is new reads as what was there before: pages of a log, or rubbish."""

    def fill(self, shape: Shape, number: int) -> bytes:
        versions = [version for at, page in shape.pages.items() if at != number for version in page.all]
        return self.random.choice([*versions, self.random.randbytes(PAGE)])


class LogOnly(Kept):
    """Of the write-ahead log everything reached the disk, of the database nothing."""

    suffix = "-wal"

    def size(self, path: str, size: Versions[int]) -> int:
        return len(size.later) if path.endswith(self.suffix) else 0

    def page(self, path: str, shape: Shape, number: int) -> bytes:
        page = shape.pages[number]
        return page.now if path.endswith(self.suffix) else page.durable


class DatabaseOnly(LogOnly):
    """The other way round."""

    suffix = ".db"


FATES: list[Callable[[Disk, Random], Fate]] = [
    Fate,
    Kept,
    NamesLost,
    Sectors,
    Pages,
    SectorsInPlace,
    Torn,
    InOrder,
    LaterFirst,
    Zeros,
    Stale,
    LogOnly,
    DatabaseOnly,
]


def image(disk: Disk, fate: Fate) -> Image:
    """What a disk holds if the power fails now and things end so."""
    found: Image = {}
    waiting: list[tuple[str, Directory]] = [("", disk.root)]
    for at, directory in waiting:
        for name, versions in directory.names.items():
            path, child = f"{at}{name}", fate.name(versions)
            if isinstance(child, File):
                found[path] = _content(path, child, fate)
            elif isinstance(child, Socket):
                found[path] = child
            elif child is not None:
                found[path] = None
                waiting.append((f"{path}/", child))
    return found


def digest(found: Image) -> bytes:
    """Something short that is the same for the same image."""
    whole = blake2b(digest_size=16)
    for path in sorted(found):
        content = found[path]
        whole.update(f"{path} {len(content) if isinstance(content, bytes) else content}\n".encode())
        whole.update(content if isinstance(content, bytes) else b"")
    return whole.digest()


def _content(path: str, file: File, fate: Fate) -> bytes:
    shape = file.shape(fate.size(path, file.size))
    content = file.durable[: shape.size] + bytes(max(0, shape.size - len(file.durable)))
    for number, page in shape.pages.items():
        if number * PAGE < shape.size:
            found = fate.page(path, shape, number) if page.later else page.durable
            content[number * PAGE : (number + 1) * PAGE] = found
    return bytes(content[: shape.size])
