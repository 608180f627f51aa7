"""Makes the sessions of open streams and WebSockets."""

from __future__ import annotations

from collections.abc import Mapping

from parlour.api.context import Context
from parlour.api.direct import shown
from parlour.api.guard import Guard
from parlour.chat.reading import Place
from parlour.core.names import PRIVATE
from parlour.http.request import Request
from parlour.http.response import NDJSON, SSE, TEXT, OpenResponse, Upgrade
from parlour.hub.channel import Channel
from parlour.hub.encoder import Encoder
from parlour.hub.reader import NO_NAMES
from parlour.stream.encoding import STREAMS
from parlour.stream.export import ExportSession
from parlour.stream.follow import FollowSession, many_rooms
from parlour.stream.live import Client, LiveSession, Start, Starts, Timing
from parlour.stream.websocket import Common, WebSocketSession
from parlour.wire.sse import retry

CONTENT_TYPES = {"text": TEXT, "ndjson": NDJSON, "sse": SSE}


class Streams:
    """Makes the sessions. Ownership of the opened channels, and of the places of the address, goes to them."""

    def __init__(self, context: Context, guard: Guard) -> None:
        self._context = context
        self._guard = guard
        self._timing = Timing(context.limits.stream_comment_s, context.limits.stalled_s, context.ids.fraction)
        self._websockets = Common(
            hub=context.hub,
            door=context.door,
            directs=context.directs,
            posting=context.posting,
            presences=context.presences,
            inbox=context.inbox,
            limits=context.limits,
            clock=context.clock,
            throttle=context.throttle,
            timing=Timing(context.limits.websocket_ping_s, context.limits.stalled_s, context.ids.fraction),
            current=context.people.identities.current,
        )

    def one(self, request: Request, channel: Channel, format_: str, start: Start, place: Place) -> OpenResponse:
        """One room as `text`, `ndjson` or `sse`."""
        return self._follow(request, STREAMS[format_], CONTENT_TYPES[format_], [(channel, start)], place)

    def many(self, request: Request, starts: Starts, place: Place) -> OpenResponse:
        """Many rooms as server-sent events."""
        address = self._context.directs.address
        encoder = many_rooms(self._context.store.epoch, starts, self._names(request, starts), address)
        return self._follow(request, encoder, SSE, starts, place)

    def _follow(self, request: Request, encoder: Encoder, type_: bytes, starts: Starts, place: Place) -> OpenResponse:
        in_chunks = request.head.minor >= 1
        first = self._retry() if type_ == SSE else b""
        client = self._client(request, place, starts)
        session = FollowSession(self._context.hub, encoder, starts, client, self._timing, in_chunks, first)
        self._watch(request, session)
        return OpenResponse(session, type_, in_chunks)

    def export(
        self,
        request: Request,
        channel: Channel,
        encoder: Encoder,
        start: Start,
        place: Place,
        first: bytes,
        last: bytes,
    ) -> OpenResponse:
        """A room as a file between `first` and `last`."""
        in_chunks, starts = request.head.minor >= 1, [(channel, start)]
        client = self._client(request, place, starts)
        session = ExportSession(self._context.hub, encoder, starts, client, self._timing, in_chunks, first, last)
        self._watch(request, session)
        return OpenResponse(session, NDJSON, in_chunks)

    def _retry(self) -> bytes:
        """Have an EventSource that is cut off come back at its own random moment."""
        limits = self._context.limits
        return retry(int((limits.sse_retry_s + self._context.ids.fraction() * limits.sse_retry_spread_s) * 1000))

    def websocket(self, request: Request, opening: bytes, starts: Starts, room: str | None, place: Place) -> Upgrade:
        """A WebSocket, bound to a room or (None) open to subscriptions; `opening` answers its handshake."""
        session = WebSocketSession(self._websockets, starts, self._client(request, place, starts), room=room)
        self._watch(request, session)
        return Upgrade(session, opening)

    def _watch(self, request: Request, session: LiveSession) -> None:
        """Have a session end with what its peer is signed in with."""
        if request.actor.account is not None:
            session.forget = self._context.people.identities.watch(request.actor, session.signed_out)
        elif request.actor.guest_pass is not None:
            session.forget = self._context.people.known_passes.opened(request.actor.guest_pass.id)

    def _client(self, request: Request, place: Place, starts: Starts) -> Client:
        rule = self._context.policies.lasting_rule(request.actor, "read")
        who, names = self._context.policies.who(request.actor), self._names(request, starts)
        feed = self._context.inbox_feed
        return Client(request.actor, self._guard.bill(request), place.keep(), who, rule, names, feed)

    def _names(self, request: Request, starts: Starts) -> Mapping[str, str]:
        """What the client calls those of the rooms that have another name for it."""
        rooms = [channel.room for channel, _ in starts if channel.room[0] == PRIVATE]
        names = {room: shown(self._context, request, room) for room in rooms}
        return {room: name for room, name in names.items() if name != room} or NO_NAMES
