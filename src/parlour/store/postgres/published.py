"""How far this node has published the log of the server; it is published whole and in order, whoever writes it."""

from __future__ import annotations

from collections.abc import Sequence

from parlour.chat.ports import Commit
from parlour.core.event import Stored
from parlour.core.payloads import SERVER_LOG


class PublishedServerLog:
    """`seq` is that of the newest event that has been published."""

    def __init__(self) -> None:
        self.seq = 0

    def fresh(self, events: Sequence[Stored]) -> list[Stored]:
        """Those that have not been published; they count as published from here on."""
        found = [event for event in events if event.seq > self.seq]
        if found:
            self.seq = found[-1].seq
        return found

    def fresh_commits(self, commits: Sequence[Commit]) -> list[Commit]:
        """The same for what a batch has added: other rooms stay as they are."""
        found = []
        for commit in commits:
            events = self.fresh(commit.events) if commit.room == SERVER_LOG else commit.events
            if events:
                found.append(Commit(commit.room, events))
        return found
