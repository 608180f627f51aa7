"""What the server answers beside events: pages of history, rooms, itself (docs/protocol.md#reading)."""

from __future__ import annotations

import msgspec

from parlour.core.payloads import Access
from parlour.schema.events import Event
from parlour.schema.fields import Epoch, HeadSeq, RoomName, Seq, Time


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


class ServerInfo(msgspec.Struct, frozen=True):
    """What the server is, and where the rest is described; `openapi` and `help` are paths."""

    server: str
    version: str
    epoch: Epoch
    openapi: str = "/api/v1/openapi.json"
    help: str = "/help"
