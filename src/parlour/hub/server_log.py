"""Reads the log of the server as it is committed: what has ended is forgotten in the same turn of the loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from parlour.chat.ports import Commit
from parlour.core.payloads import SERVER_LOG, Payload
from parlour.schema.event_json import payload_of


class ServerLog:
    """Tells its listeners what every new event of the log says."""

    def __init__(self, listeners: Sequence[Callable[[Payload], None]]) -> None:
        self._listeners = listeners

    def committed(self, commits: Sequence[Commit]) -> None:
        """To be told before the hub is."""
        for room, events in commits:
            if room == SERVER_LOG:
                for event in events:
                    payload = payload_of(event)
                    for listener in self._listeners:
                        listener(payload)
