"""Reads the logs of accounts as they are committed: what one sets for all its rooms is in force in the same turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from parlour.chat.ports import Commit
from parlour.core.payloads import SERVER_LOG, InboxChanged
from parlour.schema.event_json import payload_of


class AccountLogs:
    """Tells its listener of every setting of an account, which is named by its id."""

    def __init__(self, changed: Callable[[str, InboxChanged], None]) -> None:
        self._changed = changed

    def committed(self, commits: Sequence[Commit]) -> None:
        """To be told of every commit."""
        for room, events in commits:
            if room[0] == "." and room != SERVER_LOG:
                for event in events:
                    if event.type == InboxChanged.type:
                        payload = payload_of(event)
                        assert isinstance(payload, InboxChanged)
                        self._changed(room[1:], payload)
