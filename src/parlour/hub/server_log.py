"""Reads the log of the server as it is committed: what has ended is forgotten in the same turn of the loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from parlour.chat.ports import Commit
from parlour.core.event import at_ms
from parlour.core.payloads import SERVER_LOG, Payload, ServerChanged
from parlour.schema.event_json import payload_of


class ServerLog:
    """Tells its listeners what every new event of the log says; first `settings`, with its seq and time, of these."""

    def __init__(
        self,
        listeners: Sequence[Callable[[Payload], None]],
        settings: Callable[[int, ServerChanged, int], None] | None = None,
    ) -> None:
        self._listeners = listeners
        self._settings = settings

    def committed(self, commits: Sequence[Commit]) -> None:
        """To be told before the hub is."""
        for room, events in commits:
            if room == SERVER_LOG:
                for event in events:
                    payload = payload_of(event)
                    if isinstance(payload, ServerChanged) and self._settings is not None:
                        self._settings(event.seq, payload, at_ms(event.json))
                    for listener in self._listeners:
                        listener(payload)
