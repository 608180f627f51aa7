"""Pages of history, put together from the events' own bytes, and the list of rooms (docs/protocol.md#reading)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from parlour.core.event import Stored
from parlour.core.payloads import Access
from parlour.schema.events import Event
from parlour.schema.fields import Epoch, HeadSeq, RoomName, Seq, Time
from parlour.schema.json_line import encode


class RoomInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """A room and the extent of its log; `active_at` is the time of its newest event, in lists."""

    room: RoomName
    epoch: Epoch
    first_seq: Seq
    head_seq: HeadSeq
    active_at: Time | None = None


class RoomList(msgspec.Struct, frozen=True):
    """Rooms that have events, most recently active first; `more` says that there are others beyond `limit`."""

    rooms: list[RoomInfo]
    more: bool


class RoomSettings(msgspec.Struct, frozen=True):
    """Who may use a room, and the seq of the event that made it so; 0 if nobody has ever changed it."""

    room: RoomName
    access: Access
    seq: HeadSeq


class Page(msgspec.Struct, frozen=True):
    """A part of a room's log, oldest event first; `next` and `prev` are the addresses of the pages beside it.

    `next` is always there: it is where new events will be. `prev` is null where the log begins.
    """

    room: RoomName
    epoch: Epoch
    events: list[Event]
    first_seq: Seq
    head_seq: HeadSeq
    next: str | None
    prev: str | None


def page(
    room: str,
    epoch: str,
    events: Sequence[Stored],
    first_seq: int,
    head_seq: int,
    next: str | None,  # noqa: A002 - the member's name
    prev: str | None,
) -> bytes:
    """Encode a `Page`: the events oldest first, as stored; `next` and `prev` are the addresses of its neighbours."""
    return b'{"room":%b,"epoch":%b,"events":[%b],"first_seq":%d,"head_seq":%d,"next":%b,"prev":%b}' % (
        encode(room),
        encode(epoch),
        b",".join([event.json for event in events]),
        first_seq,
        head_seq,
        encode(next),
        encode(prev),
    )
