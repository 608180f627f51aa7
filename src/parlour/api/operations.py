"""The versioned API, operation by operation: what each takes, answers and refuses; the document is made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta

from parlour.api.reading import DEFAULT_LIMIT
from parlour.core.cursor import MAX_SEQ
from parlour.core.errors import ERRORS
from parlour.core.limits import MAX_PAGE_EVENTS, MAX_WAIT_S
from parlour.schema.commands import PostMessage
from parlour.schema.events import Event
from parlour.schema.fields import CursorText, DisplayName, Key, RoomName
from parlour.schema.pages import Page, RoomInfo, RoomList
from parlour.schema.server import ServerInfo

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter. `type` is a type as msgspec reads it; those in a path are required, the others are not."""

    name: str
    place: Literal["path", "query", "header"]
    type: Any
    help: str
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """What an answer tells about another operation: its id, and its parameters as expressions (OAS 3.1 §4.8.20.3)."""

    operation: str
    parameters: Mapping[str, str]
    help: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A success. `headers` are names of fields in `HEADERS`; those in `always` are never missing."""

    status: int
    help: str
    type: Any = None
    media: str = JSON
    always: tuple[str, ...] = ()
    sometimes: tuple[str, ...] = ()
    links: Mapping[str, Link] | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one pattern of the route table. `refusals` are codes beside those that every request can meet."""

    method: str
    pattern: str
    id: str
    tag: str
    summary: str
    help: str
    answers: tuple[Answer, ...]
    parameters: tuple[Parameter, ...] = ()
    body: Any = None
    refusals: tuple[str, ...] = ()
    is_stream: bool = False


HEADERS: Mapping[str, tuple[Any, str]] = {
    "Location": (str, "The permanent link of the event, as a path."),
    "Idempotent-Replay": (Literal["true"], "The message had been stored by an earlier request with this key."),
    "Link": (str, 'The pages beside this one: rel="next" and, unless the log begins here, rel="prev" (RFC 8288).'),
    "ETag": (str, "Changes when the document does."),
    "Retry-After": (Annotated[int, Meta(ge=1)], "Seconds to wait before the request may be repeated."),
    "WWW-Authenticate": (str, "How to say who one is."),
    "Upgrade": (str, "The protocol spoken here."),
    "Sec-WebSocket-Version": (Literal["13"], "The version of it."),
}
"""Response header fields by name: type and meaning."""

ANY_REQUEST = (
    "bad_request", "bad_framing", "bad_host", "request_timeout", "too_large", "uri_too_long", "expectation_failed",
    "too_many_connections", "headers_too_large", "internal", "not_implemented", "overloaded", "http_version",
)  # fmt: skip
"""What every request can meet, before anybody has looked at what it is for."""

_ROOM = Parameter("room", "path", RoomName, "The room.")
_IN_ROOM = ("bad_room_name", "reserved_name", "not_found")
_FORMAT = Parameter("format", "query", Literal["json"], "May say what is answered anyway, instead of `Accept`.")
_LIMIT = Parameter(
    "limit",
    "query",
    Annotated[int, Meta(ge=1, le=MAX_PAGE_EVENTS, extra_json_schema={"default": DEFAULT_LIMIT})],
    "How many at most.",
)
_READ = ("bad_parameter", "not_acceptable", "rate_limited", "storage_unavailable")
_NAME = Parameter("name", "query", DisplayName, "The display name, for a body without one.")
_POST = (
    "bad_parameter", "bad_json", "bad_utf8", "bad_text", "blank_text", "bad_key", "bad_name", "cross_origin",
    "text_too_long", "unsupported_media_type", "key_reused", "rate_limited", "outcome_unknown", "draining",
    "storage_unavailable", "storage_full",
)  # fmt: skip
_THE_EVENT = Link("getEvent", {"room": "$response.body#/room", "item": "$response.body#/seq"}, "The stored event.")
_NEWER = Link(
    "getMessages",
    {"room": "$response.body#/room", "since": "{$response.body#/epoch}.{$response.body#/head_seq}"},
    "What comes after the newest event.",
)
_STORED = Answer(
    201,
    "The message is on disk. The body is the event as every reader sees it; a repeat gets the same answer.",
    Event,
    always=("Location",),
    sometimes=("Idempotent-Replay",),
    links={"event": _THE_EVENT},
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/api/v1",
        "getServer",
        "server",
        "What this server is",
        "Also a cheap way to learn the epoch and whether the server answers.",
        (Answer(200, "The server.", ServerInfo),),
        (_FORMAT,),
        refusals=("bad_parameter", "not_acceptable"),
    ),
    Operation(
        "GET",
        "/api/v1/openapi.json",
        "getDescription",
        "server",
        "This document",
        "OpenAPI 3.1. It changes with the version of the server only.",
        (
            Answer(200, "The document.", dict[str, Any], always=("ETag",)),
            Answer(304, "`If-None-Match` names the document that the client has.", always=("ETag",)),
        ),
        (_FORMAT,),
        refusals=("bad_parameter", "not_acceptable"),
    ),
    Operation(
        "GET",
        "/api/v1/limits",
        "getLimits",
        "server",
        "Every limit in force",
        "Bytes, characters, seconds and counts; the last word of a name is the unit.",
        (Answer(200, "The limits by name.", dict[str, float]),),
        (_FORMAT,),
        refusals=("bad_parameter", "not_acceptable"),
    ),
    Operation(
        "GET",
        "/api/v1/rooms",
        "getRooms",
        "rooms",
        "The rooms that have events",
        "Most recently active first.",
        (
            Answer(
                200,
                "The rooms.",
                RoomList,
                links={
                    "room": Link("getRoom", {"room": "$response.body#/rooms/0/room"}, "The most recently active room."),
                    "messages": Link("getMessages", {"room": "$response.body#/rooms/0/room"}, "What was said in it."),
                },
            ),
        ),
        (_LIMIT, _FORMAT),
        refusals=_READ,
    ),
    Operation(
        "GET",
        "/api/v1/rooms/{room}",
        "getRoom",
        "rooms",
        "The extent of a room's log",
        "A room nobody has spoken in reads as an empty log: `head_seq` is 0.",
        (Answer(200, "The room.", RoomInfo, links={"newer": _NEWER}),),
        (_ROOM, _FORMAT),
        refusals=(*_IN_ROOM, *_READ),
    ),
    Operation(
        "GET",
        "/api/v1/rooms/{room}/messages",
        "getMessages",
        "messages",
        "A page of a room's log, or a long-poll",
        "Without a cursor the newest events. Follow `next` to hear everything once: it continues where the page ended.",
        (
            Answer(
                200,
                "The page; empty if there is nothing in the range.",
                Page,
                always=("Link",),
                links={
                    "newer": _NEWER,
                    "oldest": Link(
                        "getEvent",
                        {"room": "$response.body#/room", "item": "$response.body#/events/0/seq"},
                        "The first event of the page.",
                    ),
                },
            ),
        ),
        (
            _ROOM,
            Parameter("since", "query", CursorText, "Events after this cursor, oldest first."),
            Parameter(
                "before", "query", CursorText, "The newest events before this cursor; not together with `since`."
            ),
            _LIMIT,
            Parameter(
                "wait",
                "query",
                Annotated[int, Meta(ge=0, le=MAX_WAIT_S)],
                "With `since`: wait so many seconds for an event, if there is none yet. Not together with `before`.",
            ),
            _FORMAT,
        ),
        refusals=(*_IN_ROOM, *_READ, "bad_cursor", "cursor_gone"),
    ),
    Operation(
        "POST",
        "/api/v1/rooms/{room}/messages",
        "postMessage",
        "messages",
        "Say something",
        "Answered when the message is on disk, and shown to nobody before that. With a key the request may be repeated "
        "until it is answered. The room comes into being with its first message.",
        (_STORED,),
        (
            _ROOM,
            Parameter("Idempotency-Key", "header", Key, "The key, for a body without one."),
            _NAME,
        ),
        PostMessage,
        (*_IN_ROOM, *_POST),
    ),
    Operation(
        "GET",
        "/api/v1/rooms/{room}/messages/{item}",
        "getEvent",
        "messages",
        "One event",
        "",
        (
            Answer(
                200, "The event.", Event, links={"room": Link("getRoom", {"room": "$response.body#/room"}, "Its room.")}
            ),
        ),
        (
            _ROOM,
            Parameter("item", "path", Annotated[int, Meta(ge=1, le=MAX_SEQ)], "The number of the event, its `seq`."),
            _FORMAT,
        ),
        refusals=(*_IN_ROOM, *_READ, "gone"),
    ),
    Operation(
        "PUT",
        "/api/v1/rooms/{room}/messages/{item}",
        "putMessage",
        "messages",
        "Say something under a key",
        "The same as POST with the key in the path: repeat it until it is answered; it is stored once.",
        (_STORED,),
        (_ROOM, Parameter("item", "path", Key, "The idempotency key."), _NAME),
        PostMessage,
        (*_IN_ROOM, *_POST),
    ),
    Operation(
        "GET",
        "/api/v1/stream",
        "followRooms",
        "stream",
        "Follow many rooms on one connection",
        "As server-sent events: name the rooms; each event's `id` holds the cursors of all of them, and "
        "`Last-Event-ID` continues there. As WebSocket (`Upgrade: websocket`): subscribe with operations; see "
        "`x-websocket`. Either way nothing is skipped or repeated; what cannot be continued begins with a `reset`.",
        (
            Answer(200, "Server-sent events without an end.", str, "text/event-stream"),
            Answer(101, "From here on WebSocket."),
        ),
        (
            Parameter("room", "query", RoomName, "A room to follow; 1 to 32 of them.", repeats=True),
            Parameter("since", "query", str, "Where to continue, as the `id` of an event; without it, from now on."),
            Parameter("Last-Event-ID", "header", str, "The same, and wins over `since`."),
            Parameter("format", "query", Literal["sse"], "May say what is answered anyway."),
        ),
        refusals=(
            "bad_parameter",
            "bad_cursor",
            "bad_room_name",
            "reserved_name",
            "bad_upgrade",
            "cross_origin",
            "upgrade_required",
            "storage_unavailable",
        ),
        is_stream=True,
    ),
)


def refusals_of(operation: Operation, public: bool) -> dict[int, list[str]]:
    """The codes an operation can be refused with, by status; `public` ones are not kept for members."""
    codes = {*ANY_REQUEST, *operation.refusals, *(() if public else ("login_required",))}
    by_status: dict[int, list[str]] = {}
    for kind in ERRORS.values():
        if kind.code in codes:
            by_status.setdefault(kind.status, []).append(kind.code)
    return by_status
