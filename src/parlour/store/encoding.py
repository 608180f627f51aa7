"""Turns a draft with its place and time into the one JSON encoding that every reader will see."""

from __future__ import annotations

from datetime import UTC, datetime

from parlour.core.errors import Refusal
from parlour.core.event import Draft
from parlour.schema.events import By, Event, decode_event
from parlour.schema.json_line import encode


def at_text(at_ms: int) -> str:
    """Milliseconds since 1970 as `2026-11-22T06:41:23.123Z`."""
    seconds, millis = divmod(at_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def event_json(draft: Draft, seq: int, at: str) -> bytes:
    """The event as JSON bytes, without a newline inside."""
    author = draft.author
    return encode(
        Event(draft.room, seq, draft.type, at, By(author.id, author.name, author.kind), draft.text, draft.key)
    )


def check_same_content(draft: Draft, stored: bytes) -> None:
    """Raise Refusal("key_reused") unless `draft` says what the event stored under its key says."""
    event = decode_event(stored)
    if event.type != draft.type or event.text != draft.text:
        raise Refusal("key_reused", field="key", extra={"seq": event.seq})
