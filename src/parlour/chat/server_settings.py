"""The settings of the server: what is in force, and the verb that changes it while the server runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from parlour.chat.identities import Identities
from parlour.chat.policies import Policies
from parlour.chat.ports import Store
from parlour.chat.recheck import require_unchanged
from parlour.chat.server_log import append_to_log, by
from parlour.chat.tables.accounts import OWNERS
from parlour.chat.tables.server_settings import SET_SETTING, SETTING, SETTINGS, SettingRow, server_access
from parlour.chat.transactions import Transaction
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.event import Appended, at_ms
from parlour.core.payloads import SERVER_LOG, ServerChanged
from parlour.core.policy import ServerAccess
from parlour.core.server_settings import ServerSettings, check_setting
from parlour.core.sign_outs import FACTOR_DEMANDED

_NO_OWNER = "Nobody could sign in: this server has no owner yet. `parlour admin owner` prints a link that makes one."


RAID_SLOW_S = 10
"""Slow mode in all rooms during a raid, in seconds."""


_NO_FACTOR = "Set up a second factor of your own first: with this setting you could do nothing else here until then."


class LiveSettings:
    """The settings in force. All methods are called on the event loop."""

    def __init__(self, store: Store, policies: Policies, identities: Identities) -> None:
        """`access` is that of the policies while nobody has set it. `load` is to be called before anybody asks."""
        self._store = store
        self._policies = policies
        self._identities = identities
        self.now = ServerSettings(access=policies.server)
        """The settings with their present values."""
        self.set_at: dict[str, int] = {}
        """The settings that somebody has set, each with the seq of the event in the log of the server."""
        self.on_raid: Callable[[bool, int], None] = _nobody
        """Called with whether the server is being raided, and when that was set, whenever a setting is learnt."""
        self.on_access: Callable[[], None] = _nothing
        """Called when the access of the server has become another one, in the turn of the loop that learns of it."""

    async def load(self) -> None:
        """Read what has been set. Raises Refusal."""
        rows = await self._store.query(SETTINGS())
        for row in rows:
            is_raid = (row.name, row.value) == ("raid", "on")
            self._learn(row.seq, row.name, row.value, await self._time_of(row.seq) if is_raid else 0)
        access = server_access(rows)
        if access.seq:
            self._policies.set_access(access)

    async def _time_of(self, seq: int) -> int:
        """When the event `seq` of the log of the server happened; where it is not kept, when the oldest did that is."""
        log = await self._store.log(SERVER_LOG)
        found = await self._store.after(SERVER_LOG, max(seq, log.first_seq) - 1, 1)
        return at_ms(found[0].json) if found else 0

    def changed(self, seq: int, payload: ServerChanged, at_ms: int) -> None:
        """Learn what the event `seq` of the log of the server says, of that time; an older one says nothing new."""
        if seq <= self.set_at.get(payload.setting, 0):
            return
        self._learn(seq, payload.setting, payload.value, at_ms)
        if payload.setting == "access":
            before = self._policies.server
            self._policies.set_access(ServerAccess().after(seq, payload))
            if self._policies.server != before:
                self.on_access()
        elif payload.setting == "second_factor":
            lacks = self._policies.demands_factor
            self._identities.end_open(lambda account: not account.factors and lacks(account), FACTOR_DEMANDED)

    def _learn(self, seq: int, name: str, value: str, at_ms: int) -> None:
        if name in ServerSettings._fields:  # others are those of a newer version
            self.now = self.now._replace(**{name: value})  # type: ignore[arg-type]  # checked when it was set
            self.set_at[name] = seq
            self._policies.second_factor = self.now.second_factor
            self._policies.set_rules(self.now.rooms, RAID_SLOW_S if self.now.raid == "on" else 0)
            self.on_raid(self.now.raid == "on", at_ms)

    async def change(self, actor: Actor, values: Mapping[str, str]) -> ServerSettings:
        """Set settings; all of them, or none if one is refused. Everything holds from the commit on.

        Raises Refusal("bad_parameter") for a setting or value that there is not, and for closing a server without an
        owner; ("forbidden"), ("reauthentication_required").
        """
        self._policies.require(actor, "administer", None)
        self._identities.require_recent(actor)
        for name, value in values.items():
            check_setting(name, value)
        await self._store.run(set_settings(actor, values))
        return self.now

    async def set_raid(self, actor: Actor, is_on: bool) -> None:
        """Say that the server is being raided, or not any more: for moderators too, and without a password.

        Raises Refusal.
        """
        self._policies.require(actor, "order", None)
        await self._store.run(set_settings(actor, {"raid": "on" if is_on else "off"}))


def set_settings(actor: Actor, values: Mapping[str, str]) -> Transaction[None]:
    """Set what is not set like that already. Raises Refusal as `LiveSettings.change` does."""
    yield from require_unchanged(actor)
    for name, value in values.items():
        rows: list[SettingRow] = yield SETTING(name)
        if rows and rows[0].value == value:
            continue
        if (name, value) == ("access", "members") and not (yield OWNERS()):
            raise Refusal("bad_parameter", _NO_OWNER, field=name)
        if name == "second_factor" and value != "nobody" and actor.account is not None and not actor.account.factors:
            raise Refusal("bad_parameter", _NO_FACTOR, field=name)
        stored: Appended = yield append_to_log(by(actor), ServerChanged(name, value))
        yield SET_SETTING(name, value, stored.seq)


def _nobody(is_on: bool, at_ms: int) -> None:
    """Nobody was told."""


def _nothing() -> None:
    """Nobody was told."""
