"""A page of history, put together from the events' own bytes (docs/protocol.md#reading)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from parlour.core.event import Stored

_encode = msgspec.json.Encoder().encode


class RoomInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """A room and the extent of its log; `active_at` is the time of its newest event, in lists."""

    room: str
    epoch: str
    first_seq: int
    head_seq: int
    active_at: str | None = None


def page(
    room: str,
    epoch: str,
    events: Sequence[Stored],
    first_seq: int,
    head_seq: int,
    next: str | None,  # noqa: A002 - the member's name
    prev: str | None,
) -> bytes:
    """Encode one page: the events oldest first, as stored; `next` and `prev` are the addresses of its neighbours."""
    return b'{"room":%b,"epoch":%b,"events":[%b],"first_seq":%d,"head_seq":%d,"next":%b,"prev":%b}' % (
        _encode(room),
        _encode(epoch),
        b",".join([event.json for event in events]),
        first_seq,
        head_seq,
        _encode(next),
        _encode(prev),
    )
