"""How many reports wait for whom: the open ones, in memory as in the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from parlour.chat.policies import Policies
from parlour.chat.ports import Store
from parlour.chat.tables.reports import OPEN_REPORTS
from parlour.core.actor import Actor
from parlour.core.payloads import Payload, ReportChanged


class OpenReports:
    """The open reports, by the rooms that they are from. All methods are called on the event loop."""

    def __init__(self, store: Store, policies: Policies) -> None:
        self._store = store
        self._policies = policies
        self._rooms: dict[str, str] = {}  # the id of a report to its room
        self.on_change: Callable[[], None] = _nothing
        """Called when there is one more, or one less."""

    async def load(self) -> None:
        """Read all. Raises Refusal."""
        self._rooms = {report.id: report.room for report in await self._store.query(OPEN_REPORTS())}

    def changed(self, payload: Payload) -> None:
        """Learn what an event of the server's log says."""
        if isinstance(payload, ReportChanged):
            if payload.what in ("made", "open"):
                self._rooms[payload.report] = payload.into
            elif payload.what == "closed":
                self._rooms.pop(payload.report, None)
            if payload.what != "noted":
                self.on_change()

    def count(self, actor: Actor) -> int:
        """How many of them somebody may look at: those from everywhere, or from rooms that they moderate."""
        if not self._rooms or actor.account is None:
            return 0
        if self._policies.may_everywhere(actor, "order"):
            return len(self._rooms)
        may = self._policies.may
        return sum(count for room, count in Counter(self._rooms.values()).items() if may(actor, "restrict", room))

    def __len__(self) -> int:
        return len(self._rooms)


def _nothing() -> None:
    """Nobody was told."""
