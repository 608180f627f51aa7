"""One object per connection: bytes in, one request at a time, bytes out; later perhaps a stream or a WebSocket."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, cast

from parlour.core.errors import Refusal
from parlour.http.deferred import DeferredResponse
from parlour.http.request import Admission, Peer, Request
from parlour.http.response import OpenResponse, Reply, Response, Upgrade, encode, encode_open
from parlour.http.session import Session
from parlour.net import progress
from parlour.net.cork import Cork
from parlour.net.kernel import cut, unread
from parlour.net.large import LargeAnswer
from parlour.wire.http1 import RequestDecoder, RequestHead

if TYPE_CHECKING:
    from parlour.net.handshake import Handshake
    from parlour.net.server import Server

log = logging.getLogger("parlour.net")

READ_AHEAD = 65536
"""Bytes of pipelined requests held while one is being answered. The read that comes when there are more is the last."""

SESSION_SLICE = 4096
"""Bytes that a session is given at once; the next slice waits for its turn in the event loop."""

NOTHING, HEAD, BODY = range(3)
"""What the deadline was armed for (`Server.patience_ticks` says how long): bytes that trickle in do not move it."""

GONE_S = 1
"""Who asks and then closes its side gets an answer within this time, or is taken to have gone."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


if sys.version_info >= (3, 12):

    def start_task(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine as a task, and its part before the first wait at once."""
        return asyncio.Task(work, loop=loop, eager_start=True)

else:

    def start_task(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine as a task, from the next turn of the loop on."""
        return loop.create_task(work)


class Connection(asyncio.Protocol):
    """The per-connection protocol. It serves as the `Sink` of the session that takes it over.

    While it speaks HTTP it has a decoder; once a session has begun the decoder is gone and bytes go to the session.
    An idle one holds no task, no timer and no buffer: one deadline on the shared wheel (`due`, `expire`).
    """

    __slots__ = (
        "_advancing", "_answering", "_began", "_cork", "_decoder", "_eof", "_handshake", "_head", "_held",
        "_peer", "_remaining", "_session", "_unread", "_waiting_for", "address", "bucket",
        "descriptor", "due", "is_closing", "is_paused", "large", "server", "transport", "untaken_then", "write",
    )  # fmt: skip

    def __init__(self, server: Server, handshake: Handshake | None = None) -> None:
        self.server = server
        self._handshake = handshake  # whose place it takes, over TLS
        self.due = self.bucket = self.untaken_then = 0  # the last for net/progress.py
        self.address = ""
        self.descriptor = -1  # of a stream that may be written to past its transport (net/fanout.py)
        self._decoder: RequestDecoder | None = None
        self._head: RequestHead | None = None
        self._answering: asyncio.Task[None] | DeferredResponse | None = None  # what `_head` waits for
        self._session: Session | None = None
        self._cork: Cork | None = None
        self._peer: Peer | None = None
        self.large: LargeAnswer | None = None  # the writing is paused while something of it is left
        self._remaining = server.limits.connection_requests
        self.is_paused = self.is_closing = self._eof = self._advancing = self._held = False
        self._waiting_for = NOTHING
        self._began = 0.0  # when the request was there, for the access log
        self._unread = b""
        self.transport: asyncio.Transport
        self.write: Callable[[bytes], None]

    # --- life ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self.transport = cast(asyncio.Transport, transport)
        self.write = self.transport.write
        self.transport.set_write_buffer_limits(high=self.server.limits.in_flight_bytes)
        self._decoder = self.server.decoder()
        handshake, self._handshake = self._handshake, None
        if handshake is None:
            self.server.opened(self)
        else:
            self.server.encrypted(handshake, self)
        self.server.wheel.set(self, self.server.limits.header_read_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; whoever still works for it is told."""
        self.server.wheel.discard(self)
        self.server.closed(self)
        session, self._session = self._session, None
        self._decoder = self._head = None
        self._cancel_answer()
        if self.large is not None:
            self.large.leave()
        self.write = self.transport.write  # a method of our own would be a cycle, for the collector to find
        if session is not None:
            session.closed()

    def expire(self) -> None:
        """The deadline on the wheel has passed (RFC 9110 §15.5.9 for a request that did not arrive)."""
        if self._session is not None:
            self._session.wake()
        elif self.is_closing or self.is_paused:
            progress.check(self)
        elif self._answering is not None:  # a long-poll whose client has closed its side: it has gone
            self._head = None
            self._cancel_answer()
            self._close()
        elif self._decoder is not None:
            refused = self.server.refused.get(self)
            if refused is not None:  # and has asked for nothing yet
                self._refuse(refused, self._head)
            elif self._head is None and self._decoder.is_between:
                self._close()
            else:
                self._refuse(Refusal("request_timeout", "The request did not arrive in time."), self._head)

    # --- bytes in ---

    def data_received(self, data: bytes) -> None:
        """Bytes have come from the peer."""
        if self._session is not None:
            self._feed_session(data)
            return
        decoder = self._decoder
        if decoder is None or self.is_closing:
            return  # what comes after a refusal is read and dropped, so that the peer gets to read the answer
        decoder.feed(data)
        if self._answering is None and not self.is_paused and not self._advancing:
            self._advance()
        elif decoder.buffered > READ_AHEAD:
            self.transport.pause_reading()  # until more bytes are needed

    def _feed_session(self, data: bytes) -> None:
        """Give bytes to the session in slices: thousands of tiny frames in one read must not hold everybody up."""
        if self._unread:
            self._unread += data
            return
        assert self._session is not None
        self._session.received(data[:SESSION_SLICE])
        if self._session is not None and len(data) > SESSION_SLICE:
            self._unread = data[SESSION_SLICE:]
            self.transport.pause_reading()
            self.server.loop.call_soon(self._feed_more)

    def _feed_more(self) -> None:
        """Go on with what was read, then with reading, unless the peer does not take the answers."""
        if self._session is None or self.is_paused or self._held or self.transport.is_closing():
            return
        data, self._unread = self._unread, b""
        if data:
            self._feed_session(data)
        if not (self._unread or self.is_paused or self._held or self._eof):
            self.transport.resume_reading()

    def eof_received(self) -> bool:
        """The peer has finished sending. What it asked for is still answered; a session decides for itself."""
        self._eof = True
        if self._session is not None:
            self._session.ended()
        elif self._answering is not None and self._head is not None and self._head.method in ("GET", "HEAD"):
            self.server.wheel.set(self, GONE_S)
        elif not self._advancing:
            self._advance()
        if self.large is not None:
            return self.large.outlives_eof(self)
        return not self.is_closing and not self.transport.is_closing() and self.transport.can_write_eof()

    def _advance(self) -> None:
        """Take the steps that the bytes at hand allow: a few in this turn of the loop, others are waiting too."""
        self._advancing = True
        try:
            for _ in range(self.server.limits.pipelined_requests):
                must_wait = self._answering is not None or self.is_closing or self.is_paused or self._held
                if must_wait or not self._take_request():
                    break
            else:
                if self._decoder is not None and self._decoder.buffered > READ_AHEAD:
                    self.transport.pause_reading()
                self.server.loop.call_soon(self._advance)
                return
        except Refusal as refusal:
            self._refuse(refusal, self._head)
        except Exception:
            log.exception("connection_failed")
            self._refuse(Refusal("internal"), self._head)
        self._advancing = False

    def _take_request(self) -> bool:
        """Start on the next request; False when it, or more bytes, must be waited for. Raises Refusal."""
        decoder = self._decoder
        if decoder is None:
            return False
        server = self.server
        head = self._head
        if head is None:
            head = self._head = decoder.next_head()
            if head is None:
                self._await_bytes(HEAD if not decoder.is_between else NOTHING)
                return False
            if server.refused and (refused := server.refused.get(self)) is not None:
                raise refused
            try:
                if head.cached is None:
                    head.cached = server.application.admit(head)
            except Refusal as refusal:
                if head.content_length or head.chunked:
                    raise  # a body that nobody wants is not read: the connection ends here
                decoder.next_body(0)
                self._begin()
                self._head = None
                self._respond(self.server.render(refusal, head, self.address), head)
                return True
            if self._peer is None or server.behind_proxy:
                self._peer = server.peer(self.address, head, not self.transport.can_write_eof())
        admission: Admission = head.cached
        assert self._peer is not None
        body = decoder.next_body(admission.max_body)
        if body is None:
            if head.expects_continue and self._waiting_for != BODY and head.minor >= 1:
                self.write(CONTINUE)
            self._await_bytes(BODY)
            return False
        self._begin()
        self._handle(Request(head, admission, body, self._peer), head)
        return self._answering is None

    def _handle(self, request: Request, head: RequestHead) -> None:
        """Have a request answered: now, by a callback, or by a coroutine."""
        try:
            outcome = self.server.application.handle(request)
        except Exception as error:
            self._answer(error)
            return
        if isinstance(outcome, DeferredResponse):
            self._answering = outcome
            outcome.then(self._answer)
        elif isinstance(outcome, Response | OpenResponse | Upgrade):
            self._answer(outcome)
        else:
            task = start_task(self.server.loop, self._run(outcome))
            if not task.done():
                self._answering = task

    async def _run(self, handler: Coroutine[Any, Any, Reply]) -> None:
        """Answer with what a coroutine returns or raises; the task of a request runs this."""
        try:
            reply = await handler
        except asyncio.CancelledError as error:
            if self._head is None:  # cancelled by us: nobody waits for the answer
                raise
            self._answer(error)
        except Exception as error:
            self._answer(error)
        else:
            self._answer(reply)

    def _cancel_answer(self) -> None:
        """The client is gone: end what works for it."""
        answering, self._answering = self._answering, None
        if answering is not None:
            answering.cancel()

    def _begin(self) -> None:
        """A request is there as a whole."""
        self._waiting_for = NOTHING
        self.due = 0  # a handler has no deadline here: it waits for the disk, or keeps its own (long-poll)
        self._remaining -= 1
        if self.server.on_answer is not None:
            self._began = self.server.loop.time()

    def _await_bytes(self, what: int) -> None:
        """Read on, and arm the deadline for the next bytes, once for each head and each body."""
        if self._eof:
            self._finish()
            return
        self.transport.resume_reading()
        if what == NOTHING or what != self._waiting_for:
            server = self.server
            server.wheel.arm(self, server.patience_ticks[what])
        self._waiting_for = what

    # --- bytes out ---

    def _answer(self, outcome: Reply | BaseException) -> None:
        """A handler has finished."""
        head = self._head
        self._answering = self._head = None
        reply = self.server.render(outcome, head, self.address) if isinstance(outcome, BaseException) else outcome
        if head is None or self.transport.is_closing():
            if not isinstance(reply, Response):
                reply.session.closed()
            return
        try:
            if isinstance(reply, Response):
                self._respond(reply, head)
            else:
                self._open(reply, head)
        except Exception:
            log.exception("answer_failed")
            if self._decoder is None:  # something of it is out
                self.abort()
            else:
                if not isinstance(reply, Response):
                    reply.session.closed()
                self._refuse(Refusal("internal"), head)

    def _open(self, reply: OpenResponse | Upgrade, head: RequestHead) -> None:
        """Write the head of an answer without an end, and let its session take over."""
        if isinstance(reply, OpenResponse):
            first, rest = encode_open(reply, date=self.server.date()), b""
            self._report(200, head)
            if head.method == "HEAD":
                self.write(first)
                reply.session.closed()
                self._finish()
                return
        else:
            decoder = self._decoder
            assert decoder is not None
            first, rest = reply.head, decoder.rest()
            self._report(101, head)
        self._hand_over(reply.session, first)
        if rest:
            self.data_received(rest)

    def _respond(self, response: Response, head: RequestHead) -> None:
        decoder = self._decoder
        assert decoder is not None
        server = self.server
        more = not decoder.is_between
        keep_alive = head.keep_alive and not (
            response.close
            or self._remaining <= 0
            or server.drain.is_draining
            or (self._eof and not more)
            or head.upgrade == b"websocket"  # refused: what follows may be meant as frames, not as requests
        )
        head_only = head.method == "HEAD"
        data = encode(response, date=server.date(), keep_alive=keep_alive, head_only=head_only, minor=head.minor)
        if len(data) <= server.limits.in_flight_bytes or response.status != 200 or self._peer is None:
            self.write(data)
        elif (refusal := server.large.write(self, self._peer.key, data)) is not None:
            self._respond(server.render(refusal, head, self.address), head)
            return
        if server.on_answer is not None:
            self._report(response.status, head)
        if not keep_alive:
            self._finish()
            return
        if self.is_paused:
            progress.watch(self)
        elif response.status == 503 and not server.is_proxy(self.address):  # that sends here for whoever comes next
            self._be_throttled()
        elif not more:
            self._await_bytes(NOTHING)
        elif not self._advancing:
            self._advancing = True
            server.loop.call_soon(self._advance)  # not from here: a pipeline must not become a recursion

    def _be_throttled(self) -> None:
        """Hear no more of the peer for a moment: many that ask again at once would keep the loop from all else."""
        self.hold(True)
        self.server.throttle.delay(self._come_back)

    def _come_back(self) -> None:
        if self._held and self._session is None:  # a stop may have called it back before
            self._held = False
            if not self._advancing:
                self._advance()

    def _refuse(self, refusal: Refusal, head: RequestHead | None) -> None:
        """Answer a request that cannot be read to its end, and close."""
        response = self.server.render(refusal, head, self.address)
        head_only = head is not None and head.method == "HEAD"
        self.write(encode(response, date=self.server.date(), keep_alive=False, head_only=head_only))
        self._report(response.status, head)
        self._finish(unread=True)

    def _report(self, status: int, head: RequestHead | None) -> None:
        """Tell what has been answered to who wants to know: every answer goes out by way of this."""
        if self.server.on_answer is not None:
            began, self._began = self._began, 0.0
            self.server.report(head, status, began, self.address)

    def _finish(self, *, unread: bool = False) -> None:
        """Close once everything is written, and so that the peer gets to read it (RFC 9112 §9.6).

        With `unread` the peer may be sending still: that is dropped for a while, or a reset would take the answer away.
        """
        transport = self.transport
        self._uncork()
        self.is_closing = True
        self._decoder = None
        progress.look_soon(self)
        if not self._eof:
            transport.resume_reading()
        if self.large is not None:
            return  # it comes here again behind that
        if transport.is_closing() or self._eof or not (unread or transport.can_write_eof()):
            transport.close()
        elif transport.can_write_eof():
            transport.write_eof()

    def _close(self) -> None:
        """Close a connection on which nothing is under way, once everything is written."""
        self.is_closing = True
        self._decoder = None
        progress.look_soon(self)
        if self.large is None:
            self.transport.close()

    def _hand_over(self, session: Session, first: bytes) -> None:
        """From here the bytes belong to a session, behind the `first` ones."""
        self._session = session
        self._decoder = None
        self.descriptor = self.server.fan_out.enlist(self.transport)
        self._cork = cork = Cork(self.write)
        self.write = cork.write
        self.write(first)
        session.started(self)
        self._uncork()
        if self.is_paused:
            session.paused()
        if self.server.drain.is_draining:
            self.drain(self.server.drain.reconnect_after_ms())
        elif self._eof:
            session.ended()
        else:
            self._feed_more()

    def _uncork(self) -> None:
        """Write what was held back at the beginning of a session."""
        cork, self._cork = self._cork, None
        if cork is not None:
            self.write = self.transport.write if self.descriptor < 0 else self._write_marked
            cork.flush()

    def _write_marked(self, data: bytes) -> None:
        """Write by way of the transport: nothing may overtake it by the way past it."""
        self.server.fan_out.busy[self.descriptor] = 1
        self.transport.write(data)

    # --- the Sink of a session ---

    def buffered(self) -> int:
        """Bytes written but not yet taken by the kernel."""
        return self.transport.get_write_buffer_size()

    def close(self) -> None:
        """Close after everything written has been sent; a peer that does not read it is cut off in the end."""
        session, self._session = self._session, None
        if session is not None:
            session.closed()
        self._finish()

    def abort(self) -> None:
        """Close now."""
        cut(self.transport)

    def hold(self, is_held: bool) -> None:
        """Give the session no more bytes, or go on with it."""
        self._held = is_held
        if is_held:
            self.transport.pause_reading()
        else:
            self.server.loop.call_soon(self._feed_more)

    def wake_in(self, seconds: float) -> None:
        """Have the session woken once."""
        self.server.wheel.set(self, seconds)

    def pause_writing(self) -> None:
        """More is in flight than the peer takes."""
        self.is_paused = True
        if self._session is not None:
            self._session.paused()
            self.transport.pause_reading()  # what it asks for would pile up

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self.is_paused = False
        if self.large is not None:
            self.large.write_on(self)
        if self._session is not None:
            self._session.resumed()
            self._feed_more()
        elif not self._advancing:
            self._advancing = True
            self.server.loop.call_soon(self._advance)  # not now: asyncio fails when closed within its own writing

    # --- drain ---

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way: no request, no stream."""
        return self._session is None and self._answering is None and self._head is None

    def drain(self, reconnect_after_ms: int) -> None:
        """The server is going down: finish what is under way, then close."""
        if self._session is not None:
            self._session.drain(reconnect_after_ms)
        elif self._held and unread(self.transport):
            self._come_back()  # to have answered what has arrived; the answer is the last
        elif self.is_idle and (self._decoder is None or self._decoder.is_between):
            self._close()

    def describe(self) -> dict[str, object]:
        """A row of the connection table (SIGUSR1)."""
        state = type(self._session).__name__ if self._session else "busy" if self._answering else "idle"
        return {"address": self.address, "state": state, "buffered": progress.left(self), "paused": self.is_paused}
