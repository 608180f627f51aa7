"""Server-sent events: the encoder for our streams and a strict parser for our client (WHATWG HTML §9.2)."""

from __future__ import annotations

import re
from typing import NamedTuple

_UNSAFE = re.compile("[\r\n\0]")

COMMENT = b":\n"
"""A sign of life that no client shows. A line, and not a block of its own: see `retry`."""


def event(data: bytes, *, id: str = "", name: str = "", retry_ms: int | None = None) -> bytes:  # noqa: A002 - the field's name
    """Encode one event; `retry_ms` is how long the client shall wait before it reconnects.

    `data` is one line; what would end a line early is our own bug, hence a ValueError.
    """
    if b"\n" in data or b"\r" in data:
        raise ValueError("the data of an event is one line")
    if _UNSAFE.search(id) or _UNSAFE.search(name):
        raise ValueError("an id or a name is one line without NUL")
    head = f"event: {name}\n" if name else ""
    if id:
        head += f"id: {id}\n"
    if retry_ms is not None:
        head += f"retry: {retry_ms}\n"
    return b"%bdata: %b\n\n" % (head.encode(), data)


def retry(ms: int) -> bytes:
    """Tell the client to wait `ms` milliseconds before it reconnects.

    A line to stand before an event: of a block without data some clients make an event without data.
    """
    return b"retry: %d\n" % ms


class ServerSentEvent(NamedTuple):
    """One event as a browser would dispatch it: `name` is `message` if none was sent, `id` the last one seen so far."""

    name: str
    data: str
    id: str


class StreamTooLong(ValueError):
    """A line or the data of one event is longer than the parser allows."""


class SSEParser:
    """Parses a stream fed in pieces of any size (WHATWG HTML §9.2.6).

    `last_id` and `retry_ms` are what a reconnecting client needs. Keeps at most `max_bytes` of an unfinished line and
    of one event's data; more raises StreamTooLong.
    """

    __slots__ = (
        "_after_cr",
        "_begun",
        "_begun_size",
        "_data",
        "_data_size",
        "_id",
        "_max_bytes",
        "_name",
        "_started",
        "last_id",
        "retry_ms",
    )

    def __init__(self, *, max_bytes: int = 1024 * 1024, last_id: str = "") -> None:
        self._max_bytes = max_bytes
        self._begun: list[bytes] = []
        self._begun_size = 0
        self._started = False
        self._after_cr = False
        self._data: list[str] = []
        self._data_size = 0
        self._name = ""
        self._id = last_id
        self.last_id = last_id
        self.retry_ms: int | None = None

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Take the next bytes; gives the events that they complete. An event without its blank line never appears."""
        if not self._started:
            data = b"".join([*self._begun, data])
            self._begun, self._begun_size = [], 0
            if len(data) < 3 and b"\xef\xbb\xbf".startswith(data):
                self._begun = [data]
                return []
            data = data.removeprefix(b"\xef\xbb\xbf")  # one byte order mark, at the very beginning only
            self._started = True
        ends_in_cr = data.endswith(b"\r") if data else self._after_cr
        if self._after_cr:
            data = data.removeprefix(b"\n")  # the other half of a CRLF; the CR has ended its line already
        self._after_cr = ends_in_cr
        *lines, rest = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        if lines:
            lines[0] = b"".join([*self._begun, lines[0]])
            self._begun, self._begun_size = [], 0
        self._begun.append(rest)  # joined only when its end has come, or a slow line would cost its square
        self._begun_size += len(rest)
        if self._begun_size > self._max_bytes:
            raise StreamTooLong(f"a line is longer than {self._max_bytes} bytes")
        events = []
        for line in lines:
            if line:
                self._take(line)
            elif (dispatched := self._dispatch()) is not None:
                events.append(dispatched)
        return events

    def _take(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        if not field:
            return  # a comment
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data_size += len(value) + 1
            if self._data_size > self._max_bytes:
                raise StreamTooLong(f"the data of an event is longer than {self._max_bytes} bytes")
            self._data.append(value.decode("utf-8", "replace"))
        elif field == b"id":
            if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
        elif field == b"retry" and value.isdigit() and len(value) <= 9:
            self.retry_ms = int(value)

    def _dispatch(self) -> ServerSentEvent | None:
        self.last_id = self._id
        data, name = self._data, self._name
        self._data, self._data_size, self._name = [], 0, ""
        if not data:
            return None
        return ServerSentEvent(name or "message", "\n".join(data), self.last_id)
