"""The policy of a room: who may use it, who its members are, and how its events change that.

docs/decisions/0022-rooms.md says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal, NamedTuple

from parlour.core.payloads import (
    Access,
    GuestChanged,
    History,
    LinkRule,
    MemberChanged,
    Payload,
    Restricted,
    RoomAccess,
    RoomRole,
    ServerChanged,
    Settings,
)

GUEST_ID = "g_"
"""How the id of an author begins who is a guest."""


class Membership(NamedTuple):
    """The role of a member, and the seq of the event with which they came."""

    role: RoomRole
    since: int


class Restriction(NamedTuple):
    """A mute or ban in a room; the fields are those of `core.payloads.Restricted`.

    `name` is that of a guest, which is part of its id; accounts have none here.
    """

    what: Literal["muted", "banned"]
    until_ms: int | None = None
    name: str = ""
    mark: str | None = None
    address: str | None = None
    since_ms: int | None = None

    def is_over(self, now_ms: int) -> bool:
        """Whether its time is over: it holds nobody any more."""
        return self.until_ms is not None and self.until_ms <= now_ms


MAX_MINUTES = 527_040
"""Of a restriction or a ban that ends by itself: a leap year."""


def end_in_words(until_ms: int) -> str:
    """The end of a restriction or a ban, for whom it holds: `2026-11-22 06:41 UTC`."""
    return f"{datetime.fromtimestamp(until_ms // 1000, UTC):%Y-%m-%d %H:%M} UTC"


class RoomGuest(NamedTuple):
    """A guest with a pass who is in a room: how they are called, the id of the link by which they came, and since when.

    `since` is the seq of the event with which they came.
    """

    name: str
    link: str
    since: int


class Policy(NamedTuple):
    """The state of a room after its newest policy event, which has the seq `seq`.

    `seq` is 0 where there are none.
    `members` are account ids, `guests` the ids of passes. With the history `joined` somebody who is in the room reads
    what has come since they are. `restrictions` are those of authors, by their ids, also those whose time is over;
    `salt` is what digests of guests begin with.
    """

    seq: int
    access: RoomAccess
    title: str = ""
    topic: str = ""
    is_archived: bool = False
    is_read_only: bool = False
    history: History = "all"
    members: Mapping[str, Membership] = MappingProxyType({})
    restrictions: Mapping[str, Restriction] = MappingProxyType({})
    salt: str = ""
    slow_s: int = 0
    links: LinkRule = "all"
    words: tuple[str, ...] = ()
    guests: Mapping[str, RoomGuest] = MappingProxyType({})

    def after(self, seq: int, payload: Payload) -> Policy:
        """The policy from the event `seq` on. An event of a type that changes no policy leaves it as it is."""
        if isinstance(payload, Settings):
            return self._replace(
                seq=seq,
                access=self.access if payload.access is None else payload.access,
                title=self.title if payload.title is None else payload.title,
                topic=self.topic if payload.topic is None else payload.topic,
                is_archived=self.is_archived if payload.archived is None else payload.archived,
                is_read_only=self.is_read_only if payload.read_only is None else payload.read_only,
                history=self.history if payload.history is None else payload.history,
                slow_s=self.slow_s if payload.slow_s is None else payload.slow_s,
                links=self.links if payload.links is None else payload.links,
                words=self.words if payload.words is None else payload.words,
            )
        if isinstance(payload, MemberChanged):
            members = dict(self.members)
            before = members.pop(payload.account, None)
            if payload.role is not None:
                # Whoever makes a room is there from its beginning, and so are all in a direct conversation.
                came = seq if self.members and payload.what != "takes_part" else 1
                members[payload.account] = Membership(payload.role, came if before is None else before.since)
            return self._replace(seq=seq, members=members)
        if isinstance(payload, Restricted):
            salt = self.salt if payload.salt is None else payload.salt
            return self._replace(seq=seq, salt=salt, restrictions=_restrictions(self.restrictions, payload))
        if isinstance(payload, GuestChanged):
            return self._replace(seq=seq, guests=_guests_after(self.guests, seq, payload))
        return self

    def role_of(self, account: str | None) -> RoomRole | None:
        """The role of an account in the room; None if it is no member."""
        member = None if account is None else self.members.get(account)
        return None if member is None else member.role

    def owners(self) -> list[str]:
        """The ids of the accounts that own the room."""
        return [account for account, member in self.members.items() if member.role == "owner"]


def _restrictions(before: Mapping[str, Restriction], payload: Restricted) -> Mapping[str, Restriction]:
    """The restrictions from an event on."""
    now = dict(before)
    old = now.pop(payload.whom, None)
    known = payload.mark, payload.address, payload.since_ms
    if payload.what == "known":
        if old is not None:
            now[payload.whom] = Restriction(old.what, old.until_ms, old.name, *known)
    elif payload.what != "lifted":
        name = payload.name if payload.whom.startswith(GUEST_ID) else ""
        now[payload.whom] = Restriction(payload.what, payload.until_ms, name, *known)
    return now


def _guests_after(guests: Mapping[str, RoomGuest], seq: int, change: GuestChanged) -> Mapping[str, RoomGuest]:
    """Who is in a room by a pass from the event `seq` on."""
    if change.what == "ended":
        return {id_: guest for id_, guest in guests.items() if guest.link != change.link}
    after = dict(guests)
    before = after.pop(change.guest or "", None)
    if change.guest is not None and change.name is not None:
        if change.what == "joined":
            after[change.guest] = RoomGuest(change.name, change.link or "", seq)
        elif change.what == "renamed" and before is not None:
            after[change.guest] = before._replace(name=change.name)
    return after


class ServerAccess(NamedTuple):
    """The access of the server, as its newest event that set this says; `seq` is 0 if nobody ever has."""

    seq: int = 0
    access: Access = "open"

    def after(self, seq: int, payload: Payload) -> ServerAccess:
        """The access from the event `seq` of the server's log on."""
        if isinstance(payload, ServerChanged) and payload.setting == "access":
            return ServerAccess(seq, "open" if payload.value == "open" else "members")
        return self


NO_POLICY = Policy(0, "open")
"""That of a room in which nobody has changed anything."""

NO_ROOM = Policy(0, "private", members={}, guests={})
"""That of an address with a `~` where there is no room. Its members and guests are dicts, as those of a
room: to look for somebody takes as long."""
