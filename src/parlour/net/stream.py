"""A connection that a session writes to: the `Sink` of a stream."""

from __future__ import annotations

from parlour.http.session import Session
from parlour.net.closing import ClosingConnection
from parlour.net.connection import Connection
from parlour.net.cork import Cork


class StreamConnection(Connection):
    """Writes what its session says and tells it what the peer does. The peer of a stream sends nothing.

    `descriptor`: under which `net/fanout.py` may write past the transport, or -1. The session is closed exactly once,
    when the connection is lost or when the session asks for `close`.
    """

    __slots__ = ("_cork", "descriptor", "session")

    def __init__(self, before: Connection, session: Session) -> None:
        """Take over from `before`, which has read a request. `begin` follows."""
        super().__init__(before.server)
        self.descriptor = -1
        self._cork: Cork | None = None
        self.session: Session | None = session
        before.hand_over(self)

    def begin(self, head: bytes, received: bytes = b"") -> None:
        """Write the head of the response and what the session says at once; then hear `received`, and read on."""
        session = self.session
        assert session is not None
        self.descriptor = self.server.fan_out.enlist(self.transport)
        self._cork = Cork(self.transport.write)  # `enlist` has marked it as busy
        self.write(head)
        session.started(self)
        self._uncork()
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

    # --- asyncio.Protocol ---

    def data_received(self, data: bytes) -> None:
        """The peer of a stream has nothing to say."""

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

    # --- Sink ---

    def write(self, data: bytes) -> None:
        """Send bytes, behind everything that was written before."""
        if self._cork is not None:
            self._cork.write(data)
            return
        if self.descriptor >= 0:
            self.server.fan_out.busy[self.descriptor] = 1  # nothing may overtake it by the way past the transport
        self.transport.write(data)

    def _uncork(self) -> None:
        cork, self._cork = self._cork, None
        if cork is not None:
            cork.flush()

    def buffered(self) -> int:
        """Bytes written but not yet taken by the kernel."""
        return self.transport.get_write_buffer_size()

    def hold(self, is_held: bool) -> None:
        """The peer of a stream is never held back."""

    def wake_in(self, seconds: float) -> None:
        """Have the session woken once."""
        self.server.wheel.set(self, seconds)

    def close(self) -> None:
        """Close after everything written has been sent; a peer that does not read it is cut off in the end."""
        self._end_session()
        self._uncork()
        ClosingConnection.after(self).linger()

    def _end_session(self) -> None:
        session, self.session = self.session, None
        if session is not None:
            session.closed()

    # --- for the server ---

    def lost(self) -> None:
        """The connection is gone: tell the session."""
        super().lost()
        self._cork = None
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
        """What the connection is doing."""
        return type(self.session).__name__
