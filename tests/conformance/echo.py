"""A WebSocket that says back what it hears, for the suites of others: the production one, with its limits lifted.

Route, guard, handshake, connection, session and frames are those of the server. Different are three things: a message
is echoed instead of carried out, binary ones are admitted, and no limit of size, number or rate is reached.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from parlour.core.limits import Limits
from parlour.http.session import Sink
from parlour.stream.websocket import Common, WebSocketSession
from parlour.wire.websocket import BINARY, TEXT, Binary, FrameReader, Received, text_frame

TARGET = "/api/v1/stream"
"""Where nothing is said before the client has asked for a room."""

WITHOUT_END = 1 << 30


def lifted(limits: Limits) -> Limits:
    """The limits of a WebSocket, out of the way."""
    return replace(
        limits,
        websocket_frame_bytes=WITHOUT_END,
        websocket_message_bytes=WITHOUT_END,
        websocket_fragments=WITHOUT_END,
        websocket_controls_per_s=WITHOUT_END,
        websocket_ops_per_s=WITHOUT_END,
        websocket_ops_burst=WITHOUT_END,
    )


def as_binary(frame: bytes) -> bytes:
    """The same frame with the other type of message."""
    return bytes([frame[0] ^ TEXT ^ BINARY]) + frame[1:]


class EchoReader(FrameReader):
    """Reads binary messages too, and echoes them itself: its owner knows none."""

    __slots__ = ("_sink",)

    def __init__(self, limits: Limits, sink: Sink) -> None:
        super().__init__(limits, allows_binary=True)
        self._sink = sink

    def feed(self, data: bytes) -> list[Received]:
        received = super().feed(data)
        for item in received:
            if isinstance(item, Binary):
                self._sink.write(as_binary(text_frame(item.data)))
        return received


class EchoSession(WebSocketSession):
    """A session whose only operation is to repeat a message; takes the place of the real one in `api/streams.py`."""

    def __init__(self, common: Common, *arguments: Any, **others: Any) -> None:
        super().__init__(replace(common, limits=lifted(common.limits)), *arguments, **others)

    def _new_reader(self) -> FrameReader:
        assert self.sink is not None
        return EchoReader(self._common.limits, self.sink)

    def _dispatch(self, message: str) -> None:
        if self.sink is not None:
            self.sink.write(text_frame(message.encode()))
