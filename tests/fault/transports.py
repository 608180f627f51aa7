"""The transports of a reader under load: how a stream is asked for, and its items as the bytes come in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.support import raw


class Lines:
    """NDJSON in chunks: a line is an item once its end has come."""

    def __init__(self) -> None:
        self._chunked = b""
        self._text = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The items that are complete now."""
        self._chunked += data
        while (at := self._chunked.find(b"\r\n")) >= 0:
            size = int(self._chunked[:at], 16)
            if len(self._chunked) < at + 4 + size:
                break
            self._text += self._chunked[at + 2 : at + 2 + size]
            self._chunked = self._chunked[at + 4 + size :]
        *lines, self._text = self._text.split(b"\n")
        return self._items(lines)

    def _items(self, lines: list[bytes]) -> Iterator[bytes]:
        return iter(lines)


class ServerSentEvents(Lines):
    """SSE in chunks, of which only `data:` counts: one line an item, as the server writes it."""

    def _items(self, lines: list[bytes]) -> Iterator[bytes]:
        return (line[6:] for line in lines if line.startswith(b"data: "))


class Frames:
    """Text frames of a server."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The payloads that are complete now."""
        data = self._data + data
        start = 0
        payloads = []
        while len(data) - start >= 2:
            size, begin = data[start + 1], start + 2
            if size == 126:
                size, begin = int.from_bytes(data[begin : begin + 2], "big"), begin + 2
            elif size == 127:
                size, begin = int.from_bytes(data[begin : begin + 8], "big"), begin + 8
            if len(data) < begin + size:
                break
            if data[start] == 0x81:
                payloads.append(data[begin : begin + size])
            start = begin + size
        self._data = data[start:]
        return iter(payloads)


@dataclass(frozen=True)
class Stream:
    """One way to follow one room: the request for what comes after a cursor (`epoch`, seq), and how items come."""

    name: str
    status: int
    request: Callable[[str, str, int], bytes]
    items: Callable[[], Lines | Frames]


def upgrade(target: str) -> bytes:
    """A WebSocket handshake."""
    return raw.head("GET", target, *raw.UPGRADE)


STREAMS = (
    Stream(
        "ndjson",
        200,
        lambda room, epoch, seq: raw.head("GET", f"/{room}?follow=1&format=ndjson&since={epoch}.{seq}"),
        Lines,
    ),
    Stream(
        "sse",
        200,
        lambda room, epoch, seq: raw.head(
            "GET", f"/{room}", "Accept: text/event-stream", f"Last-Event-ID: {epoch}.{seq}"
        ),
        ServerSentEvents,
    ),
    Stream("websocket", 101, lambda room, epoch, seq: upgrade(f"/{room}?since={epoch}.{seq}"), Frames),
)
