"""Lines that wait to be sent: never many, for a notice that is late says nothing that is not found out otherwise."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

MOST_BYTES = 1_048_576


class Outgoing:
    """Takes lines for whoever sends them. Drops all while nobody does, and those for which there is no space."""

    def __init__(self, wake: Callable[[], None], most_bytes: int = MOST_BYTES) -> None:
        """`wake` is called when there are lines to be sent."""
        self._wake = wake
        self._lines: deque[tuple[str, str, int]] = deque()  # room, line, bytes
        self._bytes_free = self._most_bytes = most_bytes
        self._is_open = False

    def open(self, is_open: bool) -> None:
        """Whether somebody sends from now on; what waits is dropped."""
        self._is_open = is_open
        self._lines.clear()
        self._bytes_free = self._most_bytes

    def put(self, room: str, line: str) -> None:
        """Add a line about a room; never waits."""
        if self._is_open:
            size = len(line.encode()) + 1
            if size <= self._bytes_free:
                self._bytes_free -= size
                self._lines.append((room, line, size))
                self._wake()

    def take(self, most_bytes: int) -> list[tuple[str, str]]:
        """The next rooms and lines, as many as fit into so many bytes with a newline each."""
        taken = []
        while self._lines and self._lines[0][2] <= most_bytes:
            room, line, size = self._lines.popleft()
            self._bytes_free += size
            most_bytes -= size
            taken.append((room, line))
        return taken
