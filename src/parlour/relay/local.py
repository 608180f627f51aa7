"""The relay of a single node: what is published is heard at once, here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from parlour.chat.ports import Commit


class LocalRelay:
    """Implements `chat.ports.Relay` without leaving the process."""

    may_lose = False

    def __init__(self) -> None:
        self._listeners: list[Callable[[Sequence[Commit]], None]] = []

    def publish(self, commits: Sequence[Commit]) -> None:
        """Call every listener."""
        for listener in self._listeners:
            listener(commits)

    def listen(self, listener: Callable[[Sequence[Commit]], None]) -> None:
        """Add a listener."""
        self._listeners.append(listener)
