"""The connections of sessions, which are their `Sink`: a stream is written to, a WebSocket also read from."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from parlour.http.session import Session
from parlour.net.connection import ClosingConnection, Connection

_log = logging.getLogger(__name__)

FIRST_BYTES = 32768
"""So many bytes are joined into the first write: the head, what the reader missed, and that it is live now.

A write is a system call that wakes the reader, which costs as much as all the rest of an opening.
"""

SLICE = 4096
"""Bytes given to a WebSocket's session at once: thousands of tiny frames in one read must not stop everybody else."""


class StreamConnection(Connection):
    """Writes what its session says and tells it what the peer does. The peer of a stream sends nothing.

    `descriptor`: under which `net/fanout.py` may write past the transport, or -1. The session is closed exactly once,
    when the connection is lost or when the session asks for `close`.
    """

    __slots__ = ("_first", "descriptor", "session")

    def __init__(self, before: Connection, session: Session) -> None:
        """Take over from `before`, which has read a request. `begin` follows."""
        super().__init__(before.server)
        self.descriptor = -1
        self._first: bytearray | None = None
        self.session: Session | None = session
        before.hand_over(self)

    def begin(self, head: bytes, received: bytes = b"") -> None:
        """Write the head of the response and what the session says at once; then take `received`, and read on."""
        session = self.session
        assert session is not None
        self.descriptor = self.server.fan_out.enlist(self.transport)  # which marks it as busy
        self._first = bytearray(head)
        session.started(self)
        self._write_first()
        if self.session is None:
            return  # it has ended already
        if self.is_paused:
            session.paused()
        if self.server.drain.is_draining:
            self.drain(self.server.drain.reconnect_after_ms())
        elif self.has_ended:
            session.ended()
        else:
            self.read_on(received)

    def read_on(self, received: bytes) -> None:
        """Read from the peer, behind the bytes that were received with the request."""
        if not (self.session is None or self.is_paused or self.has_ended or self.transport.is_closing()):
            self.transport.resume_reading()

    def eof_received(self) -> bool:
        """The peer has closed its side: the session decides what that means."""
        self.has_ended = True
        if self.session is not None:
            self.session.ended()
        return self.session is not None and not self.transport.is_closing() and self.transport.can_write_eof()

    def pause_writing(self) -> None:
        """The peer does not take what is written: what it asks for would pile up."""
        super().pause_writing()
        if self.session is not None:
            self.session.paused()
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """The peer has caught up."""
        super().resume_writing()
        if self.session is not None:
            self.session.resumed()
            self.read_on(b"")

    def write(self, data: bytes) -> None:
        """Send bytes, behind everything that was written before."""
        if self._first is not None:
            self._first += data
            if len(self._first) > FIRST_BYTES:
                self._write_first()
                self._first = bytearray()
            return
        if self.descriptor >= 0:
            self.server.fan_out.busy[self.descriptor] = 1  # nothing may overtake it by the way past the transport
        self.transport.write(data)

    def _write_first(self) -> None:
        first, self._first = self._first, None
        if first:
            self.transport.write(first)

    def buffered(self) -> int:
        """Bytes written but not yet taken by the kernel."""
        return self.transport.get_write_buffer_size()

    def pause_reading(self, is_paused: bool) -> None:
        """The peer of a stream has nothing to say."""

    def wake_in(self, seconds: float) -> None:
        """Have the session woken once."""
        self.server.wheel.set(self, seconds)

    def close(self) -> None:
        """Close after everything written has been sent; a peer that does not read it is cut off in the end."""
        self._end_session()
        self._write_first()
        ClosingConnection(self).linger()

    def _end_session(self) -> None:
        session, self.session = self.session, None
        if session is not None:
            session.closed()

    def lost(self) -> None:
        """The connection is gone: tell the session."""
        super().lost()
        self._first = None
        self._end_session()

    def expire(self) -> None:
        """The session asked to be woken."""
        if self.session is not None:
            self.session.wake()

    def drain(self, reconnect_after_ms: int) -> None:
        """The server is going down: the session says bye."""
        if self.session is not None:
            self.session.drain(reconnect_after_ms)

    @property
    def state(self) -> str:
        """The state of the connection, in words."""
        return type(self.session).__name__


ENDED_AT_ONCE = 200
"""Streams that are ended in one iteration of the loop: a goodbye and a close are three system calls."""


def access_changed(connections: Iterable[object]) -> None:
    """Have every session judge whether it may go on, now that other people may take part in the server.

    Those that may not show nothing from here on; many of them end a little later than the first.
    """
    ends: list[tuple[StreamConnection, Callable[[], None]]] = []
    for connection in list(connections):
        if isinstance(connection, StreamConnection) and connection.session is not None:
            end = connection.session.access_changed()
            if end is not None:
                ends.append((connection, end))
    _end_some(ends)


def _end_some(ends: list[tuple[StreamConnection, Callable[[], None]]]) -> None:
    for connection, end in ends[:ENDED_AT_ONCE]:
        try:
            end()
        except Exception:  # one that is broken must not keep the others open
            _log.exception("goodbye_failed")
            connection.abort()
    if rest := ends[ENDED_AT_ONCE:]:
        asyncio.get_running_loop().call_soon(_end_some, rest)


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
