"""What a server has the disk do and what it tells its clients, as values in the order in which the system saw them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes of a file, from `offset`. Paths of operations are relative to the root of the record, "" is the root."""

    path: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file has this size now."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """A sync has returned. It covers the operations before `since`, where it began; a failed one covers nothing."""

    path: str
    since: int
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Create:
    """A name for a new file or directory; nothing happens if it is there."""

    path: str
    is_directory: bool = False


@dataclass(frozen=True, slots=True)
class Bind:
    """A name for a new Unix socket. A socket that is there makes it fail."""

    path: str


@dataclass(frozen=True, slots=True)
class Remove:
    """A name goes."""

    path: str


@dataclass(frozen=True, slots=True)
class Rename:
    """A file has another name, in the place of what had it."""

    path: str
    to: str


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody was told that events are there, by acknowledgements or by showing them.

    Each is room, seq, and the JSON if what was told contains it (else empty).
    """

    events: tuple[tuple[str, int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Listening:
    """The server accepts connections: from here on its epoch is known to clients."""


Operation = Write | Truncate | Sync | Create | Bind | Remove | Rename | Told | Listening


@dataclass(frozen=True, slots=True)
class Socket:
    """A Unix socket as a disk has it: a name without content."""


Image = dict[str, bytes | Socket | None]
"""The content of a disk: files with their content, sockets, directories as None."""


@dataclass(frozen=True)
class Record:
    """`files` is what was there and durable at the beginning; then came `operations`."""

    files: Image
    operations: list[Operation]

    @property
    def first_told(self) -> int:
        """The moment at which somebody is told of an event for the first time: before it nothing can be lost."""
        return next(at for at, operation in enumerate(self.operations) if isinstance(operation, Told))
