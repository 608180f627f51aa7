"""The settings of accounts for all their rooms, in memory, and the verb that changes them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Set
from datetime import UTC, datetime

from parlour.chat.own_log import append_own
from parlour.chat.ports import Clock, Store
from parlour.chat.recheck import require_unchanged
from parlour.chat.tables import inbox as table
from parlour.chat.tables.inbox import ALL_INBOX_SETTINGS, SET_INBOX_SETTING
from parlour.chat.time_zones import time_zone
from parlour.chat.transactions import Transaction
from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.inbox_settings import InboxSetting, is_quiet
from parlour.core.payloads import SERVER_LOG, InboxChanged

READ_AGAIN_S = 1.0
"""Until what another node has changed is read: many changes are read at once."""

_log = logging.getLogger("parlour.chat")


class InboxSettings:
    """The settings of all accounts that have some. On the event loop."""

    def __init__(self, store: Store, clock: Clock, read_again_s: float = READ_AGAIN_S) -> None:
        """`load` is to be called before anybody asks."""
        self._store = store
        self._clock = clock
        self._read_again_s = read_again_s
        self._set: dict[str, dict[str, str]] = {}
        self._watched: dict[str, set[str]] = {}
        self.watched: Mapping[str, Set[str]] = self._watched
        """The accounts that watch for a word, by the word; the same object for as long as this lives."""
        self._reading: asyncio.Task[None] | None = None
        self._changes = 0  # of which this node knows; what was read before one of them may be older
        self._is_stale = False  # another node has added something since it was read last

    async def load(self) -> None:
        """Read what is set. Raises Refusal."""
        changes = -1
        rows: list[table.InboxSetting] = []
        while changes != self._changes:
            changes = self._changes
            rows = await self._store.query(ALL_INBOX_SETTINGS())
        self._set = {}
        self._watched.clear()
        for account, name, value in rows:
            self._learn(account, name, value)

    def _learn(self, account: str, name: str, value: str) -> None:
        if name == "keywords":
            for word in self.of(account, "keywords").split():
                self._watched[word].discard(account)
                if not self._watched[word]:
                    del self._watched[word]
            for word in value.split():
                self._watched.setdefault(word, set()).add(account)
        self._set.setdefault(account, {})[name] = value

    def changed(self, account: str, change: InboxChanged) -> None:
        """Learn what an event of the log of an account sets."""
        self._changes += 1
        self._learn(account, change.setting, change.value)

    def head_moved(self, room: str, _: int) -> None:
        """Another node has added something to a log: if it is that of an account, read the settings again soon."""
        if room[0] != "." or room == SERVER_LOG:
            return
        self._is_stale = True
        if self._reading is None or self._reading.done():
            self._reading = asyncio.get_running_loop().create_task(self._read_again())

    async def _read_again(self) -> None:
        while self._is_stale:
            await asyncio.sleep(self._read_again_s)
            self._is_stale = False
            try:
                await self.load()
            except Refusal as refusal:  # the database is away: the next time
                self._is_stale = True
                _log.warning("the settings of inboxes have to wait: %s", refusal)

    def close(self) -> None:
        """Read no more."""
        if self._reading is not None:
            self._reading.cancel()

    def watching(self, words: Iterable[str]) -> set[str]:
        """The accounts that watch for one of these words."""
        return {account for word in self.watched.keys() & words for account in self.watched[word]}

    def of(self, account: str, name: InboxSetting) -> str:
        """A setting of an account; empty if it has none."""
        return self._set.get(account, {}).get(name, "")

    def is_quiet(self, account: Account) -> bool:
        """Whether it is in its quiet hours now, by the clock of its time zone."""
        hours = self.of(account.id, "quiet_hours")
        if not hours:
            return False
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).astimezone(time_zone(account.time_zone))
        return is_quiet(hours, now.hour * 60 + now.minute)

    async def change(self, actor: Actor, account: Account, changes: dict[InboxSetting, str]) -> None:
        """Set some, with values that were checked (`core.inbox_settings`). Raises Refusal."""
        changed = {name: value for name, value in changes.items() if value != self.of(account.id, name)}
        if changed:
            await self._store.run(_change(actor, account, changed))


def _change(actor: Actor, account: Account, changes: dict[InboxSetting, str]) -> Transaction[None]:
    yield from require_unchanged(actor)
    for name, value in changes.items():
        yield from append_own(account, InboxChanged(name, value))
        yield SET_INBOX_SETTING(account.id, name, value)
