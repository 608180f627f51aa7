"""The one place that decides how an event becomes JSON: its place, its time and its author, its payload, its key."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import msgspec
from msgspec.structs import astuple, fields

from parlour.core.event import Author, Draft, Stored
from parlour.core.payloads import PAYLOADS, POLICY_TYPES, Message, Payload, Redacted
from parlour.schema.events import decode_event
from parlour.schema.json_line import encode


def at_text(at_ms: int) -> str:
    """Milliseconds since 1970 as `2026-11-22T06:41:23.123Z`."""
    seconds, millis = divmod(at_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def _event_class(payload: type[Payload]) -> Any:
    """The class of a whole event with this payload: a flat object is encoded in one go."""
    place: list[Any] = [
        ("room", str),
        ("seq", int),
        ("type", str),
        ("at", str),
        ("by", Author),
        ("ref", int | None, None),
    ]
    middle = [(field.name, field.type | None, None) for field in fields(payload)]
    return msgspec.defstruct(payload.__name__, [*place, *middle, ("key", str | None, None)], omit_defaults=True)


_CLASSES = {payload: _event_class(payload) for payload in PAYLOADS.values()}
_type_of = attrgetter("type")
_WHOLE_MESSAGE = _CLASSES[Message]
_DECODERS = {name: msgspec.json.Decoder(payload) for name, payload in PAYLOADS.items()}


def event_json(draft: Draft, seq: int, at: str) -> bytes:
    """The event that a draft becomes, as JSON bytes without a newline inside."""
    payload = draft.payload
    if payload.__class__ is Message:  # nearly all are, and need not be taken apart
        text, names, everyone = payload.text, payload.mentions, payload.everyone
        author, ref, key = draft.author, draft.ref, draft.key
        return encode(_WHOLE_MESSAGE(draft.room, seq, "message", at, author, ref, text, names, everyone, key))
    make = _CLASSES[payload.__class__]
    return encode(make(draft.room, seq, payload.type, at, draft.author, draft.ref, *astuple(payload), draft.key))


def tombstone(event: Stored) -> Stored:
    """The rest of an event whose text is removed: who, when, and the key, so that a retry still finds it."""
    old = decode_event(event.json)
    json = encode(_CLASSES[Redacted](old.room, old.seq, Redacted.type, old.at, old.by, key=old.key))
    return Stored(event.seq, json, Redacted.type)


def under_name(event: Stored, room: str, name: str) -> Stored:
    """The event as those see it who know its room by another name: an event begins with its room."""
    return event._replace(json=json_under_name(event.json, room, name))


def json_under_name(json: bytes, room: str, name: str) -> bytes:
    """The same of its JSON."""
    begins = b'{"room":' + encode(room)
    assert json.startswith(begins)
    return b'{"room":' + encode(name) + json[len(begins) :]


def of_under_name(event: Stored, name_of: Callable[[str], str]) -> Stored:
    """An event of an account's log as the account sees it: it may know the room that it is about by another name."""
    if b'"of":"~' not in event.json:
        return event
    room = msgspec.json.decode(event.json)["of"]
    return event._replace(json=event.json.replace(b'"of":' + encode(room), b'"of":' + encode(name_of(room)), 1))


def payload_of(event: Stored) -> Payload:
    """The payload of a stored event. Raises msgspec.DecodeError, KeyError for a type unknown to this version."""
    return _DECODERS[event.type].decode(event.json)


def sets_policy(events: Iterable[Stored]) -> bool:
    """Whether one of the events changes what its room is; every event is asked, so without a loop in Python."""
    return not POLICY_TYPES.isdisjoint(map(_type_of, events))


def is_repeat(draft: Draft, event: Stored) -> bool:
    """Whether a draft says what the event stored under its key says; of a tombstone that cannot be told any more."""
    if event.type == Redacted.type:
        return True
    if event.type != draft.type or event.ref != draft.ref:
        return False
    earlier, payload = payload_of(event), draft.payload
    if isinstance(earlier, Message) and isinstance(payload, Message):  # whose names these are may have changed
        return earlier.text == payload.text
    return earlier == payload
