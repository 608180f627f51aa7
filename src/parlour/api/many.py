"""`/api/v1/stream`: many rooms on one connection, as WebSocket or SSE."""

from __future__ import annotations

from parlour.api.context import Context
from parlour.api.guard import Guard
from parlour.api.reading import refuse_unknown
from parlour.api.streams import Streams, asks_for_websocket
from parlour.chat.reading import REQUEST_S
from parlour.core.cursor import MAX_SEQ
from parlour.core.errors import Refusal
from parlour.core.names import room_name
from parlour.http.request import Request
from parlour.http.response import Reply
from parlour.hub.channel import Channel
from parlour.stream.follow import encode_cursors, parse_cursors
from parlour.stream.live import Start
from parlour.wire.websocket import handshake

MAX_SSE_ROOMS = 32
MAX_ID_BYTES = 7168
"""Every `id:` carries all cursors and comes back as one header field, of at most 8 KiB."""

_PARAMETERS = frozenset({"room", "since", "format"})


class Many:
    """The handler of many rooms."""

    def __init__(self, context: Context, guard: Guard) -> None:
        self._context = context
        self._guard = guard
        self._streams = Streams(context, guard)

    async def stream(self, request: Request) -> Reply:
        """`GET /api/v1/stream`: subscribe by `?room=` (SSE) or by operations (WebSocket)."""
        if asks_for_websocket(request):
            opening = handshake(request.field)
            with self._guard.place(request) as place:
                return self._streams.websocket(request, opening, [], None, place)
        refuse_unknown(request, _PARAMETERS)
        if request.parameter("format") not in (None, "sse"):
            raise Refusal("bad_parameter", "format is sse here.", field="format")
        rooms = list(dict.fromkeys(room_name(raw) for raw in request.query.get("room", ())))
        most = min(MAX_SSE_ROOMS, self._context.limits.stream_rooms)
        if not 1 <= len(rooms) <= most:
            raise Refusal("bad_parameter", f"Name 1 to {most} rooms with room=.", field="room")
        if len(encode_cursors(self._context.store.epoch, dict.fromkeys(rooms, MAX_SEQ))) > MAX_ID_BYTES:
            raise Refusal("bad_parameter", "The names of these rooms are too long for one stream.", field="room")
        starts = self._starts(request, rooms)
        self._guard.limit_reading(request).add(REQUEST_S * len(rooms))
        actor = self._guard.actor(request)
        channels: list[tuple[Channel, Start]] = []
        with self._guard.place(request) as place:
            try:
                for room in rooms:
                    channel = await self._context.door.open(actor, room, "read")
                    channels.append((channel, starts[room]))
            except BaseException:
                for channel, _ in channels:
                    channel.release()
                raise
            return self._streams.many(request, channels, place)

    def _starts(self, request: Request, rooms: list[str]) -> dict[str, Start]:
        """Where to begin in each room: at its cursor if the client brought one, else at the head."""
        header = request.field(b"last-event-id")
        text, field = (header.decode("latin-1"), "Last-Event-ID") if header else (request.parameter("since"), "since")
        cursors = {} if text is None else parse_cursors(text, field)
        return {room: Start(cursors.get(room)) for room in rooms}
