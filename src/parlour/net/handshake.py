"""A connection during its TLS handshake. An `HttpConnection` takes over on the encrypted transport."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import cast

from parlour.log import DEBUG, event
from parlour.net.connection import Connection
from parlour.net.http import HttpConnection

_log = logging.getLogger("parlour.net")


class Handshake(Connection):
    """Keeps the place of a connection while the loop's TLS protocol has its transport.

    The deadline was set when the client connected: the limit is for the first byte and the handshake together.
    """

    __slots__ = ("_context", "_is_lost", "_received", "_task")

    def __init__(self, before: Connection, context: ssl.SSLContext) -> None:
        """Take over from `before`, which has seen the first byte. `begin` follows."""
        super().__init__(before.server)
        self._context = context
        self._task: asyncio.Task[asyncio.Transport | None]
        self._received = b""  # came decrypted before the handshake was known to be done
        self._is_lost = False
        before.hand_over(self)

    def begin(self, first: bytes) -> None:
        """Start the handshake, with the bytes that were read already."""
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
        received, has_ended = self._received, self.has_ended
        self.has_ended = False
        connection = HttpConnection(self.server)
        self.hand_over(connection, transport)
        connection.begin()
        if received:
            connection.data_received(received)
        if has_ended:
            cast(asyncio.Protocol, transport.get_protocol()).eof_received()

    # --- asyncio.Protocol ---

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

    # --- for the server ---

    def expire(self) -> None:
        """The time for the handshake is over."""
        self.abort()

    def drain(self, reconnect_after_ms: int) -> None:
        """The server is going down; but a request may come with the end of the handshake, so that ends first."""

    @property
    def state(self) -> str:
        """What the connection is doing."""
        return "handshake"
