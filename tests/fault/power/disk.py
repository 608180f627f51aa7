"""A disk as a model: what is surely on it, and what may be there too, if its power is cut.

The model promises less than any file system does. Until a file is synced, every page of it, and every sector of a page,
is on the disk as it was at the last sync or at any moment since, each for itself; so is its size. Until its directory
is synced, so is every name, also that of a file that has itself been synced. A sync that failed leaves what it should
have covered like that for ever: the system counts those pages as written, and syncs only what is written again. One
thing is promised: a file is shortened as a whole or not at all, and what it gets later is not there without that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from tests.fault.power.operations import (
    Bind,
    Create,
    Operation,
    Record,
    Remove,
    Rename,
    Socket,
    Sync,
    Truncate,
    Write,
)

PAGE = 4096
"""What the system writes back as a whole, or finds that it could not."""

Value = TypeVar("Value")


class Versions(Generic[Value]):
    """A value that is surely on the disk, and the newer ones that may be, each with the moment of its change."""

    __slots__ = ("durable", "is_dirty", "later")

    def __init__(self, durable: Value) -> None:
        self.durable = durable
        self.later: list[tuple[int, Value]] = []
        self.is_dirty = False

    @property
    def now(self) -> Value:
        """The newest: what a program reads."""
        return self.later[-1][1] if self.later else self.durable

    @property
    def all(self) -> list[Value]:
        """All that the disk may hold, oldest first."""
        return [self.durable, *(value for _, value in self.later)]

    def between(self, start: int, end: float) -> Versions[Value]:
        """What is possible if the changes up to `start` are on the disk and those from `end` on are not."""
        found = Versions([self.durable, *(value for moment, value in self.later if moment <= start)][-1])
        found.later = [entry for entry in self.later if start < entry[0] < end]
        return found

    def put(self, moment: int, value: Value) -> None:
        """Change it."""
        self.later.append((moment, value))
        self.is_dirty = True

    def synced(self, sync: Sync) -> None:
        """A sync has ended."""
        covered = [entry for entry in self.later if entry[0] < sync.since]
        if covered and self.is_dirty and not sync.failed:
            self.durable = covered[-1][1]
            self.later = self.later[len(covered) :]
        self.is_dirty = bool(self.later) and self.later[-1][0] >= sync.since


class Shape(NamedTuple):
    """A file once its size is chosen: its size, the size before that, and the pages that are still open."""

    size: int
    size_before: int
    pages: dict[int, Versions[bytes]]


class File:
    """`durable` is all bytes that are surely on the disk; `pages` are the pages with newer versions."""

    def __init__(self, content: bytes = b"") -> None:
        self.durable = bytearray(content)
        self.size = Versions(len(content))
        self.pages: dict[int, Versions[bytes]] = {}

    def page(self, number: int) -> Versions[bytes]:
        """A page, which may be beyond the end."""
        if number not in self.pages:
            self.pages[number] = Versions(_padded(self.durable[number * PAGE : (number + 1) * PAGE]))
        return self.pages[number]

    def write(self, moment: int, offset: int, data: bytes) -> None:
        """Put bytes at a place."""
        end = offset + len(data)
        if end > self.size.now or (end > self.size.durable and not self.size.is_dirty):
            self.size.put(moment, max(end, self.size.now))
        while data:
            number, start = divmod(offset, PAGE)
            piece, data = data[: PAGE - start], data[PAGE - start :]
            offset += len(piece)
            page = self.page(number)
            page.put(moment, page.now[:start] + piece + page.now[start + len(piece) :])

    def truncate(self, moment: int, size: int) -> None:
        """Set the size; what is cut off is zero if the file grows again."""
        for number in range(size // PAGE, -(-self.size.now // PAGE)):
            page = self.page(number)
            page.put(moment, _padded(page.now[: max(0, size - number * PAGE)]))
        if size != self.size.now:
            self.size.put(moment, size)

    def shape(self, index: int) -> Shape:
        """What is possible with a size, given by its index in `size.all`: it is there with or without a shortening."""
        sizes = [(-1, self.size.durable), *self.size.later]
        start, end, before = -1, math.inf, self.size.durable
        for at in range(1, len(sizes)):
            if sizes[at][1] < sizes[at - 1][1]:
                if at > index:
                    end = sizes[at][0]
                    break
                start, before = sizes[at]
        pages = {number: page.between(start, end) for number, page in self.pages.items()}
        return Shape(sizes[index][1], before, pages)

    def synced(self, sync: Sync) -> None:
        """A sync has ended."""
        self.size.synced(sync)
        for number, page in list(self.pages.items()):
            page.synced(sync)
            self.durable.extend(bytes(max(0, (number + 1) * PAGE - len(self.durable))))
            self.durable[number * PAGE : (number + 1) * PAGE] = page.durable
            if not page.later:
                del self.pages[number]


class Directory:
    """The names in it; a name that is None is free."""

    def __init__(self) -> None:
        self.names: dict[str, Versions[Node | None]] = {}

    def name(self, name: str) -> Versions[Node | None]:
        """What a name stands for."""
        return self.names.setdefault(name, Versions(None))

    def synced(self, sync: Sync) -> None:
        """A sync has ended."""
        for name in self.names.values():
            name.synced(sync)


Node = File | Directory | Socket
"""What a name may stand for."""


class Disk:
    """A tree of files as operations leave it."""

    def __init__(self, record: Record) -> None:
        self.root = Directory()
        self.moment = 0
        for path, content in record.files.items():  # parents come first
            parent, name = self._place(path)
            parent.names[name] = Versions(_node(content))

    def apply(self, operation: Operation) -> None:
        """Let one operation of a record happen."""
        match operation:
            case Write(path, offset, data):
                self._file(path).write(self.moment, offset, data)
            case Truncate(path, size):
                self._file(path).truncate(self.moment, size)
            case Sync(path):
                found = self._find(path)
                if isinstance(found, File | Directory):
                    found.synced(operation)
            case Create(path, is_directory):
                parent, name = self._place(path)
                if parent.name(name).now is None:
                    parent.name(name).put(self.moment, Directory() if is_directory else File())
            case Bind(path):
                parent, name = self._place(path)
                assert parent.name(name).now is None, f"{path} was there"
                parent.name(name).put(self.moment, Socket())
            case Remove(path):
                parent, name = self._place(path)
                parent.name(name).put(self.moment, None)
            case Rename(path, to):
                moved = self._find(path)
                for place, found in ((to, moved), (path, None)):
                    parent, name = self._place(place)
                    parent.name(name).put(self.moment, found)
        self.moment += 1

    def files(self) -> Iterator[File]:
        """All files that a cut may leave."""
        waiting: list[Directory] = [self.root]
        for directory in waiting:
            for name in directory.names.values():
                for found in name.all:
                    if isinstance(found, File):
                        yield found
                    elif isinstance(found, Directory):
                        waiting.append(found)

    def _find(self, path: str) -> Node | None:
        found: Node | None = self.root
        for part in path.split("/") if path else ():
            assert isinstance(found, Directory), f"there is no {path}"
            found = found.name(part).now
        return found

    def _file(self, path: str) -> File:
        found = self._find(path)
        assert isinstance(found, File), f"{path} is not a file"
        return found

    def _place(self, path: str) -> tuple[Directory, str]:
        parent, _, name = path.rpartition("/")
        found = self._find(parent)
        assert isinstance(found, Directory), f"{parent} is not a directory"
        return found, name


def _node(content: bytes | Socket | None) -> Node:
    if content is None:
        return Directory()
    return File(content) if isinstance(content, bytes) else content


def _padded(data: bytes | bytearray) -> bytes:
    return bytes(data) + bytes(PAGE - len(data))
