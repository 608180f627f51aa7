"""The writing half of a connection that speaks HTTP: from a whole request to its answer, and what comes after it."""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Coroutine
from typing import Any

from parlour.core.errors import Refusal
from parlour.http.request import Peer, Request
from parlour.http.response import DeferredResponse, OpenResponse, Reply, Response, Upgrade, encode, encode_open
from parlour.net.closing import ClosingConnection
from parlour.net.connection import Connection
from parlour.net.large import LargeAnswer
from parlour.net.server import Server
from parlour.net.stream import StreamConnection
from parlour.net.websocket import WebSocketConnection
from parlour.wire.http1 import RequestDecoder, RequestHead

log = logging.getLogger("parlour.net")


class AnsweringConnection(Connection):
    """Has a request answered by the application, writes the answer, and opens streams and WebSockets.

    `head` is that of the request that is being read or answered, `answering` what it waits for. `large`: an answer that
    the peer has not taken yet; the connection is paused until it has. `is_last`: no request is answered after the last
    one. `is_over`: the connection is lost, or another object speaks for it.
    """

    __slots__ = ("answering", "began", "decoder", "head", "is_last", "is_over", "large", "peer", "remaining")

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

    @abstractmethod
    def answered(self, response: Response, *, at_once: bool) -> None:
        """A whole response is written. `at_once`: in the call of `handle`, which goes on with the next request."""

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
