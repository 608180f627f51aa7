"""Closes a connection so that the last answer is not lost: a lingering close (RFC 9112 §9.6)."""

from __future__ import annotations

import sys

from parlour.net.connection import Connection

LINGER_S = 2
"""A peer that has everything gets this long to close its side, before the connection is closed."""


class ClosingConnection(Connection):
    """Reads and drops what still comes, and cuts off a peer that takes nothing."""

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
        if self.untaken() and self.takes_nothing():
            self.abort()
        elif self.untaken():
            self.watch()
        elif self.transport.is_closing():  # TLS: the peer does not answer our close
            self.transport.abort()  # without a reset: the kernel may still deliver what it has
        else:
            self.watch()
            self.transport.close()

    def drain(self, reconnect_after_ms: int) -> None:
        """It ends already."""
