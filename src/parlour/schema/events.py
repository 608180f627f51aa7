"""The event and the control items as JSON: one encoding per event, made once (docs/protocol.md#event)."""

from __future__ import annotations

import msgspec

from parlour.core.event import AuthorKind


class By(msgspec.Struct, frozen=True):
    """Who made an event."""

    id: str
    name: str
    kind: AuthorKind


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One durable event, as every reader sees it. Unknown fields are ignored on reading."""

    room: str
    seq: int
    type: str
    at: str
    by: By
    text: str | None = None
    key: str | None = None


class CaughtUp(msgspec.Struct, frozen=True, tag="caught_up"):
    """The replay has reached the head: what follows is live."""

    room: str
    cursor: str


class Reset(msgspec.Struct, frozen=True, tag="reset"):
    """Stands in place of a silent gap: the log cannot be continued from the reader's cursor."""

    room: str
    reason: str
    epoch: str
    first_seq: int
    head_seq: int


class Heartbeat(msgspec.Struct, frozen=True, tag="heartbeat"):
    """Says that the line is alive, and how far each subscribed room has come."""

    heads: dict[str, int]


class Bye(msgspec.Struct, frozen=True, tag="bye"):
    """The server is going down or gives up on a slow reader: come back with your cursor after this long."""

    reconnect_after_ms: int


_ENCODER = msgspec.json.Encoder()
_EVENT_DECODER = msgspec.json.Decoder(Event)

encode = _ENCODER.encode
"""Any of these values as JSON bytes without a newline."""

decode_event = _EVENT_DECODER.decode
"""An `Event` from its JSON bytes; raises msgspec.ValidationError."""
