"""A connection to the TLS port before it is encrypted: counted and bounded like any other, looked at, then handed on.

Its first byte tells what the peer speaks. 22 begins a TLS record (RFC 8446 §5.1): the handshake starts, and when it is
done a `Connection` takes the place. Requests in plain HTTP are answered with where to go; all else is closed.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import TYPE_CHECKING, cast

from parlour.core.errors import Refusal
from parlour.http.response import encode
from parlour.log import DEBUG, event
from parlour.net.connection import Connection
from parlour.net.kernel import cut
from parlour.wire.http1 import RequestHead

if TYPE_CHECKING:
    from parlour.net.server import Server

_log = logging.getLogger("parlour.net")

TLS_RECORD = 22
"""The content type `handshake`, with which a ClientHello begins."""

_PLAIN_BYTES = 8192
"""A request in plain HTTP is read up to here for the address that was meant."""

_LINGER_S = 2
"""How long a peer may take to read that it speaks the wrong protocol."""

_SHOWN_BYTES = 300
"""A longer address is not repeated to whoever asked for it."""


class Handshake(asyncio.Protocol):
    """One such connection. It stands in the registry of the server until its `Connection` does."""

    def __init__(self, server: Server, context: ssl.SSLContext) -> None:
        self.server = server
        self.address = ""
        self.due = self.bucket = 0
        self.transport: asyncio.Transport
        self._context = context
        self._task: asyncio.Task[asyncio.Transport | None] | None = None
        self._received = b""  # in plain HTTP; then what came encrypted before the handshake was known to be done
        self._has_ended = self._is_lost = self._is_answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected; the time for all of the handshake begins."""
        self.transport = cast(asyncio.Transport, transport)
        self.server.opened(self)
        self.server.wheel.set(self, self.server.limits.tls_handshake_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone before it could be used. Of one that fails in the handshake not all loops tell."""
        if self._is_lost:
            return
        self._is_lost = True
        self.server.wheel.discard(self)
        self.server.closed(self)

    def data_received(self, data: bytes) -> None:
        """Bytes have come: plain ones before the handshake, decrypted ones at its end."""
        if self._task is not None:
            self._received += data
        elif self._is_answered:
            pass  # dropped, so that the peer gets to read the answer
        elif not self._received and data[0] == TLS_RECORD:
            self._begin(data)
        elif not (self._received or data)[:1].isalpha():
            event(_log, "not_tls", DEBUG, address=self.address)
            self.abort()
        else:
            self._received += data
            self._answer_plain_http()

    def eof_received(self) -> bool:
        """The peer sends no more. Only a decrypted end is handed on; the rest closes."""
        self._has_ended = True
        return False

    def expire(self) -> None:
        """The time for the handshake, or for reading the answer, is over."""
        self.abort()

    def abort(self) -> None:
        """Close now."""
        cut(self.transport)

    def drain(self, reconnect_after_ms: int) -> None:
        """The server is going down: nothing was asked for yet. A handshake under way ends first, for there may be."""
        if self._task is None:
            self.abort()

    def describe(self) -> dict[str, object]:
        """A row of the connection table (SIGUSR1)."""
        return {"address": self.address, "state": "handshake", "buffered": 0, "paused": False}

    # --- TLS ---

    def _begin(self, first: bytes) -> None:
        loop, limits = self.server.loop, self.server.limits
        self.transport.pause_reading()  # what comes next is for the TLS protocol, which begins in the next turn
        self._task = loop.create_task(
            loop.start_tls(
                self.transport,
                self,
                self._context,
                server_side=True,
                ssl_handshake_timeout=limits.tls_handshake_s,
                # From our close on, and with it the peer reads what is not sent yet: it has the time of a slow reader.
                ssl_shutdown_timeout=limits.stalled_s,
            )
        )
        self._task.add_done_callback(self._done)
        loop.call_soon(loop.call_soon, self._feed, first)  # after `start_tls` has begun, which takes a turn

    def _feed(self, data: bytes) -> None:
        """Give the TLS protocol, which reads from now on, what had been read to know it by."""
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
        """Put a connection in our place, or forget that there was to be one."""
        error = None if task.cancelled() else task.exception()
        transport = None if task.cancelled() or error is not None else task.result()
        if transport is None or self._is_lost or self.transport.is_closing() or transport.is_closing():
            event(_log, "handshake_failed", DEBUG, address=self.address, reason=error)
            self.transport.abort()
            self.connection_lost(error if isinstance(error, Exception) else None)
            return
        self.server.wheel.discard(self)
        connection = Connection(self.server, self)
        transport.set_protocol(connection)
        connection.connection_made(transport)
        if self._received:
            connection.data_received(self._received)
        if self._has_ended:
            connection.eof_received()

    # --- plain HTTP ---

    def _answer_plain_http(self) -> None:
        decoder = self.server.decoder()
        head: RequestHead | None = None
        try:
            decoder.feed(self._received)
            head = decoder.next_head()
            if head is None and len(self._received) < _PLAIN_BYTES:
                return
        except Refusal:  # it need not be good HTTP, to be no TLS
            pass
        refusal = Refusal("bad_request", f"This port speaks https: {_where(head)}.")
        response = self.server.render(refusal, None, self.address)
        is_head = head is not None and head.method == "HEAD"
        self.transport.write(encode(response, date=self.server.date(), keep_alive=False, head_only=is_head))
        self.transport.write_eof()
        self._is_answered = True
        self.server.wheel.set(self, _LINGER_S)
        if self.server.on_answer is not None:
            self.server.report(head, response.status, 0.0, self.address)


def _where(head: RequestHead | None) -> str:
    """What to use instead; the address is made of what the client sent, which the grammar of a head has passed."""
    if head is None or not head.host or len(head.host) + len(head.target) > _SHOWN_BYTES:
        return "begin the address with https://"
    target = "/" if head.target == b"*" else head.target.decode("ascii")
    return f"use https://{head.host.decode('ascii', 'replace')}{target}"
