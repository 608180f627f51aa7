"""The two halves of an open-ended response: what a connection offers (Sink) and what it drives (Session).

`net` owns the sockets and calls a Session; `stream` implements sessions and writes to a Sink; neither knows the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Sink(Protocol):
    """The writing side of one connection, for a session. All methods are called on the event loop."""

    @property
    def descriptor(self) -> int:
        """Under which the kernel takes bytes for this connection, or -1 where `write` is the only way."""

    def write(self, data: bytes) -> None:
        """Send bytes. Above 64 KiB in flight the connection calls `Session.paused` before this returns."""

    def buffered(self) -> int:
        """Bytes written but not yet taken by the kernel."""

    def close(self) -> None:
        """Close after everything written has been sent."""

    def abort(self) -> None:
        """Close now."""

    def pause_reading(self, is_paused: bool) -> None:
        """Read no more from the peer (what has been read already may still come), or go on."""

    def wake_in(self, seconds: float) -> None:
        """Call `Session.wake` once, after at least this long (coarse: to the second). Replaces an earlier wake."""


class Session(Protocol):
    """One open stream or WebSocket. All methods are called on the event loop."""

    def started(self, sink: Sink) -> None:
        """The response head has been written; the session may write."""

    def received(self, data: bytes) -> None:
        """Bytes came from the peer (WebSocket frames; a stream's peer has nothing to say)."""

    def paused(self) -> None:
        """More than 64 KiB are in flight: write nothing until `resumed`."""

    def resumed(self) -> None:
        """The peer has drained the buffer."""

    def wake(self) -> None:
        """The time asked for with `Sink.wake_in` has come."""

    def ended(self) -> None:
        """The peer has sent its last byte (half-close)."""

    def drain(self, reconnect_after_ms: int) -> None:
        """The server is going down: say bye and close."""

    def access_changed(self) -> Callable[[], None] | None:
        """Other people may take part in the server from now on: show nothing more, if the peer is none of them.

        Then what is returned is called soon, to say so and end.
        """

    def closed(self) -> None:
        """The connection is gone; called exactly once, nothing is called after it."""
