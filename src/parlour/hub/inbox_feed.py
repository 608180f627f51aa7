"""Tells those who follow their own log what is unread in the rooms of their list: so these need not be open."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from parlour.chat.inbox import Inbox
from parlour.chat.policies import Policies
from parlour.chat.ports import Commit, Store, Unread
from parlour.core.errors import Refusal
from parlour.core.event import Stored
from parlour.core.payloads import SERVER_LOG, Mentioned, NotifyChanged, ReadMoved
from parlour.hub.gathering import GATHER_S, Gathering
from parlour.hub.reports_feed import Follower as ReportsFollower
from parlour.hub.reports_feed import ReportsFeed
from parlour.schema.event_json import payload_of
from parlour.schema.events import RoomUnread

log = logging.getLogger("parlour.hub")

AT_ONCE = 500
"""Pairs of an account and a room that one look counts: some milliseconds of a thread that reads."""


class Follower(ReportsFollower, Protocol):
    """A session that follows the log of its account."""

    is_paused: bool

    def show_unread(self, room: str, item: RoomUnread) -> None:
        """Write what is unread in a room, which the item calls as the peer does."""


class InboxFeed:
    """The followers, by their accounts. On the event loop; nothing is done and kept for those who follow no log.

    For the rooms that an account is a member of nothing is kept either: the policy of a room says who they are.
    """

    def __init__(
        self,
        store: Store,
        policies: Policies,
        inbox: Inbox,
        address: Callable[[str | None, str], str],
        reports: ReportsFeed,
        gather_s: float = GATHER_S,
    ) -> None:
        """`address` is what an account, by its id, calls a room; `reports` tells the same followers of these."""
        self._store = store
        self._policies = policies
        self._inbox = inbox
        self.address = address
        self.reports = reports
        self._followers: dict[str, list[Follower]] = {}
        self._noted: dict[str, set[str]] = {}  # room to the accounts that have it in their list and are no members
        self._rooms: set[str] = set()  # whose unread messages have changed
        self._pairs: set[tuple[str, str]] = set()  # of an account and a room: what it has read, or is told of
        self._read_to: dict[str, int] = {}  # account to the seq of its log that has been looked at
        self._behind: set[str] = set()  # accounts in whose logs other nodes have written
        self._gathering = Gathering(self._tell_all, gather_s)

    async def join(self, follower: Follower) -> list[Unread]:
        """Tell a follower of every change from now on; what is in its list now. `leave` ends it. Raises Refusal."""
        account = self._inbox.account(follower.actor).id
        self._followers.setdefault(account, []).append(follower)
        self._read_to.setdefault(account, await self._inbox.head(follower.actor))
        rows = await self._inbox.rooms(follower.actor)
        if account in self._followers:
            for row in rows:
                self._note(account, row.room)
        return rows

    def leave(self, follower: Follower) -> None:
        """Tell a follower nothing any more."""
        account = follower.actor.account
        if account is None or follower not in (followers := self._followers.get(account.id, [])):
            return
        followers.remove(follower)
        self.reports.leave(follower)
        if not followers:
            del self._followers[account.id]
            self._read_to.pop(account.id, None)
            for room in [room for room, accounts in self._noted.items() if account.id in accounts]:
                self._forget(account.id, room)

    def _note(self, account: str, room: str) -> None:
        if account not in self._policies.of(room).members:
            self._noted.setdefault(room, set()).add(account)

    def _forget(self, account: str, room: str) -> None:
        accounts = self._noted.get(room, set())
        accounts.discard(account)
        if not accounts:
            self._noted.pop(room, None)

    def committed(self, commits: Sequence[Commit]) -> None:
        """New events: of rooms, or of the logs of followers."""
        if self._followers:
            for room, events in commits:
                if room[0] != ".":
                    self._changed(room)
                elif room != SERVER_LOG:
                    self._own_changed(room[1:], events)

    def redacted(self, room: str, _: Stored) -> None:
        """A message is none any more."""
        if self._followers:
            self._changed(room)

    def trimmed(self, room: str, _: int) -> None:
        """The beginning of a log is gone."""
        if self._followers:
            self._changed(room)

    def head_moved(self, room: str, _: int) -> None:
        """Another node has added something."""
        if room[0] != ".":
            if self._followers:
                self._changed(room)
        elif room[1:] in self._followers:
            self._behind.add(room[1:])
            self._soon()

    def missed(self, follower: Follower, rooms: Collection[str]) -> None:
        """A follower was too slow to be told of these rooms: tell it what is so now."""
        assert follower.actor.account is not None
        self._pairs.update((follower.actor.account.id, room) for room in rooms)
        self._soon()

    def _changed(self, room: str) -> None:
        self._rooms.add(room)
        self._soon()

    def _own_changed(self, account: str, events: Sequence[Stored]) -> None:
        if account not in self._followers:
            return
        for event in events:
            self._read_to[account] = max(event.seq, self._read_to.get(account, 0))
            said = payload_of(event)
            if isinstance(said, NotifyChanged) and said.forgotten:
                self._forget(account, said.of)
            elif isinstance(said, ReadMoved | Mentioned | NotifyChanged):
                self._note(account, said.of)
            else:
                continue
            self._pairs.add((account, said.of))
        self._soon()

    def _soon(self) -> None:
        self._gathering.soon()

    async def _tell_all(self) -> None:
        """Tell of all that has changed."""
        try:
            await self._read_behind()
            pairs = [*self._take()]
            for start in range(0, len(pairs), AT_ONCE):
                for row in await self._store.unread(pairs[start : start + AT_ONCE]):
                    self._tell(row)
        except Refusal as refusal:  # a failing disk: the next change, or the list, says what is so
            log.warning("unread_refused %s", refusal.code)

    def _take(self) -> set[tuple[str, str]]:
        """What is to be counted: each room that has changed, for each follower who has it in the list."""
        rooms, pairs = self._rooms, self._pairs
        self._rooms, self._pairs = set(), set()
        for room in rooms:
            members = self._policies.of(room).members
            pairs.update((account, room) for account in members.keys() & self._followers.keys())
            pairs.update((account, room) for account in self._noted.get(room, ()))
        return pairs

    async def _read_behind(self) -> None:
        """Read what other nodes have added to the logs of followers."""
        behind, self._behind = self._behind, set()
        for account in behind & self._followers.keys():
            self._own_changed(account, await self._store.after(f".{account}", self._read_to.get(account, 0), 100))

    def _tell(self, row: Unread) -> None:
        for follower in list(self._followers.get(row.account, ())):
            if self._policies.may(follower.actor, "read", row.room):
                follower.show_unread(row.room, self.item_of(row))

    def item_of(self, row: Unread) -> RoomUnread:
        """The unread messages of a room as the item that its account is sent."""
        name, level = self.address(row.account, row.room), self._inbox.level(row.room, row.level)
        return RoomUnread(name, row.head_seq, row.read_seq, row.unread, row.mentions, level, row.is_favourite)

    async def close(self) -> None:
        """Tell nobody any more."""
        self._gathering.close()
        self.reports.close()

    def sizes(self) -> dict[str, int]:
        """How many accounts follow their logs, and how many rooms are kept for them."""
        return {"followers_of_own_log": len(self._followers), "noted_rooms": len(self._noted)}
