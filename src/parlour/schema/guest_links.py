"""Guest links, and the guests who came by them, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from parlour.core.guest_links import MAX_MINUTES, MAX_PEOPLE, MAX_ROOMS, MAX_WAIT_MINUTES, MIN_MINUTES
from parlour.core.guest_links import Newcomers as Newcomers
from parlour.core.guest_links import PassState as PassState
from parlour.schema.fields import DisplayName, RoomName, Time
from parlour.schema.people import Plain, from_to

People = Annotated[int, from_to(1, MAX_PEOPLE)]
Minutes = Annotated[int, from_to(MIN_MINUTES, MAX_MINUTES)]
WaitMinutes = Annotated[int, from_to(1, MAX_WAIT_MINUTES)]


class GuestLinkInfo(msgspec.Struct, frozen=True):
    """A guest link: `code` can be read aloud, `url` has it; `sheet` is the page for the wall, `qr` a picture (SVG).

    `here` have come in and `waiting` wait for a moderator to let them in, of at most `people`. `rooms` are those of its
    rooms that who asks moderates. After a removal others of the same address wait `wait_minutes`, where `newcomers`
    says so.
    """

    id: str
    code: str
    url: str
    sheet: str
    qr: str
    rooms: Sequence[RoomName]
    people: People
    here: int
    waiting: int
    newcomers: Newcomers
    wait_minutes: WaitMinutes
    made: Time
    expires: Time


class GuestLinkList(msgspec.Struct, frozen=True):
    """The guest links into a room, the newest first."""

    guest_links: Sequence[GuestLinkInfo]


class GuestInfo(msgspec.Struct, frozen=True):
    """A guest who came by a link: `id` is that of the author of their messages.

    `since` is when they opened the link, `present` whether they have something open now, `muted` whether they may not
    write in this room.
    """

    id: str
    name: str
    state: PassState
    link: str
    since: Time
    present: bool
    muted: bool


class GuestList(msgspec.Struct, frozen=True):
    """The guests of a room by all its links: those who wait first, then those who are in, then those removed."""

    guests: Sequence[GuestInfo]


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What clients send."""


class GuestLinkBody(_Body, frozen=True):
    """A new guest link into the room of the address, and into more `rooms`."""

    rooms: Annotated[Sequence[RoomName], Meta(extra_json_schema={"maxItems": MAX_ROOMS - 1})] = ()
    people: People = 50
    minutes: Minutes = 120
    newcomers: Newcomers = "ask_after_removal"
    wait_minutes: WaitMinutes = 60


class ChangeGuestLink(_Body, frozen=True):
    """Other terms of a guest link; `minutes` count from now."""

    people: People | None = None
    minutes: Minutes | None = None
    newcomers: Newcomers | None = None
    wait_minutes: WaitMinutes | None = None


class ChangeGuest(_Body, frozen=True):
    """Another name for a guest; `in`, which lets in one who waits or was removed; or whether they are muted here."""

    name: DisplayName | None = None
    state: Literal["in"] | None = None
    muted: bool | None = None


class ComeInBody(_Body, frozen=True):
    """The name under which a guest comes in, by the code of a link or its whole address."""

    link: Plain
    name: DisplayName
