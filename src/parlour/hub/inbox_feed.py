"""Tells those who follow their own log what is unread in the rooms of their list: so these need not be open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from parlour.chat.inbox import Inbox
from parlour.chat.policies import Policies
from parlour.chat.ports import Commit, Store, Unread
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.event import Stored
from parlour.core.payloads import SERVER_LOG, Mentioned, NotifyChanged, ReadMoved
from parlour.schema.event_json import payload_of
from parlour.schema.events import ReportsWaiting, RoomUnread

log = logging.getLogger("parlour.hub")

GATHER_S = 0.3
"""Between two looks at what has changed: a busy room is told of three times a second, and a thousand together."""

AT_ONCE = 500
"""Pairs of an account and a room that one look counts: some milliseconds of a thread that reads."""


REPORTS = ""
"""In the place of a room: how many reports wait for somebody."""


class Follower(Protocol):
    """A session that follows the log of its account."""

    actor: Actor
    is_paused: bool

    def show_unread(self, room: str, item: RoomUnread | ReportsWaiting) -> None:
        """Write what is unread in a room, which the item calls as the peer does; or, of `REPORTS`, how many wait."""


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
        reports: Callable[[Actor], int] = lambda _: 0,
        gather_s: float = GATHER_S,
    ) -> None:
        """`address` is what an account, by its id, calls a room; `reports` how many reports wait for somebody."""
        self._store = store
        self._policies = policies
        self._inbox = inbox
        self.address = address
        self._reports = reports
        self._waiting: dict[Follower, int] = {}  # reports, as they were told last; none for whom none wait
        self._gather_s = gather_s
        self._followers: dict[str, list[Follower]] = {}
        self._noted: dict[str, set[str]] = {}  # room to the accounts that have it in their list and are no members
        self._rooms: set[str] = set()  # whose unread messages have changed
        self._pairs: set[tuple[str, str]] = set()  # of an account and a room: what it has read, or is told of
        self._read_to: dict[str, int] = {}  # account to the seq of its log that has been looked at
        self._behind: set[str] = set()  # accounts in whose logs other nodes have written
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

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
        self._waiting.pop(follower, None)
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

    def missed(self, follower: Follower, rooms: Iterable[str]) -> None:
        """A follower was too slow to be told of these rooms: tell it what is so now."""
        assert follower.actor.account is not None
        if REPORTS in rooms:
            count = self._waiting[follower] = self._reports(follower.actor)
            follower.show_unread(REPORTS, ReportsWaiting(count))
        self._pairs.update((follower.actor.account.id, room) for room in rooms if room != REPORTS)
        self._soon()

    def reports_changed(self) -> None:
        """A report was made, closed or opened again."""
        for followers in list(self._followers.values()):
            for follower in list(followers):
                self.tell_reports(follower)

    def tell_reports(self, follower: Follower) -> None:
        """Tell a follower how many reports wait, where that is another number; at first, if there are any."""
        count = self._reports(follower.actor)
        if count != self._waiting.get(follower, 0):
            self._waiting[follower] = count
            follower.show_unread(REPORTS, ReportsWaiting(count))

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
        if self._timer is None and self._task is None:
            self._timer = asyncio.get_running_loop().call_later(self._gather_s / 10, self._look)

    def _look(self) -> None:
        self._timer = None
        self._task = asyncio.get_running_loop().create_task(self._tell_all())

    async def _tell_all(self) -> None:
        """Tell of all that has changed; then of what changes meanwhile, after a pause."""
        try:
            await self._read_behind()
            pairs = [*self._take()]
            for start in range(0, len(pairs), AT_ONCE):
                for row in await self._store.unread(pairs[start : start + AT_ONCE]):
                    self._tell(row)
        except Refusal as refusal:  # a failing disk: the next change, or the list, says what is so
            log.warning("unread_refused %s", refusal.code)
        finally:
            self._task = None
        if self._rooms or self._pairs or self._behind:
            self._timer = asyncio.get_running_loop().call_later(self._gather_s, self._look)

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
        """What is unread in a room, as its account sees it."""
        name, level = self.address(row.account, row.room), self._inbox.level(row.room, row.level)
        return RoomUnread(name, row.head_seq, row.read_seq, row.unread, row.mentions, level, row.is_favourite)

    async def close(self) -> None:
        """Tell nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def sizes(self) -> dict[str, int]:
        """How many accounts follow their logs, and how many rooms are kept for them."""
        return {"followers_of_own_log": len(self._followers), "noted_rooms": len(self._noted)}
