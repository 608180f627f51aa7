"""The half that all relays share: listeners for what other nodes say, and the rooms this node wants to hear of."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeAlias

_log = logging.getLogger("parlour.relay")

LINE_CHARS = 4400
"""A text has at most 4000 bytes, a room 64 characters."""

Listener: TypeAlias = Callable[[str, str], None]


class Listeners:
    """Kinds of notices to their listeners, and the rooms of this node."""

    def __init__(self) -> None:
        self.rooms: set[str] = set()
        self._listeners: dict[str, Listener] = {}
        self._failed: set[str] = set()  # kinds of which one could not be used

    def listen(self, kind: str, listener: Listener) -> None:
        """See `Relay.listen`."""
        self._listeners[kind] = listener

    def subscribe(self, room: str) -> None:
        """See `Relay.subscribe`."""
        self.rooms.add(room)

    def unsubscribe(self, room: str) -> None:
        """See `Relay.unsubscribe`."""
        self.rooms.discard(room)

    def tell(self, line: str) -> None:
        """Tell a listener of a line that was brought; one that cannot be read, or is not for this node, is dropped."""
        if len(line) > LINE_CHARS:
            return
        kind, _, rest = line.partition(" ")
        room, _, text = rest.partition(" ")
        listener = self._listeners.get(kind)
        if listener is None or (room and room not in self.rooms):
            return
        try:
            listener(room, text)
        except Exception:
            if kind not in self._failed:  # whoever reaches the relay could fill the log
                self._failed.add(kind)
                _log.exception("a notice could not be used, and none that fails is told of again: %r", line[:200])


def line_of(kind: str, room: str, text: str) -> str:
    """The line in which a notice travels: `kind room text`; the room is empty in one for every node."""
    return f"{kind} {room} {text}"
