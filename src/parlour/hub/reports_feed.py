"""Tells those who follow their own log how many reports they may look at, when that has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Set
from typing import Protocol

from parlour.chat.open_reports import OpenReports
from parlour.core.actor import Actor
from parlour.hub.gathering import GATHER_S, Gathering

AT_ONCE = 16
"""Followers for whom the reports are counted in one turn of the loop: 2 ms each for who moderates a thousand rooms."""

UNKNOWN = -1
"""In place of the number that a follower was told: it has missed one."""


class Follower(Protocol):
    """A session that follows the log of its account."""

    actor: Actor

    def show_reports(self, count: int) -> None:
        """Write how many reports wait."""


class ReportsFeed:
    """The followers, by their accounts, with the numbers that they were told. On the event loop.

    Asked are only those who moderate a room whose reports have changed, or the server, and whose role has changed: a
    report of a guest costs next to nothing where thousands have a page open.
    """

    def __init__(
        self, reports: OpenReports, current: Callable[[Actor], Actor] = lambda actor: actor, gather_s: float = GATHER_S
    ) -> None:
        """`current` gives an actor with the role that the account has now."""
        self._reports = reports
        self._current = current
        self._told: dict[str, dict[Follower, int]] = {}
        self._rooms: set[str] = set()  # whose reports have changed
        self._accounts: set[str] = set()  # whose rights may have
        self._gathering = Gathering(self._tell_all, gather_s)
        reports.on_change = self._changed
        reports.on_rights = self._rights_changed

    def join(self, follower: Follower) -> None:
        """Tell a follower, who is signed in, how many wait if any do; and whenever that changes. `leave` ends it."""
        assert follower.actor.account is not None
        self._told.setdefault(follower.actor.account.id, {})[follower] = 0
        self._tell(follower)

    def leave(self, follower: Follower) -> None:
        """Tell a follower nothing any more."""
        account = follower.actor.account
        if account is not None and (told := self._told.get(account.id)) is not None:
            told.pop(follower, None)
            if not told:
                del self._told[account.id]

    def missed(self, follower: Follower) -> None:
        """A follower was too slow to be told: tell it how many there are now."""
        account = follower.actor.account
        if account is not None and follower in (told := self._told.get(account.id, {})):
            told[follower] = UNKNOWN
            self._tell(follower)

    def _changed(self, room: str) -> None:
        if self._told:
            self._rooms.add(room)
            self._gathering.soon()

    def _rights_changed(self, accounts: Set[str] | None) -> None:
        concerned = self._told.keys() if accounts is None else self._told.keys() & accounts
        if concerned:
            self._accounts |= concerned
            self._gathering.soon()

    async def _tell_all(self) -> None:
        rooms, asked = self._rooms, self._accounts
        self._rooms, self._accounts = set(), set()
        for room in rooms:
            asked |= self._reports.moderators(room, self._told.keys())
        followers = [(account, follower) for account in asked for follower in self._told.get(account, ())]
        for number, (account, follower) in enumerate(followers):
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
            if follower in self._told.get(account, ()):
                self._tell(follower)

    def _tell(self, follower: Follower) -> None:
        assert follower.actor.account is not None
        told, count = self._told[follower.actor.account.id], self._reports.count(self._current(follower.actor))
        if count != told[follower]:
            told[follower] = count
            follower.show_reports(count)

    def close(self) -> None:
        """Tell nobody any more."""
        self._gathering.close()
