"""The reading half of a connection that speaks HTTP: one request after another, each answered before the next."""

from __future__ import annotations

import asyncio
import logging
from termios import FIONREAD

from parlour.core.errors import Refusal
from parlour.http.request import Admission, Request
from parlour.http.response import Response
from parlour.net.answers import AnsweringConnection
from parlour.net.server import Server

log = logging.getLogger("parlour.net")

READ_AHEAD = 65536
"""Bytes of pipelined requests kept while one is being answered. When there are more, nothing is read any more."""

GONE_S = 1
"""A client that closes its side before its GET is answered has gone, if the answer takes longer than this."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

BETWEEN, HEAD, BODY, READY, ANSWER, THROTTLED, LAST = range(7)
"""What a connection waits for: a request, the rest of its head, its body (`Server.read_ticks` says how long); the next
iteration of the loop, to take a request; an answer; the end of a delay after 503; the peer to take the last answer."""


class HttpConnection(AnsweringConnection):
    """Gives requests to the application until one opens a stream or a WebSocket, or the connection ends."""

    __slots__ = ("_is_reading_paused", "_waits_for")

    def __init__(self, server: Server, address: str = "") -> None:
        super().__init__(server, address)
        self._waits_for = BETWEEN
        self._is_reading_paused = False  # whether the transport has been told to read no more

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

    def expire(self) -> None:
        """The deadline on the wheel has passed (RFC 9110 §15.5.9 for a request that did not arrive)."""
        if self.is_paused:
            if self.takes_nothing():
                self.abort()
            else:
                self.watch()
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
        """What the connection is doing."""
        return "idle" if self.answering is None else "busy"
