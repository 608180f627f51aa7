"""A connection to the TLS port until its handshake is done: it is counted and bounded, and its first byte decides."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import cast

from parlour.core.errors import Refusal
from parlour.http.response import encode
from parlour.log import DEBUG, event
from parlour.net.connection import ClosingConnection, Connection
from parlour.net.http import HttpConnection
from parlour.net.server import Server
from parlour.wire.http1 import RequestHead

_log = logging.getLogger("parlour.net")

TLS_RECORD = 22
"""The content type `handshake`, with which a ClientHello begins (RFC 8446 §5.1)."""

_PLAIN_BYTES = 8192
"""A request in plain HTTP is read up to here for the address that was meant."""

_SHOWN_BYTES = 300
"""A longer address is not repeated to the client that asked for it."""


class TlsPortConnection(Connection):
    """Waits for the first byte. Requests in plain HTTP are answered with the address to use; others are closed."""

    __slots__ = ("_context", "_received")
    state = "handshake"

    def __init__(self, server: Server, context: ssl.SSLContext) -> None:
        super().__init__(server)
        self._context = context
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected; the time for all of the handshake begins."""
        super().connection_made(transport)
        self.server.wheel.set(self, self.server.limits.tls_handshake_s)

    def data_received(self, data: bytes) -> None:
        """The first bytes, or more of a request in plain HTTP."""
        if not self._received and data[0] == TLS_RECORD:
            Handshake(self, self._context, data)
        elif not (self._received or data)[:1].isalpha():
            event(_log, "not_tls", DEBUG, address=self.address)
            self.abort()
        else:
            self._received += data
            self._answer_plain_http()

    def _answer_plain_http(self) -> None:
        server, decoder = self.server, self.server.decoder()
        head: RequestHead | None = None
        try:
            decoder.feed(self._received)
            head = decoder.next_head()
            if head is None and len(self._received) < _PLAIN_BYTES:
                return
        except Refusal:  # it need not be good HTTP, to be no TLS
            pass
        refusal = Refusal("bad_request", f"This port speaks https: {_where(head)}.")
        response = server.render(refusal, None, self.address)
        is_head = head is not None and head.method == "HEAD"
        self.transport.write(encode(response, date=server.date(), keep_alive=False, head_only=is_head))
        server.report(head, response.status, 0.0, self.address)
        ClosingConnection(self).linger(may_be_sending=True)

    def drain(self, reconnect_after_ms: int) -> None:
        """The server is going down: nothing was asked for yet."""
        self.abort()


class Handshake(Connection):
    """Keeps the place of a connection while the loop's TLS protocol has its transport; then HTTP is spoken.

    The deadline was set when the client connected: the limit is for the first byte and the handshake together.
    """

    __slots__ = ("_is_lost", "_received", "_task")
    state = "handshake"

    def __init__(self, before: Connection, context: ssl.SSLContext, first: bytes) -> None:
        """Take over from `before`, which has read the `first` bytes, and start the handshake with these."""
        super().__init__(before.server)
        self._received = b""  # came decrypted before the handshake was known to be done
        self._is_lost = False
        before.hand_over(self)
        loop, limits = self.server.loop, self.server.limits
        self.transport.pause_reading()  # what comes next is for the TLS protocol, which begins in the next iteration
        work = loop.start_tls(
            self.transport,
            self,
            context,
            server_side=True,
            ssl_handshake_timeout=limits.tls_handshake_s,
            # From our close on, and with it the peer reads what is not sent yet: it has the time of a slow reader.
            ssl_shutdown_timeout=limits.stalled_s,
        )
        self._task = loop.create_task(work)
        self._task.add_done_callback(self._done)
        loop.call_soon(loop.call_soon, self._feed, first)  # after `start_tls` has begun, an iteration later

    def _feed(self, data: bytes) -> None:
        """Give the TLS protocol, which reads from now on, what had been read before it began."""
        if self._is_lost or self.transport.is_closing():
            return
        protocol = cast(asyncio.BufferedProtocol, self.transport.get_protocol())  # as all loops have it
        left = memoryview(data)
        while left and not self.transport.is_closing():
            buffer = memoryview(protocol.get_buffer(len(left)))
            size = min(len(buffer), len(left))
            buffer[:size] = left[:size]
            protocol.buffer_updated(size)
            left = left[size:]

    def _done(self, task: asyncio.Task[asyncio.Transport | None]) -> None:
        """Hand over to a connection that speaks HTTP, or forget that there was to be one."""
        error = None if task.cancelled() else task.exception()
        transport = None if task.cancelled() or error is not None else task.result()
        if transport is None or self._is_lost or self.transport.is_closing() or transport.is_closing():
            event(_log, "handshake_failed", DEBUG, address=self.address, reason=error)
            self.transport.abort()
            self.lost()
            return
        has_ended, self.has_ended = self.has_ended, False
        connection = HttpConnection(self.server)
        self.hand_over(connection, transport)
        connection.begin()
        if self._received:
            connection.data_received(self._received)
        if has_ended:
            cast(asyncio.Protocol, transport.get_protocol()).eof_received()

    def data_received(self, data: bytes) -> None:
        """Decrypted bytes have come at the end of the handshake."""
        self._received += data

    def eof_received(self) -> bool:
        """The peer sends no more. Only a decrypted end is handed on; the rest closes."""
        self.has_ended = True
        return False

    def lost(self) -> None:
        """The connection is gone before it could be used. Of one that fails in the handshake not all loops tell."""
        if not self._is_lost:
            self._is_lost = True
            super().lost()

    def drain(self, reconnect_after_ms: int) -> None:
        """The server is going down; but a request may come with the end of the handshake, so that ends first."""


def _where(head: RequestHead | None) -> str:
    """What to use instead; the address is made of what the client sent, which the grammar of a head has passed."""
    if head is None or not head.host or len(head.host) + len(head.target) > _SHOWN_BYTES:
        return "begin the address with https://"
    target = "/" if head.target == b"*" else head.target.decode("ascii")
    return f"use https://{head.host.decode('ascii', 'replace')}{target}"
