"""Streams of a quiet room, each on one connection from the beginning to the end: what cuts them off is seen."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack

from tests.support import raw

QUIET = "quiet"


def say(port: int, text: str) -> dict[str, object]:
    """Send to the quiet room. Gives the event."""
    answer = raw.exchange(port, raw.post(f"/{QUIET}", text.encode(), "Accept: application/json", "Connection: close"))
    assert raw.status(answer) == 201, answer
    event: dict[str, object] = json.loads(raw.body(answer))
    return event


def listen(port: int, sockets: ExitStack) -> list[Listener]:
    """One stream of every transport."""
    page = raw.body(raw.exchange(port, raw.head("GET", f"/{QUIET}?format=json", "Connection: close")))
    epoch = json.loads(page)["epoch"]
    return [Listener(kind, sockets.enter_context(raw.connected(port)), epoch) for kind in raw.TRANSPORTS]


class Listener:
    """A stream of the quiet room."""

    def __init__(self, transport: raw.Transport, sock: socket.socket, epoch: str) -> None:
        self.name = transport.name
        self._transport = transport
        self._sock = sock
        sock.sendall(raw.ask(transport, QUIET, 0, epoch))
        self._stream = raw.read_until(sock, raw.is_caught_up(transport))

    def texts_until(self, text: str) -> list[str]:
        """Every text so far, once the last one is `text`. Raises AssertionError if the connection ends before."""
        self._stream += raw.read_until(self._sock, lambda data: text.encode() in data and self._has(data, text))
        texts = self._texts(self._stream)
        assert texts[-1:] == [text], f"{self.name} was cut off: {self._stream[-200:]!r}"
        return texts

    def live(self) -> None:
        """Say what a WebSocket client says to a ping, asked or not (RFC 6455 §5.5.3)."""
        if self.name == "websocket":
            self._sock.sendall(raw.ws_frame(b"", opcode=10))

    def _has(self, more: bytes, text: str) -> bool:
        return text in self._texts(self._stream + more)

    def _texts(self, stream: bytes) -> list[str]:
        return [json.loads(event)["text"] for event in raw.events(self._transport, stream)]
