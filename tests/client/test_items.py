"""Lines of an NDJSON stream, cut anywhere, known and unknown (docs/protocol.md#event)."""

from __future__ import annotations

import pytest

from parlour.client.answers import failure
from parlour.client.items import MAX_LINE_BYTES, LineReader, decode_item
from parlour.core.event import Author
from parlour.schema.events import Bye, CaughtUp, Event, Heartbeat, Reset

HELLO = (
    '{"room":"lobby","seq":1,"type":"message","at":"2026-11-22T06:41:23.123Z",'
    '"by":{"id":"g_1","name":"älice","kind":"guest"},"text":"Hello \\u2028"}'
).encode()
CASES = [
    (HELLO, Event("lobby", 1, "message", "2026-11-22T06:41:23.123Z", Author("g_1", "älice", "guest"), "Hello \u2028")),
    (  # as older servers stored it
        HELLO.replace(b"\\u2028", "\u2028".encode()),
        Event("lobby", 1, "message", "2026-11-22T06:41:23.123Z", Author("g_1", "älice", "guest"), "Hello \u2028"),
    ),
    (b'{"type":"caught_up","room":"lobby","cursor":"e.1","new":[1]}', CaughtUp("lobby", "e.1")),
    (
        b'{"type":"reset","room":"lobby","reason":"r","epoch":"f","first_seq":1,"head_seq":3}',
        Reset("lobby", "r", "f", 1, 3),
    ),
    (b'{"type":"heartbeat","heads":{"lobby":1}}', Heartbeat({"lobby": 1})),
    (b'{"type":"bye","reconnect_after_ms":1500}', Bye(1500)),
]


@pytest.mark.parametrize(("raw", "item"), CASES)
def test_line_is_read(raw: bytes, item: object) -> None:
    assert decode_item(raw) == item


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10**6])
def test_stream_cut_anywhere_gives_the_same_lines(size: int) -> None:
    data = b"".join([raw + b"\r\n" for raw, _ in CASES]) + b"\n" + HELLO
    reader = LineReader()
    lines = [line for at in range(0, len(data), size) for line in reader.feed(data[at : at + size])]
    assert [line.item for line in lines] == [item for _, item in CASES]
    assert [line.raw.rstrip() for line in lines] == [raw for raw, _ in CASES]


def test_control_item_of_an_unknown_type_is_ignored() -> None:
    assert decode_item(b'{"type":"presence","room":"lobby","who":3}') is None


@pytest.mark.parametrize(
    "raw",
    [
        b'{"room":"lobby","seq":7,"type":"poll","at":"x","by":{"id":"1","name":"n","kind":"oracle"}}',
        b'{"room":"lobby","seq":7,"type":"poll","text":{"rich":true}}',
    ],
)
def test_event_of_a_newer_server_keeps_its_place_in_the_log(raw: bytes) -> None:
    item = decode_item(raw)
    assert isinstance(item, Event)
    assert (item.room, item.seq, item.type, item.text) == ("lobby", 7, "poll", None)


@pytest.mark.parametrize("raw", [b"hello", b"[1]", b'{"seq":1}', b'"x"', b'{"type":"\xff"}', b"{"])
def test_line_that_is_no_item_is_an_error(raw: bytes) -> None:
    with pytest.raises(ValueError, match="the server sent"):
        decode_item(raw)


def test_line_without_an_end_is_an_error() -> None:
    reader = LineReader()
    assert list(reader.feed(b"x" * MAX_LINE_BYTES)) == []
    with pytest.raises(ValueError, match="more than"):
        list(reader.feed(b"x"))


@pytest.mark.parametrize("raw", [b'{"a":' * 60_000, b'{"type":"x","a":' + b"[" * 5000 + b"]" * 5000 + b"}"])
def test_a_line_that_is_nested_without_end_is_not_json(raw: bytes) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        decode_item(raw)
    assert "answered 400" in str(failure(400, {}, raw))
