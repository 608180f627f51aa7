"""What parses the words of others on the side of the client: the library, the terminal, and what draws texts."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from parlour.cli.tail import harmless_json
from parlour.cli.terminal.wrapping import wrap
from parlour.client.answers import failure
from parlour.client.items import LineReader
from parlour.client.room import parse_room
from parlour.core.errors import Refusal
from parlour.core.text import shown, text_line, visible
from parlour.ui.links import pieces
from tests.fault import pumps
from tests.fault.growth import Cost
from tests.fault.pumps import Grammar, Pump
from tests.support.ui import render_text

KIB = 1024
TEXT_BYTES = 16 * KIB


@dataclass(frozen=True)
class Parser:
    """One of them: its grammar, the largest input, and the call."""

    name: str
    grammar: Grammar
    size: int
    parse: Callable[[bytes], object]
    is_cut: bool = False
    """It comes in pieces, and others are served in between: only the whole counts."""

    def cost(self, pump: Pump, size: int) -> Cost:
        """What the input of this size takes."""
        data = pump.of(size)
        before = time.thread_time()
        with contextlib.suppress(ValueError, Refusal):
            self.parse(data)
        spent = time.thread_time() - before
        return Cost(0.0 if self.is_cut else spent, spent)


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    """As a slow line brings it."""
    return (data[at : at + size] for at in range(0, len(data), size))


def read_lines(data: bytes, piece: int) -> None:
    reader = LineReader()
    for part in in_pieces(data, piece):
        for _ in reader.feed(part):
            pass


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def parsers() -> list[Parser]:
    """All of them."""
    stream = pumps.STREAM
    return [
        Parser("lines of a stream", stream, 64 * KIB, lambda data: read_lines(data, len(data))),
        Parser("lines of a stream in pieces", stream, 64 * KIB, lambda data: read_lines(data, 512), is_cut=True),
        Parser("an event", pumps.JSON, 64 * KIB, lambda data: read_lines(data.replace(b"\n", b"") + b"\n", 1 << 20)),
        Parser("a refusal", pumps.JSON, 64 * KIB, lambda data: failure(400, {}, data)),
        Parser("the address of a room", pumps.TARGET, 8 * KIB, lambda data: parse_room("http://a/" + text_of(data))),
        Parser("the address of a server", pumps.FIELD_VALUE, 8 * KIB, lambda data: parse_room(text_of(data))),
        Parser("an event on a terminal", pumps.TEXT, TEXT_BYTES, harmless_json),
        Parser("links", pumps.TEXT, TEXT_BYTES, lambda data: list(pieces(text_of(data)))),
        Parser("pictures", pumps.TEXT, TEXT_BYTES, lambda data: list(shown(text_of(data)))),
        Parser("a text as HTML", pumps.TEXT, TEXT_BYTES, lambda data: render_text(text_of(data))),
        Parser("a line of text", pumps.TEXT, TEXT_BYTES, lambda data: text_line("a" * 24, "b", text_of(data))),
        Parser("what is visible", pumps.TEXT, TEXT_BYTES, lambda data: visible(text_of(data))),
        Parser("a line on a terminal", pumps.TEXT, TEXT_BYTES, lambda data: wrap(text_of(data), 80)),
    ]
