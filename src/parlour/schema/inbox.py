"""The list of an account's rooms as JSON, and changes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from parlour.core.cursor import MAX_SEQ
from parlour.core.payloads import Level, MentionReason, RoomAccess, RoomRole
from parlour.schema.events import Event
from parlour.schema.fields import CursorText, HeadSeq, RoomName, Seq, Time

Position = Annotated[int, Meta(ge=0, le=MAX_SEQ)]


class MyRoom(msgspec.Struct, frozen=True, omit_defaults=True):
    """A room in the list of an account.

    `unread` counts the messages after `read_seq` that are not its own, `mentions` those of them that are for it.
    `level` is what it is told of, `role` what it is there, if it is a member.
    """

    room: RoomName
    first_seq: Seq
    head_seq: HeadSeq
    active_at: Time
    read_seq: HeadSeq
    unread: int
    mentions: int
    level: Level
    favourite: bool = False
    access: RoomAccess = "open"
    title: str = ""
    archived: bool = False
    role: RoomRole | None = None


class MyRooms(msgspec.Struct, frozen=True):
    """The rooms of an account, those first that need it most.

    `badge` is how much calls for it. `cursor` is that of its own log: what follows there has changed since. In its
    quiet hours (`is_quiet`, by its time zone) nothing is to disturb it.
    """

    cursor: CursorText
    badge: int
    rooms: Sequence[MyRoom]
    keywords: Sequence[str]
    quiet_hours: str
    is_quiet: bool


class ChangeMyRoom(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Changes of a room in one's list; what is left out stays as it is.

    Up to `read` everything is read: that only goes forward. From `unread_from` on everything is unread. `level` null is
    the default.
    """

    read: Position | None = None
    unread_from: Position | None = None
    level: Level | UnsetType | None = UNSET
    favourite: bool | None = None


class InboxInfo(msgspec.Struct, frozen=True):
    """The settings of an account for all its rooms: words to watch for, and hours such as `22:00-07:00`."""

    keywords: Sequence[str]
    quiet_hours: str
    is_quiet: bool


class ChangeInbox(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Changes of that: what is left out stays as it is; `quiet_hours` empty are none."""

    keywords: Sequence[str] | None = None
    quiet_hours: str | None = None


class MentionInfo(msgspec.Struct, frozen=True):
    """A message that is for an account: because of its name, `@here`, or a word that it watches for."""

    why: MentionReason
    event: Event


class MentionList(msgspec.Struct, frozen=True):
    """The messages for an account, the newest first; `@room` is not among them: that is said in the room."""

    mentions: Sequence[MentionInfo]
