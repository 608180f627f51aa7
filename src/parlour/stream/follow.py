"""One-way streams: SSE, NDJSON and text, over one room or many."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from urllib.parse import quote, unquote

from parlour.core.cursor import Cursor, parse_cursor
from parlour.core.errors import Refusal
from parlour.core.event import Stored
from parlour.http.session import Sink
from parlour.hub.channel import Channel
from parlour.hub.encoder import Encoder
from parlour.hub.hub import Hub
from parlour.hub.reader import NO_NAMES
from parlour.schema.event_json import of_under_name, under_name
from parlour.schema.events import Control, item_under_name
from parlour.stream.encoding import chunked, sse_control
from parlour.stream.live import Client, LiveSession, Starts, Timing
from parlour.wire.chunked import LAST_CHUNK, chunk

_MANY = re.compile(r"([0-9a-z]{1,16});([^;]*(?:;[^;]*)*)")


class FollowSession(LiveSession):
    """A stream that only the server writes, in chunks of HTTP/1.1 or, for HTTP/1.0, to the end of the connection.

    `first` is sent ahead of everything (the reconnection time of SSE).
    """

    __slots__ = ("_first", "_in_chunks")

    def __init__(
        self, hub: Hub, encoder: Encoder, starts: Starts, client: Client, timing: Timing, in_chunks: bool, first: bytes
    ) -> None:
        super().__init__(hub, chunked(encoder) if in_chunks else encoder, starts, client, timing)
        self._in_chunks = in_chunks
        self._first = chunk(first) if in_chunks and first else first

    def started(self, sink: Sink) -> None:
        """The head is out: begin."""
        if self._first:
            sink.write(self._first)
            self._first = b""
        super().started(sink)

    def finish(self) -> None:
        """End the body, so that the client can tell an end from a break."""
        if self.sink is not None:
            if self._in_chunks:
                self.sink.write(LAST_CHUNK)
            super().finish()


def many_rooms(
    epoch: str,
    starts: Starts,
    names: Mapping[str, str] = NO_NAMES,
    address: Callable[[str | None, str], str] | None = None,
) -> Encoder:
    """SSE over many rooms, for one connection: every `id:` carries all cursors, and `Last-Event-ID` resumes all.

    `names` are those of rooms that the peer calls otherwise, `address` tells what it calls those in its account's log.
    """
    positions = {names.get(channel.room, channel.room): _position(channel, start.cursor) for channel, start in starts}

    def event_id(room: str, seq: int) -> bytes:
        positions[room] = seq
        return encode_cursors(epoch, positions).encode()

    def events(room: str, _epoch: str, events: Sequence[Stored]) -> bytes:
        if address is not None and room[0] == ".":
            events = [of_under_name(event, partial(address, room[1:])) for event in events]
        if (name := names.get(room)) is not None:
            events, room = [under_name(event, room, name) for event in events], name
        return b"".join([b"id: %b\ndata: %b\n\n" % (event_id(room, seq), json) for seq, json, _, _ in events])

    def control(item: Control) -> bytes:
        for room, name in names.items():
            item = item_under_name(item, room, name)
        return sse_control(item, event_id=event_id)

    return Encoder(events, control, is_shared=False, is_costly=True)


def _position(channel: Channel, cursor: Cursor | None) -> int:
    """Where a reader is in a room before anything has come from it.

    A seq of another epoch means nothing in this one and could skip what was never shown: that reader has seen nothing.
    """
    if cursor is None:
        return channel.head
    return cursor.seq if cursor.epoch in (None, channel.epoch) else 0


def encode_cursors(epoch: str, positions: dict[str, int]) -> str:
    """Many cursors as one: `k3f9;lobby=42;dev=7`, room names percent-encoded."""
    return epoch + "".join([f";{_quoted(room)}={seq}" for room, seq in positions.items()])


@lru_cache(maxsize=4096)
def _quoted(room: str) -> str:
    return quote(room, safe="")


def parse_cursors(text: str, field: str = "Last-Event-ID") -> dict[str, Cursor]:
    """The cursors by room in the `id` of many rooms, which came back in `field`. Raises Refusal("bad_cursor")."""
    match = _MANY.fullmatch(text)
    if match is None:
        raise Refusal("bad_cursor", "A cursor of many rooms looks like k3f9;lobby=42;dev=7.", field=field)
    cursors = {}
    for part in match[2].split(";"):
        room, _, seq = part.partition("=")
        cursors[unquote(room)] = Cursor(match[1], parse_cursor(seq, field).seq)
    return cursors
