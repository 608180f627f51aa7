"""How many reports wait for whom: the open ones, in memory as in the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Set

from parlour.chat.known_accounts import KnownAccounts
from parlour.chat.policies import Policies
from parlour.chat.ports import Store
from parlour.chat.report_rights import everywhere, reports_seen
from parlour.chat.tables.reports import OPEN_REPORTS
from parlour.core.actor import Actor
from parlour.core.payloads import AccountChanged, Payload, ReportChanged, ServerChanged
from parlour.core.policy import Policy


class OpenReports:
    """The open reports, by the rooms that they are from. All methods are called on the event loop."""

    def __init__(self, store: Store, policies: Policies, accounts: KnownAccounts) -> None:
        self._store = store
        self._policies = policies
        self._accounts = accounts
        self._rooms: dict[str, str] = {}  # the id of a report to its room
        self._counts: Counter[str] = Counter()  # room to how many of its reports are open; none without any
        self.on_change: Callable[[str], None] = _nothing
        """Called with a room that has one more, or one less."""
        self.on_rights: Callable[[Set[str] | None], None] = _nothing
        """Called with the ids of accounts that may now look at others; None: all may."""
        policies.on_learn(self._learned)

    async def load(self) -> None:
        """Read all. Raises Refusal."""
        self._rooms = {report.id: report.room for report in await self._store.query(OPEN_REPORTS())}
        self._counts = Counter(self._rooms.values())

    def changed(self, payload: Payload) -> None:
        """Learn what an event of the server's log says."""
        if isinstance(payload, ReportChanged):
            self._report_changed(payload)
        elif isinstance(payload, AccountChanged):
            if payload.what in ("role", "factors"):
                self.on_rights({payload.account.id})
        elif isinstance(payload, ServerChanged) and payload.setting == "second_factor":
            self.on_rights(None)

    def _report_changed(self, change: ReportChanged) -> None:
        is_known = change.report in self._rooms
        if change.what in ("made", "open") and not is_known:
            self._rooms[change.report] = change.into
            self._counts[change.into] += 1
        elif change.what == "closed" and is_known:
            del self._rooms[change.report]
            self._counts[change.into] -= 1
            if not self._counts[change.into]:
                del self._counts[change.into]
        else:
            return
        self.on_change(change.into)

    def _learned(self, room: str, before: Policy, policy: Policy) -> None:
        """Members of a room have come, gone, or got another role."""
        if room in self._counts and before.members is not policy.members:
            self.on_rights({account for account, _ in before.members.items() ^ policy.members.items()})

    def moderators(self, room: str, among: Set[str]) -> set[str]:
        """Those of these accounts, by their ids, that may be able to look at the reports of a room."""
        members = self._policies.of(room).members
        found = {account for account in members.keys() & among if members[account].role != "member"}
        return found | (self._accounts.with_roles() & among)

    def count(self, actor: Actor) -> int:
        """How many of them somebody may look at: those from everywhere, or from rooms that they moderate."""
        if not self._rooms or actor.account is None:
            return 0
        sees = reports_seen(self._policies, actor)
        if sees is everywhere:
            return len(self._rooms)
        rooms = self._policies.rooms_of(actor.account.id) & self._counts.keys()
        return sum(self._counts[room] for room in rooms if sees(room))

    def __len__(self) -> int:
        return len(self._rooms)


def _nothing(_: object) -> None:
    """Nobody was told."""
