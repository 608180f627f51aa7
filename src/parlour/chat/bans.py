"""Bans of accounts, addresses and guests from the whole server, and accounts that wait for approval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from parlour.chat.guest_marks import GuestMarks
from parlour.chat.identities import Identities
from parlour.chat.policies import Policies
from parlour.chat.ports import Clock, Ids, Store
from parlour.chat.recheck import require_unchanged
from parlour.chat.server_log import append_to_log, by
from parlour.chat.tables.accounts import ACCOUNT
from parlour.chat.tables.bans import ADD_BAN, BAN, BANS, DROP_BAN, DROP_OTHER_BANS, DROP_OVER, Ban, BanKind
from parlour.chat.transactions import Transaction
from parlour.core.accounts import Account
from parlour.core.actor import Actor, came_ms
from parlour.core.durations import MINUTE_MS
from parlour.core.errors import Refusal
from parlour.core.event import Author
from parlour.core.names import line
from parlour.core.payloads import BanChanged, Payload
from parlour.core.permissions import Right
from parlour.core.policy import MAX_MINUTES, Restriction, end_in_words
from parlour.core.ranges import Ranges, address_range

MAX_BANS = 5000
"""Of all kinds but `waiting`: how many accounts wait is not for moderators to say."""

MAX_REASON_CHARS = 300

_SALT = "server"
"""Of the digests of guests: a room has one of its own."""

_WAITING = "Your account waits for somebody who runs this server to approve it."
_NO_NEW_GUESTS = "This server takes no new guests at the moment: sign in, or come back later."


class Bans:
    """All bans, in memory as in the table. All methods are called on the event loop, but `kept_out` on any thread."""

    def __init__(
        self, store: Store, clock: Clock, ids: Ids, policies: Policies, identities: Identities, marks: GuestMarks
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._policies = policies
        self._identities = identities
        self._marks = marks
        self._bans: dict[str, Ban] = {}
        self._accounts: Mapping[str, Sequence[Ban]] = {}  # one can be banned while it waits
        self._addresses: Ranges[Ban] = Ranges()
        self._guests: Mapping[str, Sequence[Ban]] = {}
        self._marked: Mapping[str, Sequence[Ban]] = {}  # by the digests of the guest and the address
        self._unmarked: Sequence[Ban] = ()  # of guests whom nobody remembered
        self._raid_since_ms: int | None = None
        self.on_change: Callable[[], None] = _nothing
        """Called when somebody more is kept out, in the turn of the loop that learns of it."""

    async def load(self) -> None:
        """Read all. Raises Refusal."""
        self._bans = {ban.id: ban for ban in await self._store.query(BANS())}
        self._index()

    def changed(self, payload: Payload) -> None:
        """Learn what an event of the server's log says."""
        if not isinstance(payload, BanChanged):
            return
        self._bans.pop(payload.ban, None)
        if payload.what == "made":
            self._bans[payload.ban] = Ban(
                payload.ban, payload.kind, payload.subject, payload.name, payload.reason, payload.until_ms,
                payload.made_ms, payload.made_by, payload.mark, payload.address, payload.since_ms,
            )  # fmt: skip
        self._index()
        if payload.what == "made":
            self.on_change()

    def set_raid(self, is_on: bool, at_ms: int) -> None:
        """Take no guests who are new since a time, in milliseconds since 1970, or take them again."""
        was_on = self._raid_since_ms is not None
        if is_on is not was_on:
            self._raid_since_ms = at_ms if is_on else None
            self._index()
            if is_on:
                self.on_change()

    def _index(self) -> None:
        every = self._bans.values()
        guests = [ban for ban in every if ban.kind == "guest"]
        self._accounts = _by_key((ban.subject, ban) for ban in every if ban.kind in ("account", "waiting"))
        self._addresses = Ranges((ban.subject, ban) for ban in every if ban.kind == "address")
        self._guests = _by_key((ban.subject, ban) for ban in guests)
        self._marked = _by_key((key, ban) for ban in guests for key in (ban.mark, ban.address) if key is not None)
        self._unmarked = [ban for ban in guests if ban.mark is None]
        is_needed = bool(self._bans) or self._raid_since_ms is not None
        self._policies.set_gate(self.kept_out if is_needed else None)

    def kept_out(self, actor: Actor, right: Right) -> Refusal | None:
        """Why an actor may do nothing of a right on the whole server; None if nothing keeps it out."""
        account = actor.account
        if account is not None:
            if right == "account" or account.has_role("admin"):  # who is banned can see that, sign out, and go
                return None
            of_owner = () if account.owner is None else self._accounts.get(account.owner, ())
            return self._refusal([*self._accounts.get(account.id, ()), *of_owner])
        if actor.guest_pass is not None:
            return self._refusal([*self._guests.get(actor.guest_pass.id, ()), *self._bans_of(actor.browser)])
        if actor.kind != "guest" or actor.credential not in ("cookie", "address"):
            return None
        since_ms, came = self._raid_since_ms, came_ms(actor)
        if since_ms is not None and (came is None or came > since_ms):
            return Refusal("no_new_guests", _NO_NEW_GUESTS)
        found = [] if actor.address is None else self._addresses.of(actor.address)
        if actor.removed_pass is not None:
            found += self._guests.get(actor.removed_pass.id, ())
            found += self._bans_of(actor.browser)
        found += [ban for ban in self._could_mean(actor) if self._means(ban, actor)]
        return self._refusal(found)

    def _bans_of(self, browser: str | None) -> Sequence[Ban]:
        """The bans of who has a pass now, from when the same browser asked without it."""
        if browser is None or not self._guests:
            return ()
        return self._marked.get(self._marks.of(_SALT, browser, None)[0], ())

    def _could_mean(self, actor: Actor) -> Sequence[Ban]:
        """The bans of guests that have something of an actor, so that not every one is compared with everybody."""
        if not self._guests:
            return ()
        mark, address = self._marks.of(_SALT, self._marks.own(actor.id), actor.address)
        of_address = () if address is None else self._marked.get(address, ())
        return [*self._unmarked, *self._marked.get(mark, ()), *of_address]

    def _means(self, ban: Ban, actor: Actor) -> bool:
        return self._marks.means(_as_restriction(ban), ban.subject, _SALT, actor)

    def is_kept_out(self, account: Account) -> bool:
        """Whether an account is banned, or waits to be let in."""
        return self._refusal(self._accounts.get(account.id, ())) is not None

    def address_kept_out(self, address: str) -> Refusal | None:
        """Why nobody makes an account from an address; None if it is not banned."""
        return self._refusal(self._addresses.of(address))

    def _refusal(self, found: Sequence[Ban]) -> Refusal | None:
        now_ms = self._clock.now_ms() if found else 0
        for ban in found:
            if ban.until_ms is None or ban.until_ms > now_ms:
                return _refusal_of(ban)
        return None

    def all(self, actor: Actor) -> Sequence[Ban]:
        """Those in force, the newest first, for who may see that. Raises Refusal."""
        self._policies.require(actor, "order", None)
        now_ms = self._clock.now_ms()
        may_all = self._policies.may_everywhere(actor, "administer")
        return [
            ban
            for ban in reversed(self._bans.values())
            if (ban.until_ms is None or ban.until_ms > now_ms) and (may_all or ban.kind in ("address", "guest"))
        ]

    async def ban_account(self, actor: Actor, account: Account, reason: str, minutes: int | None) -> Ban:
        """Keep an account out, with its bots: it can sign in, and see that. Raises Refusal("forbidden"), …"""
        self._policies.require(actor, "administer", None)
        if actor.account is not None and actor.account.id == account.id:
            raise Refusal("bad_parameter", "This is you.", field="account")
        return await self._make(actor, Ban("", "account", account.id, "", reason, None, 0, ""), minutes)

    async def ban_address(self, actor: Actor, address: str, reason: str, minutes: int | None) -> Ban:
        """Keep guests of an address or range out, and let nobody make an account from there. Raises Refusal."""
        self._policies.require(actor, "order", None)
        range_ = address_range(address)
        return await self._make(actor, Ban("", "address", range_, "", reason, None, 0, ""), minutes)

    async def ban_guest(self, actor: Actor, whom: Author, reason: str, minutes: int | None, *, newcomers: bool) -> Ban:
        """Keep a guest out of all rooms, and with `newcomers` later guests of the same address. Raises Refusal."""
        self._policies.require(actor, "order", None)
        if whom.kind != "guest":
            raise Refusal("bad_parameter", "This was written by no guest: ban the account.", field="seq")
        guest = self._marks.latest.get(whom.id)
        mark, address = (None, None) if guest is None else self._marks.marks_of_writer(_SALT, guest)
        since_ms = self._clock.now_ms() if newcomers and address is not None else None
        ban = Ban("", "guest", whom.id, whom.name, reason, None, 0, "", mark, address if newcomers else None, since_ms)
        return await self._make(actor, ban, minutes)

    async def _make(self, actor: Actor, ban: Ban, minutes: int | None) -> Ban:
        if minutes is not None and not 1 <= minutes <= MAX_MINUTES:
            raise Refusal("bad_parameter", f"minutes is from 1 to {MAX_MINUTES}.", field="minutes")
        now_ms = self._clock.now_ms()
        made = ban._replace(
            id=f"n_{self._ids.token()}",
            reason=line(ban.reason, MAX_REASON_CHARS, "reason"),
            until_ms=None if minutes is None else now_ms + minutes * MINUTE_MS,
            made_ms=now_ms,
            made_by=by(actor).id,
        )
        await self._store.run(_make(actor, made))
        return made

    async def lift(self, actor: Actor, id_: str) -> None:
        """Let somebody in again, or approve an account. Raises Refusal("not_found"), …"""
        self._policies.require(actor, "order", None)
        ban = self._bans.get(id_)
        if ban is None:
            rows = await self._store.query(BAN(id_))
            ban = rows[0] if rows else None
        if ban is None:
            raise Refusal("not_found", "There is no such ban.")
        if ban.kind in ("account", "waiting"):
            self._policies.require(actor, "administer", None)
        await self._store.run(_lift(actor, ban))

    def __len__(self) -> int:
        return len(self._bans)


def wait_for_approval(account: Account, id_: str, now_ms: int) -> Transaction[None]:
    """The step of who makes an account where that has to be approved."""
    waiting = Ban(id_, "waiting", account.id, "", "", None, now_ms, account.id)
    yield from _add(Author(account.id, account.display, "member"), waiting)


def _make(actor: Actor, ban: Ban) -> Transaction[None]:
    yield from require_unchanged(actor)
    if ban.kind == "account":
        accounts: list[Account] = yield ACCOUNT(ban.subject)
        if not accounts or accounts[0].state == "deleted":
            raise Refusal("not_found", "There is no such account.")
        if accounts[0].has_role("admin"):
            raise Refusal("forbidden", f"{accounts[0].display} runs this server: give them another role first.")
    yield DROP_OVER(ban.made_ms)
    every: list[Ban] = yield BANS()
    if sum(each.kind != "waiting" for each in every) >= MAX_BANS:
        raise Refusal("forbidden", f"There are {MAX_BANS} bans, and no more can be made: lift some first.")
    ended: list[str] = yield DROP_OTHER_BANS(ban.kind, ban.subject)
    for id_ in ended:
        yield append_to_log(by(actor), BanChanged("lifted", id_, ban.kind, ban.subject, ban.name))
    yield from _add(by(actor), ban)


def _add(author: Author, ban: Ban) -> Transaction[None]:
    yield ADD_BAN(*ban)
    made = BanChanged(
        "made", ban.id, ban.kind, ban.subject, ban.name, ban.reason, ban.until_ms, ban.made_ms, ban.made_by,
        ban.mark, ban.address, ban.since_ms,
    )  # fmt: skip
    yield append_to_log(author, made)


def end_bans_of(author: Author, account: str) -> Transaction[None]:
    """End the bans of an account that is deleted: they keep nobody out any more."""
    kinds: tuple[BanKind, ...] = ("account", "waiting")
    for kind in kinds:
        ended: list[str] = yield DROP_OTHER_BANS(kind, account)
        for id_ in ended:
            yield append_to_log(author, BanChanged("lifted", id_, kind, account, ""))


def _lift(actor: Actor, ban: Ban) -> Transaction[None]:
    yield from require_unchanged(actor)
    found: list[Ban] = yield BAN(ban.id)
    if found:  # else somebody else was faster
        yield DROP_BAN(ban.id)
        yield append_to_log(by(actor), BanChanged("lifted", ban.id, ban.kind, ban.subject, ban.name))


def _refusal_of(ban: Ban) -> Refusal:
    if ban.kind == "waiting":
        return Refusal("waiting", _WAITING)
    who = "Your address may" if ban.kind == "address" else "You may"
    until = "somebody lifts this" if ban.until_ms is None else end_in_words(ban.until_ms)
    refusal = Refusal("banned", f"{who} not use this server until {until}{f': {ban.reason}' if ban.reason else '.'}")
    refusal.is_everywhere = True
    return refusal


def _by_key(bans: Iterable[tuple[str, Ban]]) -> Mapping[str, Sequence[Ban]]:
    found = defaultdict(list)
    for key, ban in bans:
        found[key].append(ban)
    return dict(found)


def _as_restriction(ban: Ban) -> Restriction:
    return Restriction("banned", ban.until_ms, ban.name, ban.mark, ban.address, ban.since_ms)


def _nothing() -> None:
    """Nobody was told."""
