"""The encoders: how events and control items look on each transport (docs/protocol.md#reading).

The event itself is never encoded here: its JSON bytes come from the log and are only wrapped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from parlour.core.event import Stored, shown_name
from parlour.core.text import notice_line, text_line
from parlour.hub.encoder import Encoder
from parlour.schema.events import (
    Bye,
    CaughtUp,
    Closed,
    Control,
    Heartbeat,
    ReportsWaiting,
    Reset,
    RoomUnread,
    decode_event,
)
from parlour.schema.json_line import encode
from parlour.schema.notices import unread_words
from parlour.wire import sse
from parlour.wire.chunked import chunk
from parlour.wire.websocket import text_frame


def sse_control(item: Control, event_id: Callable[[str, int], bytes] | None = None) -> bytes:
    """A named SSE event. What moves the cursor carries it, or what `event_id` makes of room and seq, as its `id:`."""
    cursor = ""
    if isinstance(item, CaughtUp):
        cursor = item.cursor
    elif isinstance(item, Reset):
        cursor = f"{item.epoch}.{item.head_seq}"
    if event_id is not None and isinstance(item, CaughtUp | Reset):
        cursor = event_id(item.room, int(cursor.rpartition(".")[2])).decode()
    # For an EventSource whose page knows nothing of `bye`; the comment is for clients that look for comments only.
    retry_ms = item.reconnect_after_ms if isinstance(item, Bye) else None
    data = sse.event(encode(item), id=cursor, name=str(item.__struct_config__.tag), retry_ms=retry_ms)
    return sse.COMMENT + data if isinstance(item, Heartbeat) else data


def _sse_events(_room: str, epoch: str, events: Sequence[Stored]) -> bytes:
    encoded = epoch.encode()
    # As `sse.event` writes them, which takes six times as long.
    return b"".join([b"id: %b.%d\ndata: %b\n\n" % (encoded, seq, json) for seq, json, _, _ in events])


def _ndjson_events(_room: str, _epoch: str, events: Sequence[Stored]) -> bytes:
    return b"".join([json + b"\n" for _, json, _, _ in events])


def _ndjson_control(item: Control) -> bytes:
    return encode(item) + b"\n"


def stored_line(stored: Stored) -> str:
    """An event as text for a terminal, with its line break; empty for types that have no line."""
    event = decode_event(stored.json)
    if event.text is not None:
        return text_line(event.at, shown_name(event.by), event.text) + "\n"
    text = event.notice
    return "" if text is None else notice_line(event.at, shown_name(event.by), text) + "\n"


def _text_events(_room: str, _epoch: str, events: Sequence[Stored]) -> bytes:
    return "".join([stored_line(event) for event in events]).encode()


def _text_control(item: Control) -> bytes:
    """People are told only what concerns them: that something is missing, or when to come back."""
    if isinstance(item, Reset):
        if item.reason == "damaged":
            return f"-- damaged: what came last up to {item.head_seq} cannot be read; continuing after it\n".encode()
        return f"-- {item.reason}: the log has {item.first_seq} to {item.head_seq}; continuing at its end\n".encode()
    if isinstance(item, Closed):
        return f"-- closed: {item.detail}\n".encode()
    if isinstance(item, RoomUnread):
        return f"{item.room}  {unread_words(item.unread, item.mentions) or 'nothing new'}\n".encode()
    if isinstance(item, ReportsWaiting):
        return f"{item.open} open {'report' if item.open == 1 else 'reports'}\n".encode()
    if isinstance(item, Bye):
        return f"-- this stream ends here; come back in {-(-item.reconnect_after_ms // 1000)} s\n".encode()
    return b""


def _websocket_events(_room: str, _epoch: str, events: Sequence[Stored]) -> bytes:
    return b"".join([text_frame(json) for _, json, _, _ in events])


def _websocket_control(item: Control) -> bytes:
    return text_frame(encode(item))


def _in_chunks(encoder: Encoder) -> Encoder:
    """The same bytes in chunks of HTTP/1.1 (RFC 9112 §7.1); nothing stays nothing, since an empty chunk ends a body."""

    def control(item: Control) -> bytes:
        data = encoder.control(item)
        return chunk(data) if data else b""

    def events(room: str, epoch: str, events: Sequence[Stored]) -> bytes:
        data = encoder.events(room, epoch, events)
        return chunk(data) if data else b""

    return Encoder(events, control, encoder.is_shared, encoder.is_costly)


WEBSOCKET = Encoder(_websocket_events, _websocket_control)
SSE = Encoder(_sse_events, sse_control)
NDJSON = Encoder(_ndjson_events, _ndjson_control)
TEXT = Encoder(_text_events, _text_control, is_costly=True)
STREAMS = {"sse": SSE, "ndjson": NDJSON, "text": TEXT}
_CHUNKED = {encoder: _in_chunks(encoder) for encoder in STREAMS.values()}


def chunked(encoder: Encoder) -> Encoder:
    """The same bytes in chunks of HTTP/1.1: the same encoder for all streams that share one."""
    return _CHUNKED.get(encoder) or _in_chunks(encoder)
