"""Reading a room: pages, long-polls, streams and WebSockets at one address, as the client asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, ClassVar, cast, get_args
from urllib.parse import quote

from msgspec import Raw, Struct
from msgspec.structs import force_setattr

from parlour.api.bodies import DEFAULT_ROOM
from parlour.api.direct import shown, shown_events
from parlour.api.messages import IN_PATHS
from parlour.api.operation import Operation, Success
from parlour.api.pages import in_slices
from parlour.api.parameters import (
    CURSOR,
    DEFAULT_LIMIT,
    FLAG,
    ROOM,
    TEXT,
    TICKET,
    Format,
    JsonOfRoom,
    Limit,
    Ticket,
    formats,
    number,
)
from parlour.api.resource import Resource
from parlour.api.rooms import NEWER
from parlour.core.actor import Actor
from parlour.core.cursor import Cursor, parse_cursor
from parlour.core.direct import room_or_people
from parlour.core.errors import Refusal
from parlour.core.event import Stored
from parlour.core.limits import MAX_WAIT_S
from parlour.http.fields import FieldName
from parlour.http.request import Request
from parlour.http.response import JSON, NDJSON, OpenResponse, Reply, Response, Upgrade
from parlour.http.router import NOTHING_HERE, WEBSOCKET
from parlour.hub.channel import Channel
from parlour.hub.door import PAGE_BYTES
from parlour.schema.events import Event
from parlour.schema.json_line import encode
from parlour.schema.pages import Page
from parlour.stream.encoding import stored_line
from parlour.stream.live import Start
from parlour.wire.websocket import handshake

HTML_BYTES = 131072
"""Events of an HTML page, as JSON: its HTML can be fifteen times as long, where invisible characters are shown."""


def _shown_room(text: str, _: str) -> str:
    """The room in a short address. At a name that the server needs itself there is no room."""
    try:
        return room_or_people(text)
    except Refusal as refusal:
        if refusal.code != "reserved_name":
            raise
        raise Refusal("not_found", NOTHING_HERE) from None


_SHOWN_ROOM = ROOM._replace(parse=_shown_room, refusals=("bad_room_name", "not_found"))


class PageOptions(JsonOfRoom, frozen=True, kw_only=True):
    """The part of a log to return."""

    address: ClassVar[str] = "/api/v1/rooms/{room}/messages"
    since: Annotated[Cursor | None, CURSOR, "Events after this cursor, oldest first."] = None
    before: Annotated[Cursor | None, CURSOR, "The newest events before this cursor; not together with `since`."] = None
    limit: Limit = None
    wait: Annotated[
        int,
        number(0, MAX_WAIT_S),
        "With `since`: wait so many seconds for an event, if there is none yet. Not together with `before`.",
    ] = 0

    def __post_init__(self) -> None:
        """Raises Refusal("bad_parameter") for parameters that do not go together."""
        if self.since is not None and self.before is not None:
            raise Refusal("bad_parameter", "Give since or before, not both.", field="before")
        if self.wait and self.format != "json":
            raise Refusal("bad_parameter", "wait= goes with JSON; the others use follow=1.", field="wait")
        if self.before is not None and self.wait:
            raise Refusal("bad_parameter", "before= is for pages.", field="before")


class RoomOptions(PageOptions, frozen=True, kw_only=True):
    """The same at the short address, which has every format and can be followed."""

    address: ClassVar[str] = "/{room}"
    room: Annotated[str, _SHOWN_ROOM, "The room."] = DEFAULT_ROOM
    format: Annotated[Format, formats(*get_args(Format)), "The format, instead of `Accept`."] = "text"
    follow: Annotated[bool, FLAG, "1: go on with what comes, as text, NDJSON or server-sent events."] = False
    name: Annotated[str | None, TEXT, "Means nothing here: it is in addresses that people send to."] = None
    last_event_id: Annotated[
        str | None, TEXT, "With server-sent events, in place of `since` and `before`.", "Last-Event-ID"
    ] = None
    ticket: Ticket = None

    def __post_init__(self) -> None:
        """Raises Refusal (bad_parameter, bad_cursor)."""
        if self.format == "sse" and self.last_event_id:
            # It is newer than the address (WHATWG HTML §9.2.3).
            force_setattr(self, "since", parse_cursor(self.last_event_id, "Last-Event-ID"))
            force_setattr(self, "before", None)
        if self.follow and self.format not in ("text", "ndjson", "sse"):
            raise Refusal("bad_parameter", "follow=1 goes with text, ndjson and sse; JSON has wait=.", field="follow")
        super().__post_init__()
        if self.ticket is not None and not (self.follow or self.format == "sse"):
            raise Refusal("bad_parameter", "A ticket opens a stream or a WebSocket, and nothing else.", field=TICKET)
        if self.before is not None and (self.follow or self.format == "sse"):
            raise Refusal("bad_parameter", "before= is for pages.", field="before")


class SocketOptions(Struct, frozen=True, kw_only=True):
    """Where a WebSocket of one room begins."""

    room: Annotated[str, _SHOWN_ROOM, "The room."]
    since: Annotated[Cursor | None, CURSOR, "Events after this cursor; without it, from now on."] = None
    ticket: Ticket = None


_OLDEST = {"room": "$response.body#/room", "item": "$response.body#/events/0/seq"}
_AROUND_PAGE = {"getMessages": NEWER, "getEvent": _OLDEST}

GET_MESSAGES = Operation(
    "GET",
    "/api/v1/rooms/{room}/messages",
    "A page of a room's log, or a long-poll",
    id="getMessages",
    help="Without a cursor the newest events. Follow `next` to hear everything once: it begins where the page ended.",
    right="read",
    rate="reading",
    parameters=PageOptions,
    answers=(
        Success(200, "The page; empty if there is nothing in the range.", Page, always=("Link",), links=_AROUND_PAGE),
    ),
    refusals=("not_found", "cursor_gone", "storage_unavailable"),
    example="'{url}/api/v1/rooms/lobby/messages?since=0&limit=10'",
)


class HistoryResource(Resource):
    """The handlers of reading a room."""

    @GET_MESSAGES.short("GET", "/{room}", "A room, in any format", parameters=RoomOptions, example="{url}/lobby")
    async def room(self, request: Request, options: RoomOptions) -> Reply:
        """A page, a long-poll or a stream."""
        if options.format == "sse" or options.follow:
            return await self._stream(request, options)
        return await self.page(request, options)

    @GET_MESSAGES
    async def page(self, request: Request, options: PageOptions) -> Response:
        """A page, after a wait if it would be empty and the client asks for that."""
        bill = self.guard.bill(request)
        actor = request.actor
        since, door = options.since, self.context.door
        channel = await door.open(actor, options.room, "read")
        try:
            if options.wait:
                if since is None:  # no cursor yet: whatever comes next
                    since = Cursor(None, channel.head)
                _check_cursor(channel, since, door.first_seq(actor, channel))
                if channel.head <= since.seq:
                    with self.guard.place(request):
                        await self._wait(actor, channel, since.seq, options.wait)
            first_seq = door.first_seq(actor, channel)
            events = await self._events(actor, channel, since, options)
            events = shown_events(self.context, request, channel.room, events)
            bill.check()  # others of this address may have had much meanwhile
            if options.format == "html":
                return await self.pages.room(request, channel, events, bill)
            if options.format == "text":
                return Response(body=await in_slices(map(stored_line, events), events, bill, self.context.hub))
            began = bill.began()
            if options.format == "json":
                name = shown(self.context, request, channel.room)
                page = _json_page(request, channel, name, first_seq, options, events)
            else:
                page = Response(body=b"".join([event.json + b"\n" for event in events]), content_type=NDJSON)
            bill.charge(began, len(page.body))
            return page
        finally:
            channel.release()

    async def _wait(self, actor: Actor, channel: Channel, seq: int, seconds: float) -> None:
        """Wait for an event after `seq`, as long as the actor is let in."""
        may_wait = None
        if actor.account is None:
            may_wait = partial(self.context.policies.may, actor, "read", channel.room)
        await self.guard.unless_ended(actor, channel.wait_for_news(seq, seconds, may_wait))

    async def _events(
        self, actor: Actor, channel: Channel, since: Cursor | None, options: PageOptions
    ) -> Sequence[Stored]:
        door, limit = self.context.door, options.limit or DEFAULT_LIMIT
        max_bytes = HTML_BYTES if options.format == "html" else PAGE_BYTES
        if since is not None:
            _check_cursor(channel, since, door.first_seq(actor, channel))
            return await door.after(actor, channel, since.seq, limit, max_bytes)
        before = options.before or Cursor(None, channel.head + 1)
        if before.epoch not in (None, channel.epoch):
            _check_cursor(channel, before, 0)
        return await door.before(actor, channel, before.seq, limit, max_bytes)

    async def _stream(self, request: Request, options: RoomOptions) -> OpenResponse:
        # A person who follows wants to see the last messages; a program without a cursor starts at the head.
        tail = options.limit or (DEFAULT_LIMIT if options.format == "text" else 0)
        with self.guard.place(request) as place:
            channel = await self.context.door.open(request.actor, options.room, "read")
            return self.streams.one(request, channel, options.format, Start(options.since, tail), place)

    @GET_MESSAGES.short(WEBSOCKET, "/{room}", "A room, live both ways", parameters=SocketOptions, rate=None, example="")
    async def websocket(self, request: Request, options: SocketOptions) -> Upgrade:
        """A WebSocket of one room."""
        opening = handshake(request.field)
        with self.guard.place(request) as place:
            channel = await self.context.door.open(request.actor, options.room, "read")
            return self.streams.websocket(request, opening, [(channel, Start(options.since))], options.room, place)


def _check_cursor(channel: Channel, cursor: Cursor, first_seq: int) -> None:
    """Raises Refusal("cursor_gone"), with the members of a `reset`, where the log cannot be continued."""
    reason = channel.gap(cursor, first_seq)
    if reason is not None:
        raise channel.cursor_gone(reason, first_seq)


def _json_page(
    request: Request, channel: Channel, name: str, first_seq: int, options: PageOptions, events: Sequence[Stored]
) -> Response:
    """A page with the addresses of the pages beside it, in the body and as Link fields (RFC 8288).

    The log begins at `first_seq` for who asks, who calls the room by `name`.

    A client that asked with `format=json` in the address is led to JSON again.
    """
    epoch, path = channel.epoch, request.peer.prefix + options.address.format(room=quote(name, safe=IN_PATHS))
    first = events[0].seq if events else None
    asked = channel.head if options.since is None else options.since.seq
    if options.before is not None:
        asked = min(max(options.before.seq - 1, 0), channel.head)  # nothing is below: what comes next begins there
    newest = events[-1].seq if events else asked
    limit = "" if options.limit is None else f"&limit={options.limit}"
    kept = limit + ("" if request.parameter("format") is None else "&format=json")
    following = f"{path}?since={epoch}.{newest}{kept}"
    previous = f"{path}?before={epoch}.{first}{kept}" if first is not None and first > first_seq else None
    links = [f'<{following}>; rel="next"', *([] if previous is None else [f'<{previous}>; rel="prev"'])]
    fields = tuple([(FieldName.LINK, link.encode()) for link in links])
    stored = cast("list[Event]", [Raw(event.json) for event in events])  # encoded as they are
    page = Page(name, epoch, stored, first_seq, channel.head, following, previous)
    return Response(body=encode(page), content_type=JSON, fields=fields)
