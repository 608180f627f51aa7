"""What needs somebody as JSON: the rooms in their list, and what they change there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from parlour.core.cursor import MAX_SEQ
from parlour.core.payloads import Level, RoomAccess, RoomRole
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
    """What needs an account: its rooms, those first that need it most.

    `badge` is how much calls for it. `cursor` is that of its own log: what follows there has changed since.
    """

    cursor: CursorText
    badge: int
    rooms: Sequence[MyRoom]


class ChangeMyRoom(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Changes of a room in one's list; what is left out stays as it is.

    Up to `read` everything is read: that only goes forward. From `unread_from` on everything is unread. `level` null is
    the default.
    """

    read: Position | None = None
    unread_from: Position | None = None
    level: Level | UnsetType | None = UNSET
    favourite: bool | None = None
