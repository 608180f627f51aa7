"""The event and the control items as JSON: one encoding per event, made once (docs/protocol.md#event)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from parlour.core.accounts import KeptMessages
from parlour.core.event import Author
from parlour.core.payloads import Everyone, History, Level, LinkRule, MemberChange, RoomAccess, RoomRole
from parlour.schema.fields import CursorText, Epoch, HeadSeq, Key, RoomName, Seq, Text, Time
from parlour.schema.notices import notice
from parlour.schema.presence import PersonHere


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One durable event, as every reader sees it. Unknown fields are ignored on reading."""

    room: RoomName
    seq: Seq
    type: str
    at: Time
    by: Author
    text: Text | None = None
    key: Key | None = None
    ref: Seq | None = None
    access: RoomAccess | None = None
    title: str | None = None
    topic: str | None = None
    archived: bool | None = None
    read_only: bool | None = None
    history: History | None = None
    what: Literal[MemberChange, "renamed", "ended", "muted", "banned", "lifted", "known"] | None = None
    account: str | None = None
    guest: str | None = None
    name: str | None = None
    was: str | None = None
    link: str | None = None
    count: int | None = None
    role: RoomRole | None = None
    messages: KeptMessages | None = None
    slow_s: int | None = None
    links: LinkRule | None = None
    words: list[str] | None = None
    whom: str | None = None
    until_ms: int | None = None
    mentions: tuple[str, ...] | None = None
    everyone: Everyone | None = None

    @property
    def notice(self) -> str | None:
        """The words for an event that is no message, without who did it; None for other types."""
        return notice(self)

    @property
    def shown_text(self) -> str | None:
        """The text that people are shown for an event: of a message, or a notice; None for other types."""
        return self.notice if self.text is None else self.text


class EventHead(msgspec.Struct, frozen=True):
    """The members that events of every type have, those of the server's log included."""

    room: str
    seq: int
    type: str
    at: str
    by: Author
    key: str | None = None
    ref: int | None = None


class CaughtUp(msgspec.Struct, frozen=True, tag="caught_up"):
    """The replay has reached the head: what follows is live."""

    room: RoomName
    cursor: CursorText


class Reset(msgspec.Struct, frozen=True, tag="reset"):
    """Stands in place of a silent gap: the log cannot be continued from the reader's cursor."""

    room: RoomName
    reason: str
    epoch: Epoch
    first_seq: Seq
    head_seq: HeadSeq


class Heartbeat(msgspec.Struct, frozen=True, tag="heartbeat"):
    """Says that the line is alive, and how far each subscribed room has come."""

    heads: dict[str, HeadSeq]


class Bye(msgspec.Struct, frozen=True, tag="bye"):
    """The server is going down or gives up on a slow reader: come back with your cursor after this long."""

    reconnect_after_ms: int


class Typing(msgspec.Struct, frozen=True, tag="typing"):
    """Somebody is writing; fleeting, never replayed."""

    room: RoomName
    by: Author


class RoomUnread(msgspec.Struct, frozen=True, tag="unread"):
    """The unread messages of a room in one's list, for those who follow their own log; it stands in no log."""

    room: RoomName
    head_seq: HeadSeq
    read_seq: HeadSeq
    unread: int
    mentions: int
    level: Level
    favourite: bool


class ReportsWaiting(msgspec.Struct, frozen=True, tag="reports"):
    """How many reports wait for who follows their own log and may look at them; it stands in no log."""

    open: int


class Presence(msgspec.Struct, frozen=True, tag="presence"):
    """How many are in the room now, and some of them; shown to connections that say how they are here."""

    room: RoomName
    count: int
    people: Sequence[PersonHere]


class Closed(msgspec.Struct, frozen=True, tag="closed"):
    """The reader may not read the room any more: nothing after this comes from it."""

    room: RoomName
    code: str
    detail: str


Control = CaughtUp | Reset | Heartbeat | Bye | Typing | Presence | Closed | RoomUnread | ReportsWaiting
"""The items that carry no seq."""


def item_under_name(item: Control, room: str, name: str) -> Control:
    """The item as those see it who know a room by another name."""
    if isinstance(item, Heartbeat | Bye | ReportsWaiting) or item.room != room:
        return item
    return replace(item, room=name)


decode_typing = msgspec.json.Decoder(Typing).decode
"""A `Typing` from its JSON; raises msgspec.MsgspecError."""

decode_event = msgspec.json.Decoder(Event).decode
"""An `Event` from its JSON bytes; raises msgspec.DecodeError, UnicodeDecodeError."""

decode_head = msgspec.json.Decoder(EventHead).decode
"""What an event of any type is about. Raises msgspec.DecodeError."""
