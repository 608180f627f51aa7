"""Reading a room: pages, long-poll, streams and WebSocket at one URL, by what the client asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

from parlour.api.context import Context
from parlour.api.guard import Guard
from parlour.api.messages import room_path
from parlour.api.pages import Pages
from parlour.api.reading import DEFAULT_LIMIT, Reading, parse_api_reading, parse_reading
from parlour.api.streams import Streams, asks_for_websocket
from parlour.chat.new_rooms import LOOKED_AT
from parlour.chat.reading import Bill
from parlour.core.actor import Actor
from parlour.core.cursor import Cursor, parse_cursor
from parlour.core.errors import Refusal
from parlour.core.event import Stored
from parlour.core.names import room_name
from parlour.http.fields import FieldName, Fields
from parlour.http.request import Request
from parlour.http.response import JSON, NDJSON, OpenResponse, Reply, Response, Upgrade
from parlour.http.router import NOTHING_HERE
from parlour.hub.channel import Channel
from parlour.hub.history import PAGE_BYTES, cursor_gone
from parlour.hub.hub import Hub
from parlour.hub.subscription import PAGE_BYTES as SLICE_BYTES
from parlour.schema.json_line import encode
from parlour.schema.pages import RoomInfo, RoomList
from parlour.schema.pages import page as encode_page
from parlour.stream.encoding import stored_line
from parlour.stream.live import Start
from parlour.stream.long_poll import wait_for_news
from parlour.wire.websocket import handshake

HTML_BYTES = 131072
"""Events of an HTML page, as JSON: pictures of what cannot be seen make it up to fifteen times as long."""


class Rooms:
    """The handlers of reading."""

    def __init__(self, context: Context, guard: Guard, pages: Pages) -> None:
        self._context = context
        self._guard = guard
        self._pages = pages
        self._streams = Streams(context, guard)

    async def read(self, request: Request) -> Reply:
        """`GET /<room>` in every format."""
        return await self.read_room(request, _room(request))

    async def read_room(self, request: Request, room: str) -> Reply:
        """The same for a room that is known already, by its canonical name."""
        if asks_for_websocket(request):
            return await self._websocket(request, room)
        reading = parse_reading(request)
        if reading.format == "sse" or reading.follow:
            return await self._stream(request, room, reading)
        return await self._page(request, room, reading, f"/{quote(room, safe='')}")

    async def api_read(self, request: Request) -> Reply:
        """`GET /api/v1/rooms/<room>/messages`: the JSON page and the long-poll."""
        room = room_name(request.params["room"])
        reading = parse_api_reading(request, "since", "before", "limit", "wait")
        return await self._page(request, room, reading, f"/api/v1/rooms/{quote(room, safe='')}/messages")

    async def list(self, request: Request) -> Response:
        """`GET /api/v1/rooms`: rooms with events, most recently active first."""
        reading = parse_api_reading(request, "limit")
        bill = self._guard.limit_reading(request)
        limit, epoch = reading.page_limit, self._context.store.epoch
        found = await self._context.door.rooms(self._guard.actor(request), LOOKED_AT)  # more than are ever shown
        began = bill.began()
        found = self._context.new_rooms.listed(found)
        rooms = [
            RoomInfo(room.room, epoch, room.log.first_seq, room.log.head_seq, room.active_at) for room in found[:limit]
        ]
        body = encode(RoomList(rooms, len(found) > limit))
        bill.charge(began, len(body))
        return Response(body=body, content_type=JSON)

    async def describe(self, request: Request) -> Response:
        """`GET /api/v1/rooms/<room>`: the extent of a room's log."""
        room = room_name(request.params["room"])
        parse_api_reading(request)
        self._guard.limit_reading(request)
        log = await self._context.door.extent(self._guard.actor(request), room)
        info = RoomInfo(room, self._context.store.epoch, log.first_seq, log.head_seq)
        return Response(body=encode(info), content_type=JSON)

    # --- pages ---

    async def _page(self, request: Request, room: str, reading: Reading, path: str) -> Response:
        bill = self._guard.limit_reading(request)
        actor = self._guard.actor(request)
        channel = await self._context.door.open(actor, room, "read")
        try:
            if reading.wait_s:
                if reading.since is None:  # no cursor yet: whatever comes next
                    reading = replace(reading, since=Cursor(None, channel.head))
                assert reading.since is not None
                self._check_cursor(channel, reading.since)
                if channel.head <= reading.since.seq:
                    with self._guard.place(request):
                        await wait_for_news(channel, reading.since.seq, reading.wait_s, self._context.wheel)
            events = await self._events(actor, channel, reading)
            bill.check()  # others of this address may have had much meanwhile
            if reading.format == "html":
                return await self._pages.room(request, channel, events, bill)
            if reading.format == "text":
                return Response(body=await _text_page(events, bill, self._context.hub))
            began = bill.began()
            if reading.format == "json":
                named = "" if request.parameter("format") is None else "&format=json"
                page = _json_page(channel, reading, events, request.peer.prefix + path, named)
            else:
                page = Response(body=b"".join([event.json + b"\n" for event in events]), content_type=NDJSON)
            bill.charge(began, len(page.body))
            return page
        finally:
            channel.release()

    async def _events(self, actor: Actor, channel: Channel, reading: Reading) -> Sequence[Stored]:
        door, limit = self._context.door, reading.page_limit
        max_bytes = HTML_BYTES if reading.format == "html" else PAGE_BYTES
        if reading.since is not None:
            self._check_cursor(channel, reading.since)
            return await door.after(actor, channel, reading.since.seq, limit, max_bytes)
        if reading.before is not None:
            if reading.before.epoch not in (None, channel.epoch):
                self._check_cursor(channel, reading.before)
            return await door.before(actor, channel, reading.before.seq, limit, max_bytes)
        return await door.before(actor, channel, channel.head + 1, limit, max_bytes)

    def _check_cursor(self, channel: Channel, cursor: Cursor) -> None:
        """Raises Refusal("cursor_gone"), with the members of a `reset`, where the log cannot be continued."""
        reason = channel.gap(cursor)
        if reason is not None:
            raise cursor_gone(channel, reason)

    # --- one event ---

    async def event(self, request: Request) -> Reply:
        """`GET /<room>/<seq>`: the permanent link of an event."""
        room = _room(request)
        seq = _event_number(request.params["item"])
        return await self._event(request, room, seq, parse_reading(request, ("text", "html", "json")))

    async def api_event(self, request: Request) -> Reply:
        """`GET /api/v1/rooms/<room>/messages/<seq>`."""
        seq = _event_number(request.params["item"])
        return await self._event(request, room_name(request.params["room"]), seq, parse_api_reading(request))

    async def _event(self, request: Request, room: str, seq: int, reading: Reading) -> Response:
        bill = self._guard.limit_reading(request)
        actor, door = self._guard.actor(request), self._context.door
        channel = await door.open(actor, room, "read")
        try:
            if seq > channel.head:
                raise Refusal("not_found", f"There is no event {seq} yet: {channel.extent}.")
            if seq < channel.first_seq:
                raise Refusal("gone", f"The log of this room begins at {channel.first_seq}.")
            if reading.format == "html":
                # The page around it, scrolled to it: only a redirect can name a place in a page.
                before = seq + DEFAULT_LIMIT // 2
                around = "" if before > channel.head else f"?before={before}"
                place = b"%b%b#m%d" % (room_path(request.peer.prefix, room), around.encode(), seq)
                return Response(303, fields=((FieldName.LOCATION, place),))
            event = await door.event(actor, channel, seq)
            if reading.format == "json":
                return Response(body=event.json + b"\n", content_type=JSON)
            began = bill.began()
            line = stored_line(event).encode()
            bill.charge(began, len(event.json))
            return Response(body=line)
        finally:
            channel.release()

    # --- streams ---

    async def _stream(self, request: Request, room: str, reading: Reading) -> OpenResponse:
        self._guard.limit_reading(request)
        tail = reading.limit
        if tail is None:
            # A person who follows wants to see what was said; a program that has no cursor starts at the head.
            tail = DEFAULT_LIMIT if reading.format == "text" else 0
        with self._guard.place(request) as place:
            channel = await self._context.door.open(self._guard.actor(request), room, "read")
            return self._streams.one(request, channel, reading.format, Start(reading.since, tail), place)

    async def _websocket(self, request: Request, room: str) -> Upgrade:
        opening = handshake(request.field)
        since = request.parameter("since")
        start = Start(None if since is None else parse_cursor(since))
        with self._guard.place(request) as place:
            channel = await self._context.door.open(self._guard.actor(request), room, "read")
            return self._streams.websocket(request, opening, [(channel, start)], room, place)


async def _text_page(events: Sequence[Stored], bill: Bill, hub: Hub) -> bytes:
    """Events as lines, written in slices: a page of hostile texts takes ten times as long as one may hold the loop."""
    lines: list[bytes] = []
    with bill.reserved(sum([len(event.json) for event in events])):
        began, size = bill.began(), 0
        for event in events:
            lines.append(stored_line(event).encode())
            size += len(event.json)
            if size > SLICE_BYTES:
                bill.charge(began, size)
                await hub.turn()
                began, size = bill.began(), 0
        bill.charge(began, size)
    return b"".join(lines)


def _room(request: Request) -> str:
    """The room in the address. Names that the server keeps for itself are no rooms: there is nothing to be read.

    Raises Refusal (bad_room_name, not_found).
    """
    raw = request.params["room"]
    try:
        return room_name(raw)
    except Refusal as refusal:
        if refusal.code != "reserved_name":
            raise
        raise Refusal("not_found", NOTHING_HERE) from None


def _event_number(item: str) -> int:
    """The seq in the address of an event. Raises Refusal("not_found")."""
    try:
        cursor = parse_cursor(item)
    except Refusal:
        cursor = Cursor(None, 0)
    if cursor.seq == 0 or cursor.epoch is not None:
        raise Refusal("not_found", "Below a room there are its events, by number: /lobby/42.")
    return cursor.seq


def _json_page(channel: Channel, reading: Reading, events: Sequence[Stored], path: str, named: str) -> Response:
    """A page with the ways to the pages beside it, in the body and as Link fields (RFC 8288).

    `named` is the format as a parameter, if the reader gave it: who asks with the address is led to JSON again.
    """
    epoch = channel.epoch
    first = events[0].seq if events else None
    asked = channel.head if reading.since is None else reading.since.seq
    if reading.before is not None:
        asked = min(max(reading.before.seq - 1, 0), channel.head)  # nothing is below: what comes next begins there
    newest = events[-1].seq if events else asked
    kept = named if reading.limit is None else f"&limit={reading.limit}{named}"
    following = f"{path}?since={epoch}.{newest}{kept}"
    previous = f"{path}?before={epoch}.{first}{kept}" if first is not None and first > channel.first_seq else None
    fields: Fields = ((FieldName.LINK, f'<{following}>; rel="next"'.encode()),)
    if previous is not None:
        fields += ((FieldName.LINK, f'<{previous}>; rel="prev"'.encode()),)
    body = encode_page(channel.room, epoch, events, channel.first_seq, channel.head, following, previous)
    return Response(body=body, content_type=JSON, fields=fields)
