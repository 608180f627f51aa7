"""The base of a connection's protocol objects, and the last of them, which closes it."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from abc import ABC, abstractmethod
from contextlib import suppress
from fcntl import ioctl
from termios import TIOCOUTQ
from typing import Any, cast

from parlour.net.proxies import UNIX_PEER
from parlour.net.server import Server

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no time (socket(7))

LINGER_S = 2
"""A peer that has everything gets this long to close its side, before the connection is closed."""


class Connection(asyncio.Protocol, ABC):
    """A protocol object, which speaks for a connection until it hands over. Idle, it has only an entry on the wheel.

    `TlsPortConnection` and `Handshake` (TLS ports only) come before `HttpConnection`, which may hand over to
    `StreamConnection` or `WebSocketConnection`; `ClosingConnection` comes last.
    `due` and `bucket` belong to the wheel (`net.deadlines.Entry`). `is_paused`: the transport holds more than the peer
    takes. `has_ended`: the peer has closed its side (half-close).
    """

    __slots__ = (
        "address",
        "bucket",
        "due",
        "has_ended",
        "is_paused",
        "server",
        "successor",
        "transport",
        "untaken_before",
    )

    def __init__(self, server: Server, address: str = "") -> None:
        """Without an `address` it gets that of its peer when the client connects."""
        self.server = server
        self.address = address
        self.due = self.bucket = self.untaken_before = 0
        self.is_paused = self.has_ended = False
        self.successor: Connection | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected: this is the first object of its connection."""
        self.transport = cast(asyncio.Transport, transport)
        self.address = self.address or _peer_address(self.transport)
        self.server.opened(self, self.address)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone. Over TLS a loop may call the object that spoke for it before."""
        if self.successor is None:
            self.lost()
        else:
            self.successor.connection_lost(exc)

    def pause_writing(self) -> None:
        """The transport holds more than `in_flight_bytes` for the peer."""
        self.is_paused = True

    def resume_writing(self) -> None:
        """The peer has taken most of it."""
        self.is_paused = False

    def lost(self) -> None:
        """The connection is gone. Called once, on the object that speaks for it then."""
        self.server.wheel.discard(self)
        self.server.closed(self, self.address)

    def hand_over(self, successor: Connection, transport: asyncio.Transport | None = None) -> None:
        """Let another object speak for this connection from now on, over another transport if one is given (TLS).

        Called at most once, and not after `lost`. The transport calls the successor from here on, even if
        this happens inside one of its callbacks; `connection_made` is not called for it. The deadline goes on.
        """
        self.successor = successor
        successor.transport = transport or self.transport
        successor.address = self.address
        successor.is_paused = self.is_paused
        successor.has_ended = self.has_ended
        self.server.wheel.replace(self, successor)
        self.server.replaced(self, successor)
        successor.transport.set_protocol(successor)

    def expire(self) -> None:
        """The deadline on the wheel has passed."""
        self.abort()

    @abstractmethod
    def drain(self, reconnect_after_ms: int) -> None:
        """The server is going down: finish what is under way, then close."""

    def abort(self) -> None:
        """Close now, with a reset: else the kernel would go on offering what the peer does not take, for minutes."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None and not self.transport.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()

    @property
    @abstractmethod
    def state(self) -> str:
        """The state of the connection, in one word."""

    def describe(self) -> dict[str, object]:
        """A row of the connection table (SIGUSR1)."""
        return {"address": self.address, "state": self.state, "buffered": self.untaken(), "paused": self.is_paused}

    def untaken(self) -> int:
        """Bytes written that the peer does not have. Over TLS the transport hides what it holds below."""
        buffered = self.transport.get_write_buffer_size()
        return buffered if self.transport.can_write_eof() else buffered + self.in_kernel(TIOCOUTQ)

    def in_kernel(self, request: int) -> int:
        """A number of bytes that the kernel has of this connection (tcp(7)); 0 once its socket is closed.

        Over TLS `connection_lost` is called an iteration after the transport has lost its socket.
        """
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            with suppress(OSError, ValueError):
                return int.from_bytes(ioctl(sock.fileno(), request, bytes(4)), sys.byteorder)
        return 0

    def watch(self) -> None:
        """Have `expire` called after a while: then `watch_on` sees whether the peer has taken anything."""
        self.untaken_before = self.untaken()
        self.server.wheel.set(self, self.server.limits.stalled_s)

    def watch_on(self) -> None:
        """Cut off the peer if as much waits for it as when `watch` was called, or more; else watch it further."""
        if self.untaken() >= self.untaken_before:
            self.abort()
        else:
            self.watch()


class ClosingConnection(Connection):
    """The last object of a connection: closes so that the last answer is not lost (lingering close, RFC 9112 §9.6).

    It reads and drops what still comes, and cuts off a peer that takes nothing.
    """

    __slots__ = ()
    state = "closing"

    def __init__(self, before: Connection) -> None:
        """Take over from `before`. `linger` or `close` follows."""
        super().__init__(before.server)
        before.hand_over(self)
        self.untaken_before = sys.maxsize  # the first look is early: the peer may have everything and just not close
        self.server.wheel.set(self, LINGER_S)

    def linger(self, *, may_be_sending: bool = False) -> None:
        """Close the writing half, and the rest when the peer does, or after a while.

        If the peer `may_be_sending` still, not even TLS is closed at once: a reset would take the answer away.
        """
        transport = self.transport
        if not self.has_ended:
            transport.resume_reading()
        if transport.is_closing() or self.has_ended or not (may_be_sending or transport.can_write_eof()):
            transport.close()
        elif transport.can_write_eof():
            transport.write_eof()

    def close(self) -> None:
        """Close both halves as soon as everything is sent: the peer has nothing under way."""
        self.transport.close()

    def expire(self) -> None:
        """Cut off a peer that has taken nothing; close if it has everything."""
        if self.untaken():
            self.watch_on()
        elif self.transport.is_closing():  # TLS: the peer does not answer our close
            self.transport.abort()  # without a reset: the kernel may still deliver what it has
        else:
            self.watch()
            self.transport.close()

    def drain(self, reconnect_after_ms: int) -> None:
        """It ends already."""


def _peer_address(transport: asyncio.Transport) -> str:
    """The address of the peer; `unix:` for the Unix socket, empty for a TCP peer that is gone already."""
    name = cast(Any, transport.get_extra_info("peername"))
    if isinstance(name, tuple):
        return str(name[0])
    return UNIX_PEER if transport.get_extra_info("socket").family == socket.AF_UNIX else ""
