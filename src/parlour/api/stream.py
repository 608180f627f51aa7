"""Many rooms on one connection, as server-sent events or as a WebSocket."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Annotated

from msgspec import Struct

from parlour.api.direct import shown
from parlour.api.operation import GONE, Operation, Success
from parlour.api.parameters import FLAG, ROOM, TEXT, Ticket, one_of
from parlour.api.resource import Resource
from parlour.chat.reading import REQUEST_S
from parlour.core.actor import Actor
from parlour.core.cursor import MAX_SEQ, Cursor
from parlour.core.direct import is_direct
from parlour.core.errors import Refusal
from parlour.core.payloads import log_of_account
from parlour.http.request import Request
from parlour.http.response import OpenResponse, Upgrade
from parlour.http.router import WEBSOCKET
from parlour.hub.channel import Channel
from parlour.stream.follow import encode_cursors, parse_cursors
from parlour.stream.live import Start
from parlour.wire.websocket import handshake

MAX_SSE_ROOMS = 32
MAX_ID_BYTES = 7168
"""Every `id:` carries all cursors and comes back as one header field, of at most 8 KiB."""


class StreamOptions(Struct, frozen=True, kw_only=True):
    """The rooms of a stream, and where it continues."""

    room: Annotated[list[str], ROOM, "A room to follow; 1 to 32 of them, or none with `me`."]
    me: Annotated[bool, FLAG, "1: also the log of your account, and what is unread in the rooms of your list."] = False
    since: Annotated[str | None, TEXT, "Where to continue, as the `id` of an event; without it, from now on."] = None
    last_event_id: Annotated[str | None, TEXT, "The same, and wins over `since`.", "Last-Event-ID"] = None
    format: Annotated[str, one_of("sse"), "May say what is answered anyway."] = "sse"
    ticket: Ticket = None


class SocketOptions(Struct, frozen=True, kw_only=True):
    """The parameters of a WebSocket for many rooms."""

    ticket: Ticket = None


FOLLOW_ROOMS = Operation(
    "GET",
    "/api/v1/stream",
    "Follow many rooms on one connection",
    id="followRooms",
    help="As server-sent events: name the rooms; each event's `id` holds the cursors of all of them, and "
    "`Last-Event-ID` continues there. With `me=1` also what "
    "happens to the list of your rooms. As WebSocket (`Upgrade: websocket`): subscribe with operations; see "
    "`x-websocket`. Either way nothing is skipped or repeated; what cannot be continued begins with a `reset`.",
    right="read",
    rate="reading",
    parameters=StreamOptions,
    answers=(
        Success(200, "Server-sent events without an end.", str, "text/event-stream"),
        Success(101, "From here on WebSocket."),
    ),
    refusals=(
        *("bad_cursor", "bad_upgrade", "cross_origin", "upgrade_required", "storage_unavailable"),
        *GONE,
    ),
    example="-N '{url}/api/v1/stream?room=lobby&since={epoch};lobby=0'",
)


class StreamResource(Resource):
    """The handlers of many rooms."""

    @FOLLOW_ROOMS
    async def events(self, request: Request, options: StreamOptions) -> OpenResponse:
        """Server-sent events of the rooms that the address names."""
        rooms = list(dict.fromkeys(options.room))
        most = min(MAX_SSE_ROOMS, self.context.limits.stream_rooms)
        if not (0 if options.me else 1) <= len(rooms) <= most:
            raise Refusal("bad_parameter", f"Name 1 to {most} rooms with room=.", field="room")
        if options.me:
            rooms.append(log_of_account(self.context.inbox.account(request.actor).id))
        names = [shown(self.context, request, room) for room in rooms]
        if len(encode_cursors(self.context.store.epoch, dict.fromkeys(names, MAX_SEQ))) > MAX_ID_BYTES:
            raise Refusal("bad_parameter", "The names of these rooms are too long for one stream.", field="room")
        cursors: dict[str, Cursor] = {}
        if options.last_event_id:
            cursors = parse_cursors(options.last_event_id, "Last-Event-ID")
        elif options.since is not None:
            cursors = parse_cursors(options.since, "since")
        self.guard.bill(request).add(REQUEST_S * len(rooms))
        actor = request.actor
        cursors = {self._canonical(actor, room): cursor for room, cursor in cursors.items()}
        channels: list[tuple[Channel, Start]] = []
        with self.guard.place(request) as place, ExitStack() as undo:
            for room in rooms:
                channel = await self.context.door.open(actor, room, "read")
                undo.callback(channel.release)
                channels.append((channel, Start(cursors.get(room))))  # without a cursor at the head
            undo.pop_all()
            return self.streams.many(request, channels, place)

    def _canonical(self, actor: Actor, room: str) -> str:
        """The canonical name of a room in a cursor; one that is not found is as good as none."""
        if is_direct(room):
            with suppress(Refusal):
                return self.context.directs.find(actor, room)
        return room

    @FOLLOW_ROOMS.short(
        WEBSOCKET, "/api/v1/stream", "The same as a WebSocket", parameters=SocketOptions, rate=None, example=""
    )
    def websocket(self, request: Request, _: SocketOptions) -> Upgrade:
        """A WebSocket that is open to subscriptions."""
        opening = handshake(request.field)
        with self.guard.place(request) as place:
            return self.streams.websocket(request, opening, [], None, place)
