"""A connection to the TLS port before the handshake: counted and bounded like any other, then told by its first byte.

22 begins a TLS record (RFC 8446 §5.1): the handshake starts. Requests in plain HTTP are answered with the address to
use; everything else is closed.
"""

from __future__ import annotations

import asyncio
import logging
import ssl

from parlour.core.errors import Refusal
from parlour.http.response import encode
from parlour.log import DEBUG, event
from parlour.net.closing import ClosingConnection
from parlour.net.connection import Connection
from parlour.net.handshake import Handshake
from parlour.net.server import Server
from parlour.wire.http1 import RequestHead

_log = logging.getLogger("parlour.net")

TLS_RECORD = 22
"""The content type `handshake`, with which a ClientHello begins."""

_PLAIN_BYTES = 8192
"""A request in plain HTTP is read up to here for the address that was meant."""

_SHOWN_BYTES = 300
"""A longer address is not repeated to the client that asked for it."""


class TlsPortConnection(Connection):
    """Waits for the first byte, or for the whole head of a request in plain HTTP."""

    __slots__ = ("_context", "_received")

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
            Handshake(self, self._context).begin(data)
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
        if server.on_answer is not None:
            server.report(head, response.status, 0.0, self.address)
        ClosingConnection.after(self).linger(may_be_sending=True)

    def expire(self) -> None:
        """The time for the handshake is over."""
        self.abort()

    def drain(self, reconnect_after_ms: int) -> None:
        """The server is going down: nothing was asked for yet."""
        self.abort()

    @property
    def state(self) -> str:
        """What the connection is doing."""
        return "handshake"


def _where(head: RequestHead | None) -> str:
    """What to use instead; the address is made of what the client sent, which the grammar of a head has passed."""
    if head is None or not head.host or len(head.host) + len(head.target) > _SHOWN_BYTES:
        return "begin the address with https://"
    target = "/" if head.target == b"*" else head.target.decode("ascii")
    return f"use https://{head.host.decode('ascii', 'replace')}{target}"
