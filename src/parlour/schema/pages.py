"""Answers of the server beside events: pages of history, and itself (docs/protocol.md#reading)."""

from __future__ import annotations

import msgspec

from parlour.schema.events import Event
from parlour.schema.fields import Epoch, HeadSeq, RoomName, Seq


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
    """The server, and where the rest is described; `openapi` and `help` are paths."""

    server: str
    version: str
    epoch: Epoch
    openapi: str = "/api/v1/openapi.json"
    help: str = "/help"
