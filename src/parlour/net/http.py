"""A connection that speaks HTTP: one request after another, each answered before the next."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from termios import FIONREAD
from typing import Any

from parlour.core.errors import Refusal
from parlour.http.request import Admission, Peer, Request
from parlour.http.response import DeferredResponse, OpenResponse, Reply, Response, Upgrade, encode, encode_open
from parlour.net.connection import ClosingConnection, Connection
from parlour.net.large import LargeAnswer
from parlour.net.server import Server
from parlour.net.stream import StreamConnection, WebSocketConnection
from parlour.wire.http1 import RequestDecoder, RequestHead

log = logging.getLogger("parlour.net")

READ_AHEAD = 65536
"""Bytes of pipelined requests kept while one is being answered. When there are more, nothing is read any more."""

GONE_S = 1
"""A client that closes its side before its GET is answered has gone, if the answer takes longer than this."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

BETWEEN, HEAD, BODY, READY, ANSWER, THROTTLED, LAST = range(7)
"""What a connection waits for: a request, the rest of its head, its body (`Server.read_ticks` says how long); the next
iteration of the loop, to take a request; an answer; the end of a delay after 503; the peer to take the last answer."""


class HttpConnection(Connection):
    """Gives requests to the application until one opens a stream or a WebSocket, or the connection ends.

    `head` is that of the request that is being read or answered, `answering` what it waits for. `large`: an answer that
    the peer has not taken yet; the connection is paused until it has. `is_last`: no request is answered after the last
    one. `is_over`: the connection is lost, or another object speaks for it.
    """

    __slots__ = (
        "_is_reading_paused", "_waits_for", "answering", "began", "decoder", "head", "is_last", "is_over", "large",
        "peer", "remaining",
    )  # fmt: skip

    def __init__(self, server: Server, address: str = "") -> None:
        super().__init__(server, address)
        self.decoder: RequestDecoder = server.decoder()
        self.head: RequestHead | None = None
        self.answering: asyncio.Task[None] | DeferredResponse | None = None
        self.large: LargeAnswer | None = None
        self.peer: Peer | None = None  # known once a head has been read
        self.remaining = server.limits.connection_requests
        self.is_last = self.is_over = False
        self.began = 0.0  # when the request was there as a whole, for the access log
        self._waits_for = BETWEEN
        self._is_reading_paused = False  # the transport reads no more

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self.begin()

    def begin(self) -> None:
        """Wait for the first request; called after `hand_over` over TLS."""
        limits = self.server.limits
        self.transport.set_write_buffer_limits(high=limits.in_flight_bytes)
        self.server.wheel.set(self, limits.header_read_s)

    def data_received(self, data: bytes) -> None:
        """Bytes have come from the peer."""
        self.decoder.feed(data)
        if self._waits_for <= BODY and not self.is_paused:
            self._advance()
        elif self.decoder.buffered > READ_AHEAD:
            self._stop_reading()  # until more bytes are needed

    def eof_received(self) -> bool:
        """The peer has closed its side. What it has asked for is still answered."""
        self.has_ended = True
        if self._waits_for == ANSWER and self.head is not None and self.head.method in ("GET", "HEAD"):
            self.server.wheel.set(self, GONE_S)
        elif self._waits_for <= BODY and not self.is_paused:
            self._advance()
        if self.large is not None and not self.transport.can_write_eof():  # TLS ends both ways at once
            self.transport.write(self.large.next_piece(self.large.left))
        return not self.is_over and not self.transport.is_closing() and self.transport.can_write_eof()

    def resume_writing(self) -> None:
        """The peer has taken what was written: write on, or take the next request."""
        super().resume_writing()
        if self.large is not None:
            self.write_large()
        if self.large is None:
            self.server.loop.call_soon(self._advance)  # not now: asyncio fails if it is closed within its own writing

    def _advance(self) -> None:
        """Take the requests that have arrived: a few in this iteration of the loop, because others wait too."""
        if self.is_over or self.is_paused or self._waits_for in (ANSWER, THROTTLED):
            return
        if self._waits_for == LAST:
            if self.large is None:
                self.finish()
            return
        try:
            for _ in range(self.server.limits.pipelined_requests):
                self._take_request()
                if self._waits_for != READY or self.is_paused or self.is_over:
                    return
        except Refusal as refusal:
            self.refuse(refusal, self.head)
        except Exception:
            log.exception("connection_failed")
            self.refuse(Refusal("internal"), self.head)
        else:
            if self.decoder.buffered > READ_AHEAD:
                self._stop_reading()
            self.server.loop.call_soon(self._advance)

    def _take_request(self) -> None:
        """Have the next request answered, or wait for more of it. Raises Refusal."""
        server, decoder, head = self.server, self.decoder, self.head
        if head is None:
            head = self.head = decoder.next_head()
            if head is None:
                self._await_bytes(BETWEEN if decoder.is_between else HEAD)
                return
            if server.refused and (refused := server.refused.get(self)) is not None:
                raise refused
            if self.peer is None or server.behind_proxy:
                self.peer = server.peer(self.address, head, not self.transport.can_write_eof())
            try:
                if head.cached is None:
                    head.cached = server.application.admit(head)
            except Refusal as refusal:
                if head.content_length or head.chunked:
                    raise  # a body that nobody wants is not read: the connection ends here
                decoder.next_body(0)
                self._begin_answer()
                self.answer(refusal)
                return
        admission: Admission = head.cached
        assert self.peer is not None
        body = decoder.next_body(admission.max_body)
        if body is None:
            if head.expects_continue and self._waits_for != BODY and head.minor >= 1:
                self.transport.write(CONTINUE)
            self._await_bytes(BODY)
            return
        self._begin_answer()
        self.handle(Request(head, admission, body, self.peer))
        if self.answering is not None:
            self._waits_for = ANSWER

    def _await_bytes(self, what: int) -> None:
        """Read on, and set the deadline for the next bytes, once for each head and each body."""
        if self.has_ended:
            self.finish()
            return
        if self._is_reading_paused:
            self._is_reading_paused = False
            self.transport.resume_reading()
        if what == BETWEEN or what != self._waits_for:
            self.server.wheel.arm(self, self.server.read_ticks[what])
        self._waits_for = what

    def _stop_reading(self) -> None:
        self._is_reading_paused = True
        self.transport.pause_reading()

    def _begin_answer(self) -> None:
        """A request is there as a whole."""
        self._waits_for = READY
        self.due = 0  # a handler has no deadline here: it waits for the disk, or has its own (long-poll)
        self.remaining -= 1
        if self.server.on_answer is not None:
            self.began = self.server.loop.time()

    def handle(self, request: Request) -> None:
        """Have a request answered: now, by a callback, or by a coroutine."""
        try:
            outcome = self.server.application.handle(request)
        except Exception as error:
            self.answer(error)
            return
        if isinstance(outcome, DeferredResponse):
            self.answering = outcome
            outcome.then(self.answer)
        elif isinstance(outcome, Response | OpenResponse | Upgrade):
            self.answer(outcome)
        else:
            self.answering = self.server.loop.create_task(self._run(outcome))

    async def _run(self, handler: Coroutine[Any, Any, Reply]) -> None:
        """Answer with what a coroutine returns or raises; the task of a request runs this."""
        try:
            reply = await handler
        except asyncio.CancelledError as error:
            if self.head is None:  # cancelled by us: nobody waits for the answer
                raise
            self.answer(error)
        except Exception as error:
            self.answer(error)
        else:
            self.answer(reply)

    def cancel_answer(self) -> None:
        """The client is gone: end what works for it."""
        answering, self.answering, self.head = self.answering, None, None
        if answering is not None:
            answering.cancel()

    def answer(self, outcome: Reply | BaseException) -> None:
        """Write what a handler returned or raised."""
        head, at_once = self.head, self.answering is None
        self.answering = self.head = None
        reply = self.server.render(outcome, head, self.address) if isinstance(outcome, BaseException) else outcome
        if head is None or self.transport.is_closing():
            if not isinstance(reply, Response):
                reply.session.closed()
            return
        try:
            if isinstance(reply, Response):
                self._respond(reply, head)
                self.answered(reply, at_once=at_once)
            else:
                self._open(reply, head)
        except Exception:
            log.exception("answer_failed")
            if self.is_over:  # something of it is out
                self.abort()
                return
            if not isinstance(reply, Response):
                reply.session.closed()
            self.refuse(Refusal("internal"), head)

    def _respond(self, response: Response, head: RequestHead) -> None:
        server = self.server
        keep_alive = head.keep_alive and not (
            self.remaining <= 0
            or server.drain.is_draining
            or (self.has_ended and self.decoder.is_between)
            or head.upgrade == b"websocket"  # refused: what follows may be meant as frames, not as requests
        )
        head_only = head.method == "HEAD"
        data = encode(response, date=server.date(), keep_alive=keep_alive, head_only=head_only, minor=head.minor)
        if len(data) <= server.limits.in_flight_bytes or response.status != 200 or self.peer is None:
            self.transport.write(data)
        else:
            admitted = server.large.admit(self.peer.key, data)
            if isinstance(admitted, Refusal):
                self._respond(server.render(admitted, head, self.address), head)
                return
            self.large = admitted
            self.write_large()
        self.is_last = not keep_alive
        if server.on_answer is not None:
            self.report(response.status, head)

    def _open(self, reply: OpenResponse | Upgrade, head: RequestHead) -> None:
        """Write the head of an answer without an end, and let its session have the connection."""
        if isinstance(reply, Upgrade):
            self.report(101, head)
            self.is_over = True
            WebSocketConnection(self, reply.session).begin(reply.head, self.decoder.rest())
            return
        first = encode_open(reply, date=self.server.date())
        self.report(200, head)
        if head.method == "HEAD":
            self.transport.write(first)
            reply.session.closed()
            self.finish()
            return
        self.is_over = True
        StreamConnection(self, reply.session).begin(first)

    def refuse(self, refusal: Refusal, head: RequestHead | None) -> None:
        """Answer a request that cannot be read to its end, and close; the peer may be sending it still."""
        response = self.server.render(refusal, head, self.address)
        head_only = head is not None and head.method == "HEAD"
        self.transport.write(encode(response, date=self.server.date(), keep_alive=False, head_only=head_only))
        self.report(response.status, head)
        self.finish(may_be_sending=True)

    def report(self, status: int, head: RequestHead | None) -> None:
        """Tell the access log of an answer. Every answer is reported."""
        self.server.report(head, status, self.began, self.address)
        self.began = 0.0

    def write_large(self) -> None:
        """Give the transport the next pieces of a large answer, until the peer takes no more or it is complete."""
        assert self.large is not None
        while not self.is_paused and (piece := self.large.next_piece()):
            self.transport.write(piece)
        if not self.large.left:
            self.large.leave()
            self.large = None

    def untaken(self) -> int:
        """Bytes answered that the peer does not have."""
        return super().untaken() + (0 if self.large is None else self.large.left)

    def answered(self, response: Response, *, at_once: bool) -> None:
        """Close, wait for the peer or for a request, or take the next one."""
        if self.is_last and self.large is None:
            self.finish()
        elif self.is_last or self.is_paused:
            self._waits_for = LAST if self.is_last else READY
            self.watch()
        elif response.status == 503 and not self.server.proxies.trusts(self.address):  # which sends for others, too
            self._waits_for = THROTTLED  # many that ask again at once would keep the loop from everything else
            self._stop_reading()
            self.server.throttle.delay(self._end_delay)
        elif self.decoder.is_between:
            self._await_bytes(BETWEEN)
        elif not at_once:
            self._waits_for = READY
            self.server.loop.call_soon(self._advance)  # not from here: a pipeline must not become a recursion

    def _end_delay(self) -> None:
        if self._waits_for == THROTTLED:  # a stop may have ended it before
            self._waits_for = READY
            self._advance()

    def lost(self) -> None:
        """The connection is gone, and nobody waits for an answer any more."""
        super().lost()
        self.is_over = True
        self.cancel_answer()
        if self.large is not None:
            self.large.leave()

    def finish(self, *, may_be_sending: bool = False) -> None:
        """Close so that the peer gets to read what was written."""
        self.is_over = True
        ClosingConnection(self).linger(may_be_sending=may_be_sending)

    def close(self) -> None:
        """Close a connection on which nothing is under way, once everything is written."""
        self.is_over = True
        ClosingConnection(self).close()

    def expire(self) -> None:
        """The deadline on the wheel has passed (RFC 9110 §15.5.9 for a request that did not arrive)."""
        if self.is_paused:
            self.watch_on()
        elif self._waits_for == ANSWER:  # a long-poll whose client has closed its side
            self.cancel_answer()
            self.close()
        elif (refused := self.server.refused.get(self)) is not None:  # and has asked for nothing yet
            self.refuse(refused, self.head)
        elif self._waits_for == BETWEEN:
            self.close()
        elif self._waits_for in (HEAD, BODY):
            self.refuse(Refusal("request_timeout", "The request did not arrive in time."), self.head)

    def drain(self, reconnect_after_ms: int) -> None:
        """The server is going down: finish what is under way, then close."""
        if self._waits_for == THROTTLED and self.in_kernel(FIONREAD):
            self._end_delay()  # to answer what has arrived unread; the answer is the last
        elif self.head is None and self.decoder.is_between:  # nothing is under way
            if self.large is None:
                self.close()
            else:
                self._waits_for, self.is_last = LAST, True

    @property
    def state(self) -> str:
        """The state of the connection, in words."""
        return "idle" if self.answering is None else "busy"
