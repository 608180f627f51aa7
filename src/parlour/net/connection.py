"""What the protocol objects of a connection have in common: counting, a deadline, and handing over to the next one.

A connection is spoken for by one object at a time. `Handshake` (TLS ports only) hands over to `HttpConnection`, which
may hand over to `StreamConnection` or `WebSocketConnection`; `ClosingConnection` comes last. Each hand-over replaces
the object in the transport (`set_protocol`) and among the server's connections.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Self, cast

from parlour.net.kernel import cut, untaken
from parlour.net.server import Server


class Connection(asyncio.Protocol, ABC):
    """One protocol object. While it is idle it holds no task, no timer and no buffer, only an entry on the wheel.

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

    def __init__(self, server: Server) -> None:
        self.server = server
        self.address = ""
        self.due = self.bucket = self.untaken_before = 0
        self.is_paused = self.has_ended = False
        self.successor: Connection | None = None
        self.transport: asyncio.Transport

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected: this is the first object of its connection."""
        self.transport = cast(asyncio.Transport, transport)
        self.server.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone. Over TLS a loop may tell the object that spoke for it a turn before."""
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

    # --- the life of the object ---

    def lost(self) -> None:
        """The connection is gone. Called once, on the object that speaks for it then."""
        self.server.wheel.discard(self)
        self.server.closed(self)

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

    # --- for the server ---

    @abstractmethod
    def expire(self) -> None:
        """The deadline on the wheel has passed."""

    @abstractmethod
    def drain(self, reconnect_after_ms: int) -> None:
        """The server is going down: finish what is under way, then close."""

    def abort(self) -> None:
        """Close now."""
        cut(self.transport)

    @property
    @abstractmethod
    def state(self) -> str:
        """What the connection is doing, in one word."""

    def describe(self) -> dict[str, object]:
        """A row of the connection table (SIGUSR1)."""
        return {"address": self.address, "state": self.state, "buffered": self.untaken(), "paused": self.is_paused}

    # --- a peer that takes nothing ---

    def untaken(self) -> int:
        """Bytes written that the peer does not have."""
        return untaken(self.transport)

    def watch(self) -> Self:
        """Have `expire` called after a while, to see by `takes_nothing` whether the peer has taken anything."""
        self.untaken_before = self.untaken()
        self.server.wheel.set(self, self.server.limits.stalled_s)
        return self

    def takes_nothing(self) -> bool:
        """Whether as much waits for the peer as when `watch` was called, or more."""
        return self.untaken() >= self.untaken_before
