"""The verbs of passes: guests come in by a link under a name, and hosts let them in, rename and remove them."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode
from collections.abc import Callable
from typing import NamedTuple

from parlour.chat.guest_links import link_now
from parlour.chat.guest_marks import GuestMarks
from parlour.chat.guests import author_of_pass
from parlour.chat.members import require_open_to_new_members
from parlour.chat.policies import Policies
from parlour.chat.ports import Clock, Ids, Store
from parlour.chat.room_steps import allowed_policy
from parlour.chat.server_log import append_to_log, by
from parlour.chat.tables.guest_links import GUEST_LINK, GuestLink
from parlour.chat.tables.passes import (
    ADD_PASS,
    COUNT_PASSES,
    COUNT_WAITING_INTO,
    END_PASS,
    LET_PASS_IN,
    PASS_BY_ID,
    PASSES_FROM,
    PASSES_OF,
    REMOVE_PASS,
    SET_PASS_NAME,
    WAITING_NAMES,
    PassRow,
)
from parlour.chat.transactions import Append, FindLog, Transaction
from parlour.core.accounts import likenesses
from parlour.core.actor import Actor
from parlour.core.addresses import AddressBuckets, site_of
from parlour.core.durations import MINUTE_MS
from parlour.core.errors import Refusal
from parlour.core.event import Author, Draft, Log
from parlour.core.guest_links import GuestPass, PassState
from parlour.core.limits import Limits
from parlour.core.names import display_name
from parlour.core.payloads import GuestChanged, PassChanged
from parlour.core.permissions import Rule
from parlour.core.policy import Policy
from parlour.core.secret import digest

TAKEN = "Somebody here is called that, or almost: choose another name."
LINK_ENDED = "This link does not work: it was ended, its time is over, or there is a typing error in it."


class NewPass(NamedTuple):
    """A pass, the secret that its guest asks with, which is shown once, and the link by which they came."""

    guest: GuestPass
    secret: str
    link: GuestLink


class PassRates:
    """How fast guests come in, and how often codes may be wrong, for each address: a class has one address."""

    def __init__(self, limits: Limits) -> None:
        self._passes = AddressBuckets(limits.address_guests_per_s, limits.address_guests_burst)
        self._wrong = AddressBuckets(limits.address_wrong_codes_per_s, limits.address_wrong_codes_burst)

    def take(self, address: str, now: float) -> None:
        """Count a guest. Raises Refusal("rate_limited")."""
        if (wait := self._passes.take(address, now)) > 0.0:
            raise Refusal(
                "rate_limited", "From your address guests come in faster than the rate allows.", retry_after=wait
            )

    def check_codes(self, address: str, now: float) -> None:
        """Raises Refusal("rate_limited") for an address that has tried too many codes that there are not."""
        if (wait := self._wrong.wait(address, now)) > 0.0:
            raise Refusal("rate_limited", "Too many links were wrong that came from your address.", retry_after=wait)

    def wrong_code(self, address: str, now: float) -> None:
        """Count a code that there is not."""
        self._wrong.spend(address, now)

    def __len__(self) -> int:
        return len(self._passes) + len(self._wrong)


class Passes:
    """Makes passes and changes them. Everything is on disk when it returns."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        policies: Policies,
        is_taken: Callable[[str], bool],
        marks: GuestMarks,
        rates: PassRates | None = None,
    ) -> None:
        """`is_taken` says whether a name is, or looks like, that of an account; `rates` None limits nobody."""
        self._store = store
        self._clock = clock
        self._ids = ids
        self._policies = policies
        self._is_taken = is_taken
        self._marks = marks
        self._rates = rates

    async def link(self, code: str | None, address: str) -> GuestLink:
        """The link of a code (`core.guest_links.link_code`), which this uses up nothing of.

        Raises Refusal("link_gone"), ("rate_limited") for an address that has tried too many others.
        """
        now = self._clock.monotonic()
        if self._rates is not None:
            self._rates.check_codes(address, now)
        rows = [] if code is None else await self._store.query(GUEST_LINK(code, self._clock.now_ms()))
        if not rows:
            if self._rates is not None:
                self._rates.wrong_code(address, now)
            raise Refusal("link_gone", LINK_ENDED)
        return rows[0]

    async def come_in(self, actor: Actor, code: str | None, name: str, address: str) -> NewPass:
        """Come into the rooms of a link under a name; or wait for the host to be let in, if the link says so.

        Raises Refusal("link_gone"), ("bad_name"), ("reserved_name"), ("name_taken"), ("forbidden") where as many are
        there as may be, ("read_only") for an archived room, ("rate_limited"), ("banned") for a browser that is banned.
        """
        link = await self.link(code, address)
        if actor.account is not None:
            detail = f"You are signed in as {actor.account.display}: this link is for guests, who have no account."
            raise Refusal("forbidden", detail)
        if actor.removed_pass is not None and actor.removed_pass.keeps_out_of(link.rooms):
            raise Refusal("forbidden", "The host has removed you: ask them to let you back in.")
        if actor.guest_pass is not None and actor.guest_pass.link == link.id:
            raise Refusal("forbidden", f"You are here already, as {actor.guest_pass.name}.")
        refusal = self._policies.refused_newcomer(address)
        browser = actor._replace(address=None)  # by its cookie alone: others of the address may be a whole class
        for room in link.rooms:
            refusal = refusal or self._policies.refused_guest(browser, room)
        if refusal is not None:
            raise refusal
        name = self._checked(name)
        if self._rates is not None:
            self._rates.take(address, self._clock.monotonic())
        secret, random = self._ids.secret(), self._ids.secret()
        id_ = "g_" + b32encode(hashlib.sha256(random.encode()).digest()[:10]).decode().lower()
        row = PassRow(
            id_, link.id, name, "in", self._hashed(address), self._clock.now_ms(), 0, 1, self._known_by(actor)
        )
        is_held = any(self._policies.refused_guest(actor, room) for room in link.rooms)
        made = await self._store.run(self._come_in(link.code, digest(secret), row, is_held=is_held))
        return NewPass(made, secret, link)

    async def leave(self, guest: GuestPass) -> bool:
        """Leave the rooms for good, and say whether the pass has ended with that.

        That of somebody who was removed stays: it keeps its browser out. So does that of who is banned, as if they had
        been removed: else others of their address would not wait.
        """
        return await self._store.run(self._leave(guest.id))

    async def all(self, link: GuestLink) -> list[PassRow]:
        """The passes that were made by a link, the oldest first."""
        return await self._store.query(PASSES_OF(link.id))

    async def count_waiting(self, room: str) -> int:
        """How many wait to be let into a room."""
        counts = await self._store.query(COUNT_WAITING_INTO(room, self._clock.now_ms()))
        return counts[0]

    async def let_in(self, actor: Actor, room: str, id_: str) -> GuestPass:
        """Let somebody in who waits, or was removed. Raises Refusal("name_taken") if somebody has the name by now."""
        return await self._run(actor, room, id_, self._let_in)

    async def remove(self, actor: Actor, room: str, id_: str) -> GuestPass:
        """Take somebody out of all rooms of their link, or refuse one who waits; others of their address may wait."""
        return await self._run(actor, room, id_, self._remove)

    async def rename(self, actor: Actor, room: str, id_: str, name: str) -> GuestPass:
        """Give a guest another name. Raises Refusal("name_taken"), ("bad_name"), …"""
        name = self._checked(name)

        def rename(author: Author, link: GuestLink, row: PassRow) -> Transaction[GuestPass]:
            return self._rename(author, link, row, name)

        return await self._run(actor, room, id_, rename)

    async def _run(
        self,
        actor: Actor,
        room: str,
        id_: str,
        change: Callable[[Author, GuestLink, PassRow], Transaction[GuestPass]],
    ) -> GuestPass:
        """Have a moderator of the room change a pass that opens it. Raises Refusal("not_found"), ("forbidden"), …"""
        self._policies.require(actor, "moderate", room)
        rule = self._policies.rule(actor, "moderate")
        return await self._store.run(_changed(actor, room, id_, rule, change))

    def _checked(self, name: str) -> str:
        """A name as it is shown. Raises Refusal for one that can be none, or is that of a member."""
        name = display_name(name)
        if self._is_taken(name):
            raise Refusal("name_taken", TAKEN, field="name")
        return name

    def _known_by(self, actor: Actor) -> str:
        """By what a browser is known that comes in by a link; empty for one without the cookie of a guest."""
        return actor.browser or (self._marks.own(actor.id) if actor.credential == "cookie" else "")

    def _hashed(self, address: str) -> str:
        """What is kept of an address: enough to know it again. Of IPv6 the whole site counts as one."""
        key = site_of(address) or address
        return hmac.digest(self._store.secret, f"address of a guest\0{key}".encode(), hashlib.sha256).hex()[:32]

    def _come_in(self, code: str, hashed: str, row: PassRow, *, is_held: bool) -> Transaction[GuestPass]:
        """`is_held`: somebody without a pass is banned from one of the rooms with those of that address."""
        links: list[GuestLink] = yield GUEST_LINK(code, row.made_ms)
        if not links:
            raise Refusal("link_gone", LINK_ENDED)
        link = links[0]
        counts: list[int] = yield COUNT_PASSES(link.id)
        if counts[0] >= link.people:
            full = "one person, and somebody is" if link.people == 1 else f"{link.people} people, and as many are"
            raise Refusal("forbidden", f"This link is for {full} here: ask the host.")
        wait_ms = link.wait_minutes * MINUTE_MS if is_held else (yield from self._wait_ms(link, row))
        if wait_ms > 0 and link.newcomers == "wait_after_removal":
            raise Refusal(
                "rate_limited",
                "The host has removed somebody from your network: try later.",
                retry_after=wait_ms / 1000,
            )
        waits = link.newcomers == "ask" or (wait_ms > 0 and link.newcomers == "ask_after_removal")
        state: PassState = "waiting" if waits else "in"
        guest = row.guest._replace(state=state, was_in=not waits)
        yield from _require_free(link, guest)
        yield ADD_PASS(hashed, row.id, row.link, row.name, state, row.address, row.made_ms, int(not waits), row.browser)
        author = author_of_pass(guest)
        yield append_to_log(author, PassChanged("made", guest.id, guest.link, guest.name, state))
        if state == "in":
            yield from _enter(author, link, guest)
        return guest

    def _wait_ms(self, link: GuestLink, row: PassRow) -> Transaction[int]:
        """For how long somebody waits because of others from the same address: one was removed, or is banned."""
        others: list[PassRow] = yield PASSES_FROM(link.id, row.address)
        removed_ms = max((other.removed_ms for other in others), default=0)
        if others:
            for room in link.rooms:
                log: Log = yield FindLog(room)
                if any(is_held(log.policy, other.id, row.made_ms) for other in others):
                    removed_ms = row.made_ms
        return removed_ms + link.wait_minutes * MINUTE_MS - row.made_ms if removed_ms else 0

    def _leave(self, id_: str) -> Transaction[bool]:
        rows: list[PassRow] = yield PASS_BY_ID(id_)
        if not rows or rows[0].state == "removed":
            return not rows
        guest = rows[0].guest
        author = author_of_pass(guest)
        link = yield from link_now(guest.link)
        now_ms, is_kept = self._clock.now_ms(), False
        for room in link.rooms:
            log: Log = yield FindLog(room)
            is_kept = is_kept or is_held(log.policy, id_, now_ms)
        yield from _out(author, link, guest, GuestChanged("left", guest.id, guest.name))
        if is_kept:
            yield REMOVE_PASS(id_, now_ms)
            yield append_to_log(author, PassChanged("removed", id_, guest.link, guest.name, "removed"))
            return False
        yield END_PASS(id_)
        yield append_to_log(author, PassChanged("left", id_, guest.link, guest.name, guest.state))
        return True

    def _let_in(self, author: Author, link: GuestLink, row: PassRow) -> Transaction[GuestPass]:
        if row.state == "in":
            return row.guest
        guest = row.guest._replace(state="in", was_in=True)
        yield from _require_free(link, guest)
        yield LET_PASS_IN(row.id)
        yield append_to_log(author, PassChanged("let_in", row.id, row.link, row.name, "in"))
        yield from _enter(author_of_pass(guest), link, guest)
        return guest

    def _remove(self, author: Author, link: GuestLink, row: PassRow) -> Transaction[GuestPass]:
        if row.state == "removed":
            return row.guest
        yield REMOVE_PASS(row.id, self._clock.now_ms())
        yield append_to_log(author, PassChanged("removed", row.id, row.link, row.name, "removed"))
        yield from _out(author, link, row.guest, GuestChanged("removed", row.id, row.name))
        return row.guest._replace(state="removed")

    def _rename(self, author: Author, link: GuestLink, row: PassRow, name: str) -> Transaction[GuestPass]:
        guest = row.guest._replace(name=name)
        if name == row.name:
            return guest
        yield from _require_free(link, guest)
        yield SET_PASS_NAME(row.id, name)
        yield append_to_log(author, PassChanged("renamed", row.id, row.link, name, row.state))
        for room in link.rooms:
            log: Log = yield FindLog(room)
            if row.id in log.policy.guests:
                yield Append(Draft(room, author, GuestChanged("renamed", row.id, name, row.name)))
        return guest


def _changed(
    actor: Actor,
    room: str,
    id_: str,
    rule: Rule,
    change: Callable[[Author, GuestLink, PassRow], Transaction[GuestPass]],
) -> Transaction[GuestPass]:
    yield from allowed_policy(actor, room, rule)
    rows: list[PassRow] = yield PASS_BY_ID(id_)
    if not rows:
        raise Refusal("not_found", "There is no such guest.")
    link = yield from link_now(rows[0].link, room)
    return (yield from change(by(actor), link, rows[0]))


def is_held(policy: Policy, id_: str, now_ms: int) -> bool:
    """Whether a guest is banned from a room at a time, or muted there together with newcomers of the same address."""
    found = policy.restrictions.get(id_)
    if found is None or (found.what == "muted" and found.since_ms is None):
        return False
    return not found.is_over(now_ms)


def _require_free(link: GuestLink, guest: GuestPass) -> Transaction[None]:
    """Raises Refusal("name_taken") if somebody in the rooms of a link, or who waits there, can be mistaken for them."""
    names: list[str] = yield WAITING_NAMES(link.id, guest.id)
    names = list(names)
    for room in link.rooms:
        log: Log = yield FindLog(room)
        names += [other.name for id_, other in log.policy.guests.items() if id_ != guest.id]
    own = likenesses(guest.name)
    if any(not own.isdisjoint(likenesses(name)) for name in names):
        raise Refusal("name_taken", TAKEN, field="name")


def _enter(author: Author, link: GuestLink, guest: GuestPass) -> Transaction[None]:
    """Have a guest come into the rooms of a link. Raises Refusal("read_only") for an archived one."""
    for room in link.rooms:
        log: Log = yield FindLog(room)
        require_open_to_new_members(log.policy)
        yield Append(Draft(room, author, GuestChanged("joined", guest.id, guest.name, link=link.id)))


def _out(author: Author, link: GuestLink, guest: GuestPass, gone: GuestChanged) -> Transaction[None]:
    """Have a guest be out of the rooms of a link in which they are."""
    for room in link.rooms:
        log: Log = yield FindLog(room)
        if guest.id in log.policy.guests:
            yield Append(Draft(room, author, gone))
