"""Joins the first bytes of a stream into one write: its head, what the reader missed, and that it is live now.

Each write is a system call that wakes the reader, which costs as much as all the rest of an opening.
"""

from __future__ import annotations

from collections.abc import Callable

MOST_BYTES = 32768
"""What is held at most, so that a reader who is far behind fills the transport as fast as without."""


class Cork:
    """Takes the place of a `write` for as long as one callback runs; then `flush` is called."""

    __slots__ = ("_parts", "_size", "_write")

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        """Hold the bytes, or write them with all that are held when there are many."""
        self._parts.append(data)
        self._size += len(data)
        if self._size > MOST_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        parts, self._parts, self._size = self._parts, [], 0
        if parts:
            self._write(b"".join(parts))
