"""A WebSocket: a connection that a session writes to and reads from."""

from __future__ import annotations

from parlour.http.session import Session
from parlour.net.connection import Connection
from parlour.net.stream import StreamConnection

SLICE = 4096
"""Bytes given to the session at once: thousands of tiny frames in one read must not stop everybody else."""


class WebSocketConnection(StreamConnection):
    """Gives its session what the peer sends, one slice in each iteration of the loop, and reads on when all is given.

    Nothing more is read while a slice waits, while the peer does not take what is written, and while the session has
    paused it.
    """

    __slots__ = ("_is_reading_paused", "_received")

    def __init__(self, before: Connection, session: Session) -> None:
        super().__init__(before, session)
        self._received = b""
        self._is_reading_paused = False

    def data_received(self, data: bytes) -> None:
        """Bytes have come from the peer."""
        if self._received:
            self._received += data
            return
        if self.session is not None:
            self.session.received(data[:SLICE])
        if self.session is not None and len(data) > SLICE:
            self._received = data[SLICE:]
            self.transport.pause_reading()
            self.server.loop.call_soon(self.read_on)

    def read_on(self, received: bytes = b"") -> None:
        """Give the session the next slice; once it has everything, read on."""
        if self._must_wait():
            self._received += received
            return
        data, self._received = self._received + received, b""
        if data:
            self.data_received(data)
        if not (self._received or self._must_wait()):
            self.transport.resume_reading()

    def _must_wait(self) -> bool:
        if self.session is None or self.is_paused or self._is_reading_paused or self.has_ended:
            return True
        return self.transport.is_closing()

    def pause_reading(self, is_paused: bool) -> None:
        """Give the session no more bytes, or go on."""
        self._is_reading_paused = is_paused
        if is_paused:
            self.transport.pause_reading()
        else:
            self.server.loop.call_soon(self.read_on)
