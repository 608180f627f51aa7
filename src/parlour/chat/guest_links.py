"""The verbs of guest links: moderators of rooms make, change and end the links by which guests come in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from parlour.chat.guest_link_steps import end_guest_links
from parlour.chat.members import require_open_to_new_members
from parlour.chat.policies import Policies
from parlour.chat.ports import Clock, Ids, Store
from parlour.chat.recheck import require_unchanged
from parlour.chat.room_steps import allowed_policy
from parlour.chat.server_log import append_to_log, by
from parlour.chat.tables.guest_links import (
    ADD_GUEST_LINK,
    ADD_ROOM_OF_LINK,
    CHANGE_GUEST_LINK,
    GUEST_LINK_BY_ID,
    GUEST_LINKS_INTO,
    GuestLink,
)
from parlour.chat.transactions import Transaction
from parlour.core.actor import Actor
from parlour.core.durations import MINUTE_MS
from parlour.core.errors import Refusal
from parlour.core.guest_links import (
    LINKS_OF_A_ROOM,
    MAX_MINUTES,
    MAX_PEOPLE,
    MAX_ROOMS,
    MAX_WAIT_MINUTES,
    MIN_MINUTES,
    NEWCOMERS,
    Newcomers,
    new_code,
)
from parlour.core.names import room_name
from parlour.core.payloads import GuestLinkChanged
from parlour.core.permissions import Rule


class Terms(NamedTuple):
    """The terms of a guest link: for how many people and minutes, and how newcomers are treated.

    After a removal others of that address wait for `wait_minutes`, where `newcomers` says so.
    """

    people: int = 50
    minutes: int = 120
    newcomers: Newcomers = "ask_after_removal"
    wait_minutes: int = 60


class TermsChange(NamedTuple):
    """A change of these terms; None leaves one as it is. `minutes` count from now."""

    people: int | None = None
    minutes: int | None = None
    newcomers: Newcomers | None = None
    wait_minutes: int | None = None


class GuestLinks:
    """Makes, lists, changes and ends guest links. Everything is on disk when it returns."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, policies: Policies) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._policies = policies

    async def make(self, actor: Actor, rooms: Iterable[str], terms: Terms) -> GuestLink:
        """Make a link into rooms that the actor moderates.

        Raises Refusal("bad_parameter"), ("read_only") for an archived room, ("forbidden"), ("not_found"), …
        """
        asked = tuple(rooms)
        if not 1 <= len(asked) <= MAX_ROOMS + 1:  # that of the address, and more
            raise Refusal("bad_parameter", f"A guest link opens a room and at most {MAX_ROOMS} more.", field="rooms")
        names = tuple(dict.fromkeys(map(room_name, asked)))
        for room in names:
            self._policies.require(actor, "moderate", room)
        _check(terms)
        return await self._store.run(self._make(actor, names, terms, self._policies.rule(actor, "moderate")))

    async def into(self, actor: Actor, room: str) -> list[GuestLink]:
        """Those into a room, the newest first. Raises Refusal for who does not moderate it."""
        self._policies.require(actor, "moderate", room)
        return await self._store.query(GUEST_LINKS_INTO(room, self._clock.now_ms()))

    async def one_into(self, actor: Actor, room: str, id_: str) -> GuestLink:
        """One of these. Raises Refusal("not_found") if there is none with this id."""
        for link in await self.into(actor, room):
            if link.id == id_:
                return link
        raise Refusal("not_found", "There is no such guest link, or it has ended.")

    async def change(self, actor: Actor, id_: str, change: TermsChange) -> GuestLink:
        """Give a link other terms. Raises Refusal("not_found"), ("bad_parameter"), …"""
        room = await self._room_of(actor, id_)
        return await self._store.run(self._change(actor, room, id_, change, self._policies.rule(actor, "moderate")))

    async def end(self, actor: Actor, id_: str) -> None:
        """End a link at once: its guests are out of every room. Raises Refusal("not_found") if there is none."""
        room = await self._room_of(actor, id_)
        await self._store.run(_end(actor, room, id_, self._policies.rule(actor, "moderate")))

    async def _room_of(self, actor: Actor, id_: str) -> str:
        """A room of a link that the actor moderates. Raises Refusal("not_found"): who moderates none, sees none."""
        rows = await self._store.query(GUEST_LINK_BY_ID(id_))
        rooms = rows[0].rooms if rows else ()
        for room in rooms:
            if self._policies.may(actor, "moderate", room):
                return room
        raise Refusal("not_found", "There is no such guest link, or it has ended.")

    def _make(self, actor: Actor, rooms: Sequence[str], terms: Terms, rule: Rule) -> Transaction[GuestLink]:
        now_ms = self._clock.now_ms()
        for room in rooms:
            require_open_to_new_members((yield from allowed_policy(actor, room, rule)))
            others: list[GuestLink] = yield GUEST_LINKS_INTO(room, now_ms)
            if len(others) >= LINKS_OF_A_ROOM:
                raise Refusal("forbidden", f"{LINKS_OF_A_ROOM} guest links lead into this room: end one of them first.")
        maker = None if actor.account is None else actor.account.id
        link = GuestLink(
            f"l_{self._ids.token()}",
            new_code(self._ids.secret()),
            maker,
            " ".join(rooms),
            terms.people,
            terms.newcomers,
            terms.wait_minutes,
            now_ms,
            now_ms + terms.minutes * MINUTE_MS,
        )
        yield ADD_GUEST_LINK(
            *(link.id, link.code, maker, link.names, link.people, link.newcomers, link.wait_minutes),
            *(link.made_ms, link.expires_ms),
        )
        for room in rooms:
            yield ADD_ROOM_OF_LINK(room, link.id)
        yield append_to_log(by(actor), GuestLinkChanged("made", link.id, tuple(rooms)))
        return link

    def _change(self, actor: Actor, room: str, id_: str, change: TermsChange, rule: Rule) -> Transaction[GuestLink]:
        yield from allowed_policy(actor, room, rule)
        link = yield from link_now(id_, room)
        now_ms = self._clock.now_ms()
        minutes = (
            max(MIN_MINUTES, (link.expires_ms - now_ms) // MINUTE_MS) if change.minutes is None else change.minutes
        )
        terms = Terms(
            link.people if change.people is None else change.people,
            minutes,
            link.newcomers if change.newcomers is None else change.newcomers,
            link.wait_minutes if change.wait_minutes is None else change.wait_minutes,
        )
        _check(terms)
        expires_ms = link.expires_ms if change.minutes is None else now_ms + minutes * MINUTE_MS
        yield CHANGE_GUEST_LINK(id_, terms.people, terms.newcomers, terms.wait_minutes, expires_ms)
        yield append_to_log(by(actor), GuestLinkChanged("changed", id_, link.rooms))
        return GuestLink(
            *(id_, link.code, link.maker, link.names, terms.people, terms.newcomers, terms.wait_minutes),
            *(link.made_ms, expires_ms),
        )


def link_now(id_: str, room: str | None = None) -> Transaction[GuestLink]:
    """A link, into a room if one is given, as it is now. Raises Refusal("not_found")."""
    rows: list[GuestLink] = yield GUEST_LINK_BY_ID(id_)
    if not rows or (room is not None and room not in rows[0].rooms):
        raise Refusal("not_found", "There is no such guest link, or it has ended.")
    return rows[0]


def _end(actor: Actor, room: str, id_: str, rule: Rule) -> Transaction[None]:
    yield from require_unchanged(actor)
    yield from allowed_policy(actor, room, rule)
    link = yield from link_now(id_, room)
    yield from end_guest_links(by(actor), [link])


def _check(terms: Terms) -> None:
    """Raises Refusal("bad_parameter") for terms that no link has."""
    bounds = {
        "people": (terms.people, 1, MAX_PEOPLE, "A guest link is for {} to {} people."),
        "minutes": (terms.minutes, MIN_MINUTES, MAX_MINUTES, "A guest link lasts {} to {} minutes."),
        "wait_minutes": (terms.wait_minutes, 1, MAX_WAIT_MINUTES, "After a removal others wait {} to {} minutes."),
    }
    for field, (value, least, most, words) in bounds.items():
        if not least <= value <= most:
            raise Refusal("bad_parameter", words.format(least, most), field=field)
    if terms.newcomers not in NEWCOMERS:
        raise Refusal("bad_parameter", f"newcomers is one of {', '.join(NEWCOMERS)}.", field="newcomers")
