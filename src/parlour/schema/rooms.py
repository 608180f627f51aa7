"""Rooms as JSON: what they are, who is in them, and what is to be changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from parlour.core.accounts import MAX_INVITATION_DAYS, MAX_INVITATION_USES
from parlour.core.names import MAX_TITLE_CHARS, MAX_TOPIC_CHARS
from parlour.core.payloads import History, LinkRule, RoomAccess, RoomRole
from parlour.schema.fields import Epoch, HeadSeq, RoomName, Seq, Time
from parlour.schema.people import Plain, from_to

_LINE = r"^[^\u0000-\u001f\u007f-\u009f]*$"
Title = Annotated[str, Meta(extra_json_schema={"pattern": _LINE, "maxLength": MAX_TITLE_CHARS})]
Topic = Annotated[str, Meta(extra_json_schema={"pattern": _LINE, "maxLength": MAX_TOPIC_CHARS})]
"""One line; empty for none."""


ChosenAccess = Literal["open", "members", "private"]
"""What a room can be made as; a direct one comes into being with its first message."""


class RoomInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """A room, and the extent of its log for who asks; `active_at` is the time of its newest event, in lists.

    `policy_seq` is the seq of the event that has changed it last (none if nobody ever has). With the history `joined`
    members read what has come since they joined. `role` is that of who asks, if it is a member. `slow_s` are the
    seconds between two messages of one author, `words` those that are refused.
    """

    room: RoomName
    epoch: Epoch
    first_seq: Seq
    head_seq: HeadSeq
    access: RoomAccess
    active_at: Time | None = None
    title: str = ""
    topic: str = ""
    archived: bool = False
    read_only: bool = False
    history: History = "all"
    slow_s: int = 0
    links: LinkRule = "all"
    words: Sequence[str] = ()
    policy_seq: HeadSeq = 0
    members: int = 0
    role: RoomRole | None = None


class RoomList(msgspec.Struct, frozen=True):
    """Rooms that have events, most recently active first; `more` says that there are others beyond `limit`."""

    rooms: list[RoomInfo]
    more: bool


class MemberInfo(msgspec.Struct, frozen=True):
    """A member of a room; `since` is the seq of the event with which they came."""

    id: str
    name: str
    display: str
    kind: Literal["member", "bot"]
    role: RoomRole
    since: Seq


class MemberList(msgspec.Struct, frozen=True):
    """The members of a room, by name."""

    members: Sequence[MemberInfo]


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What clients send."""


class ChangeRoom(_Body, frozen=True):
    """Changes of a room; a value that is left out stays as it is.

    `members` closes a public one to guests, `open` opens it.
    """

    access: ChosenAccess | None = None
    title: Title | None = None
    topic: Topic | None = None
    archived: bool | None = None
    read_only: bool | None = None
    history: History | None = None
    slow_s: Annotated[int, from_to(0, 21_600)] | None = None
    links: LinkRule | None = None
    words: list[Plain] | None = None


class CreateRoom(_Body, frozen=True):
    """A new room. Without a `room` its address comes from the title; that of a private one is made up in part."""

    room: Plain | None = None
    title: Title | None = None
    topic: Topic | None = None
    access: ChosenAccess = "open"
    read_only: bool | None = None
    history: History | None = None
    slow_s: Annotated[int, from_to(0, 21_600)] | None = None
    links: LinkRule | None = None
    words: list[Plain] | None = None


class ChangeMember(_Body, frozen=True):
    """The role of a member."""

    role: RoomRole = "member"


class RestrictionInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody who is muted or banned in a room: `id` as in `by.id`, `name` as they are shown, `account` its name.

    `until` is absent where it holds until it is lifted. `newcomers`: also for later guests from the same address.
    """

    id: str
    name: str
    what: Literal["muted", "banned"]
    until: Time | None = None
    account: str | None = None
    newcomers: bool = False


class RestrictionList(msgspec.Struct, frozen=True):
    """The people who are muted or banned in a room, by name."""

    restrictions: Sequence[RestrictionInfo]


class RestrictBody(_Body, frozen=True):
    """A mute or ban: of the author of the event `seq`, or the account `name`; `minutes` null: until it is lifted."""

    what: Literal["mute", "ban"]
    seq: Annotated[int, from_to(1, 68_719_476_735)] | None = None
    name: Plain | None = None
    minutes: Annotated[int, from_to(1, 527_040)] | None = None
    newcomers: bool = True


class RoomInvitationBody(_Body, frozen=True):
    """A link into a room: how many can use it, and for how many days. With `accounts` it makes accounts, too."""

    uses: Annotated[int, from_to(1, MAX_INVITATION_USES)] = 1
    days: Annotated[int, from_to(1, MAX_INVITATION_DAYS)] = 7
    accounts: bool = False


class JoinBody(_Body, frozen=True):
    """The secret at the end of a link into a room."""

    invitation: Plain


class GovernedRoom(msgspec.Struct, frozen=True, omit_defaults=True):
    """A room as those who run the server see it. `owners` are the names of accounts that are not disabled."""

    room: RoomName
    access: RoomAccess
    policy_seq: Seq
    members: int
    owners: Sequence[str]
    title: str = ""
    topic: str = ""
    archived: bool = False
    read_only: bool = False


class GovernedRoomList(msgspec.Struct, frozen=True):
    """Every room in which somebody has changed something: those that nobody owns any more first, then by name."""

    rooms: Sequence[GovernedRoom]
