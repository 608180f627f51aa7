"""A WebSocket: events and control items out, operations in; over one room or many (docs/protocol.md#websocket)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from parlour.chat.directs import Directs
from parlour.chat.inbox import Inbox
from parlour.chat.ports import Clock
from parlour.chat.posting import Posting
from parlour.chat.reading import REQUEST_S
from parlour.core.actor import Actor
from parlour.core.cursor import parse_cursor
from parlour.core.errors import Refusal
from parlour.core.event import Answer
from parlour.core.limits import Buckets, Limits
from parlour.core.payloads import log_of_account
from parlour.http.throttle import Throttle
from parlour.hub.door import Door
from parlour.hub.hub import Hub
from parlour.hub.presence import Presences
from parlour.schema import commands
from parlour.schema.events import Bye, Closed, Heartbeat
from parlour.schema.json_line import encode
from parlour.stream.encoding import WEBSOCKET
from parlour.stream.live import CHECKS, Client, LiveSession, Start, Starts, Timing
from parlour.wire.websocket import FrameReader, Ping, Pong, Text, close_frame, ping_frame, pong_frame, text_frame

log = logging.getLogger("parlour.stream")

GOING_AWAY = 1001
POLICY = 1008
SERVICE_RESTART = 1012
CLOSED = 4003
SLOW = 4008
"""Close codes: RFC 6455 §7.4.1, the registry's 1012, and ours: the room is closed to the reader, it takes nothing."""

LAST_CHECK_S = 2
"""The time that a slow peer is given to read why it is cut off."""

MAX_UNANSWERED = 256
"""Sends of one WebSocket on their way to the disk; then it is not read from, or their answers would pile up."""

NONE: Mapping[str, Start] = {}


@dataclass(frozen=True, slots=True)
class Common:
    """Resources that all WebSockets of a server share."""

    hub: Hub
    door: Door
    directs: Directs
    posting: Posting
    presences: Presences
    inbox: Inbox
    limits: Limits
    clock: Clock
    throttle: Throttle
    timing: Timing
    current: Callable[[Actor], Actor]
    """The same actor, with its account as it is now."""


class WebSocketSession(LiveSession):
    """One WebSocket. With `room` it reads that room and operations mean it; without, rooms are subscribed to.

    An idle one holds no frame reader: it is made when bytes come and dropped at a frame border.
    """

    __slots__ = (
        "_asked", "_begun_at", "_common", "_heard", "_is_cut_off", "_is_throttled", "_last", "_opening", "_pinged",
        "_pings", "_reader", "_room", "_unanswered",
    )  # fmt: skip

    def __init__(self, common: Common, starts: Starts, client: Client, *, room: str | None) -> None:
        super().__init__(common.hub, WEBSOCKET, starts, client, common.timing)
        self._common = common
        self._room = room
        self._pings: Buckets | None = None
        self._asked: Buckets | None = None
        self._reader: FrameReader | None = None
        self._begun_at = 0.0  # when the message began that the reader is in
        self._heard = True
        self._is_cut_off = False  # the close frame for a slow peer is written
        self._pinged = False
        self._is_throttled = False
        self._unanswered = 0  # sends on their way to the disk
        self._last: bytes | None = None  # what ends the connection once they are answered
        self._opening: Mapping[str, Start] = NONE  # rooms that are subscribed to, whose channel is being opened

    def received(self, data: bytes) -> None:
        """Frames have come from the peer."""
        if self.sink is None or self._last is not None:
            return
        self._heard = True
        reader = self._reader
        if reader is None:
            self._begun_at = self._common.clock.monotonic()
            reader = self._reader = self._new_reader()
        items = reader.feed(data)
        for received in items:
            if isinstance(received, Text):
                self._dispatch(received.text)
            elif isinstance(received, Ping | Pong) and not self._may_ping():
                self._close(POLICY, "too many pings or pongs")
            elif isinstance(received, Ping):
                self._answer(pong_frame(received.payload))
            if self.sink is None or self._last is not None:
                return  # what comes behind the end counts no more
        if reader.is_closed:
            self._reader = None
            self._end_with(reader.outgoing())
        elif reader.is_idle:
            self._reader = None
        elif any(isinstance(received, Text) for received in items):
            self._begun_at = self._common.clock.monotonic()

    def _new_reader(self) -> FrameReader:
        return FrameReader(self._common.limits)

    def _may_ping(self) -> bool:
        """Count a ping or pong; a peer that sends them all the time makes us work for nothing."""
        if self._pings is None:
            rate = self._common.limits.websocket_controls_per_s
            self._pings = Buckets(rate, rate, capacity=1)
        return self._pings.take("", self._common.clock.monotonic()) == 0.0

    def _may_ask(self) -> bool:
        """Count an operation that stores nothing, or was refused."""
        if self._asked is None:
            limits = self._common.limits
            self._asked = Buckets(limits.websocket_ops_per_s, limits.websocket_ops_burst, capacity=1)
        return self._asked.take("", self._common.clock.monotonic()) == 0.0

    def _dispatch(self, message: str) -> None:
        key: str | None = None
        try:
            op = commands.decode_op(message)
            self.actor = self._common.current(self.actor)
            is_free = isinstance(op, commands.SendOp)  # sends have rates of their own
            if isinstance(op, commands.SendOp):
                key = op.key
                self._send(op)
            else:
                self._run(op)
        except Refusal as refusal:
            self._answer_with(_error(key, refusal))
            if refusal.code == "overloaded":
                self._pause_reading()
            is_free = refusal.kind.status >= 500  # that the disk is busy or full is not the peer's doing
        if not is_free and not self._may_ask():
            self._close(POLICY, "too many operations")

    def _run(self, op: commands.Op) -> None:
        if isinstance(op, commands.TypingOp):
            self._typing(op)
        elif isinstance(op, commands.PresenceOp):
            self._announce(op)
        elif isinstance(op, commands.PingOp):
            self._answer_with(commands.PongReply())
        elif isinstance(op, commands.SubscribeOp):
            self._subscribe(op)
        elif isinstance(op, commands.MeOp):
            self._follow_me(op)
        elif isinstance(op, commands.UnsubscribeOp):
            room = self._named(op.room)
            if self._room is not None or not (self._stop_opening(room) or self.leave(room)):
                raise Refusal("bad_op", "There is no such subscription on this connection.", field="room")
            self._answer_with(commands.Unsubscribed(self._shown(room)))
        else:
            assert isinstance(op, commands.ReadOp)
            self._read_up_to(op)

    def _send(self, op: commands.SendOp) -> None:
        room = self._meant(op.room)
        if room is None or (self._room is not None and room != self._room):
            raise Refusal("bad_op", "Name the room; on the address of a room it is that room.", field="room")

        def done(answer: Answer) -> None:
            self._unanswered -= 1
            if self._unanswered == MAX_UNANSWERED - 1 and self.sink is not None and not self._is_throttled:
                self.sink.pause_reading(False)
            if isinstance(answer, Refusal):
                self._answer_with(_error(op.key, answer))
            else:
                self.flush(room)  # the event comes before its ack
                self._answer_with(commands.Ack(op.key, self._shown(room), answer.seq, replay=answer.replay))
            if self._last is not None and not self._unanswered:
                self._end_with(self._last)

        self._common.posting.post(self.actor, room, op.text, done, key=op.key, name=op.name)
        self._unanswered += 1
        if self._unanswered == MAX_UNANSWERED and self.sink is not None:
            self.sink.pause_reading(True)

    def _named(self, text: str) -> str:
        """The canonical name of a room that the peer names. Raises Refusal."""
        return self._common.directs.room(self.actor, text)

    def _meant(self, text: str | None) -> str | None:
        """The room that an operation is about: the one that it names, or that of the connection. Raises Refusal."""
        if text is None and self._room is not None:
            text = self.names.get(self._room)  # of a direct room, in which nothing may have been said yet
        return self._room if text is None else self._named(text)

    def _shown(self, room: str) -> str:
        """What the peer calls a room."""
        account = self.actor.account
        known = self.names.get(room)
        return known or self._common.directs.address(None if account is None else account.id, room)

    def _pause_reading(self) -> None:
        """Do not read from the peer for a moment: the server is overloaded."""
        if self.sink is not None and not self._is_throttled:
            self._is_throttled = True
            self.sink.pause_reading(True)
            self._common.throttle.delay(self._resume_reading)

    def _resume_reading(self) -> None:
        self._is_throttled = False
        if self.sink is not None and self._unanswered < MAX_UNANSWERED:
            self.sink.pause_reading(False)

    def _announce(self, op: commands.PresenceOp) -> None:
        rooms = self.rooms_read()
        if not rooms:
            raise Refusal("bad_op", "Subscribe to a room first.", field="op")
        author = self._common.posting.author_in(self.actor, rooms[0], op.name)
        self._common.presences.announce(self, author, is_away=op.state == "away")

    def _typing(self, op: commands.TypingOp) -> None:
        room = self._meant(op.room)
        if room is None or self.position(room) is None:
            raise Refusal("bad_op", "Subscribe to the room first.", field="room")
        author = self._common.posting.typing(self.actor, room, op.name)
        if author is not None:
            self.hub.show_typing(room, author)

    def _read_up_to(self, op: commands.ReadOp) -> None:
        room = self._meant(op.room)
        if room is None:
            raise Refusal("bad_op", "Name the room; on the address of a room it is that room.", field="room")
        self._common.inbox.account(self.actor)
        self.hub.resources.spawn(self._mark(room, op.seq))

    async def _mark(self, room: str, seq: int) -> None:
        try:
            await self._common.inbox.read(self.actor, room, seq)
        except Refusal as refusal:
            self._answer_with(_error(None, refusal))
        else:
            self._answer_with(commands.Marked(self._shown(room), seq))

    def _subscribe(self, op: commands.SubscribeOp) -> None:
        room = self._named(op.room)
        if self._room is not None:
            raise Refusal("bad_op", "This connection is for one room; /api/v1/stream takes many.", field="room")
        if room in self._opening or self.position(room) is not None:
            raise Refusal("bad_op", "This connection is subscribed to that room already.", field="room")
        most = self._common.limits.stream_rooms
        if self.rooms + len(self._opening) >= most:
            raise Refusal("bad_op", f"One connection takes {most} rooms.", field="room")
        self.bill.check()
        self.bill.add(REQUEST_S)
        start = Start(None if op.since is None else parse_cursor(str(op.since)))
        self._opening = {**self._opening, room: start}
        self.hub.resources.spawn(self._open(room, start))

    def _follow_me(self, op: commands.MeOp) -> None:
        room = log_of_account(self._common.inbox.account(self.actor).id)
        if room in self._opening or self.position(room) is not None:
            raise Refusal("bad_op", "This connection follows your account already.", field="op")
        self.bill.check()
        self.bill.add(REQUEST_S)
        start = Start(None if op.since is None else parse_cursor(str(op.since)))
        self._opening = {**self._opening, room: start}
        self.hub.resources.spawn(self._open(room, start))

    def _stop_opening(self, room: str) -> bool:
        """Forget a room whose channel is being opened; False if there is none."""
        if room not in self._opening:
            return False
        self._opening = {other: start for other, start in self._opening.items() if other != room} or NONE
        return True

    async def _open(self, room: str, start: Start) -> None:
        try:
            channel = await self._common.door.open(self.actor, room, "read")
        except Refusal as refusal:
            if self._opening.get(room) is start:
                self._stop_opening(room)
                self._answer_with(_error(None, refusal))
            return
        if self.sink is None or self._opening.get(room) is not start:  # gone, or unsubscribed meanwhile
            channel.release()
            return
        if room[0] == ".":
            await self.follow_own(channel, start, text_frame(encode(commands.Subscribed(room, channel.cursor))))
            self._stop_opening(room)
            return
        self._stop_opening(room)
        if (name := self._shown(room)) != room:
            self.names = {**self.names, room: name}
        first = b"" if self._is_cut_off else text_frame(encode(commands.Subscribed(self._shown(room), channel.cursor)))
        try:
            self.begin(channel, start, first)
        except Exception:  # whatever broke: a peer that was told nothing would wait for a room that never comes
            log.exception("subscribe_failed")
            if self.sink is not None:
                self.sink.abort()

    def _answer_with(
        self, item: commands.Ack | commands.OpError | commands.PongReply | commands.Unsubscribed | commands.Marked
    ) -> None:
        self._answer(text_frame(encode(item)))

    def _answer(self, frame: bytes) -> None:
        """Write a frame that need not wait for what rooms have handed out."""
        if self.sink is not None and not self._is_cut_off:
            self.sink.write(frame)

    def room_closed(self, room: str, refusal: Refusal) -> None:
        """Tell the peer that it may not read a room any more; a connection for this room alone ends."""
        self.show(Closed(room, refusal.code, refusal.detail), room)
        if room == self._room:
            self._close(CLOSED, refusal.detail)

    def end_refused(self, refusal: Refusal) -> None:
        """Close, with the reason."""
        self._close(CLOSED, refusal.detail)

    def send_heartbeat(self) -> None:
        """Ping the peer, with a heartbeat for scripts that cannot see pings; the next time see whether it lives."""
        sink = self.sink
        if sink is None:
            return
        limits = self._common.limits
        if self._reader is not None and self._common.clock.monotonic() - self._begun_at >= limits.websocket_message_s:
            self._close(POLICY, "the message did not end in time")
        elif not self._pinged:
            self._pinged, self._heard = True, False
            self.write(ping_frame(b"") + text_frame(encode(Heartbeat(self.heads()))))
            sink.wake_in(limits.websocket_pong_s)
        elif self._heard:
            self._pinged = False
            sink.wake_in(max(1.0, self.timing.heartbeat_s - limits.websocket_pong_s))
        else:
            self._close(GOING_AWAY, "no answer to a ping")

    def close_with_bye(self, reconnect_after_ms: int, reason: str) -> None:
        """Say bye and close."""
        self._end_with(text_frame(encode(Bye(reconnect_after_ms))) + close_frame(SERVICE_RESTART, reason))

    def cut_off(self) -> None:
        """The peer has taken nothing for too long: tell it, in case it reads again just now; then do not wait again."""
        if self._is_cut_off:
            super().cut_off()
        elif self.sink is not None:
            self._is_cut_off = True
            self.sink.write(close_frame(SLOW, "too slow; come back with your cursor"))
            self._expect_progress(self.sink.buffered())
            self._checks = CHECKS - 1
            self.sink.wake_in(LAST_CHECK_S)

    def resumed(self) -> None:
        """The peer has drained its buffer: catch up, or end where it was cut off."""
        if self._is_cut_off:
            self.finish()
        else:
            super().resumed()

    def _close(self, code: int, reason: str) -> None:
        self._end_with(close_frame(code, reason))

    def _end_with(self, last: bytes) -> None:
        """Write the last bytes and close; behind the answers to what is still being stored."""
        if self.sink is None:
            return
        if self._unanswered:
            self._last = last
        else:
            self.write(last)
            self.finish()


def _error(key: str | None, refusal: Refusal) -> commands.OpError:
    retry_after_ms = None if refusal.retry_after is None else int(refusal.retry_after * 1000) + 1
    return commands.OpError(key, refusal.code, refusal.detail, retry_after_ms, refusal.field)
