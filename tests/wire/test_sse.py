"""Server-sent events mean the same to every reader, however they are cut and whatever people write into them."""

from __future__ import annotations

from collections import deque
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.schema.events import By, Event, decode_event
from parlour.schema.json_line import encode
from parlour.wire.sse import COMMENT, ServerSentEvent, SSEParser, StreamTooLong, event, retry

Events = list[ServerSentEvent]


def message(data: str, id_: str = "", name: str = "message") -> ServerSentEvent:
    return ServerSentEvent(name, data, id_)


# WHATWG HTML §9.2.6, with its own examples.
STREAMS: list[tuple[bytes, Events]] = [
    (b"", []),
    (b"\n\n\n", []),
    (b"data: YHOO\ndata: +2\ndata: 10\n\n", [message("YHOO\n+2\n10")]),
    (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
        [message("first event", "1"), message("second event")],
    ),
    (b"data\n\ndata\ndata\n\ndata:", [message(""), message("\n")]),
    (b"data:test\n\ndata: test\n\n", [message("test"), message("test")]),
    (b"data: a\r\ndata: b\r\n\r\n", [message("a\nb")]),
    (b"data: a\rdata: b\r\r", [message("a\nb")]),
    (b"data: a\r\n\ndata: b\n\r\n", [message("a"), message("b")]),
    (b"\xef\xbb\xbfdata: a\n\n", [message("a")]),
    (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
    (b"data: \xef\xbb\xbfa\n\n", [message("\ufeffa")]),
    (b"event: add\ndata: 1\n\ndata: 2\n\n", [message("1", name="add"), message("2")]),
    (b"event: add\n\ndata: 2\n\n", [message("2")]),
    (b"id: 5\n\ndata: a\n\n", [message("a", "5")]),
    (b"id: 5\ndata: a\n\nid: 6\0\ndata: b\n\n", [message("a", "5"), message("b", "5")]),
    (b"id: 5\ndata: a\n\nid:\ndata: b\n\n", [message("a", "5"), message("b")]),
    (b"data: a\x0bb\x0cc\xc2\x85d\xe2\x80\xa8e\n\n", [message("a\x0bb\x0cc\x85d\u2028e")]),
    (b"unknown: x\nDATA: x\n data: x\ndata : x\n\n", []),
    (b"data: \xff\n\n", [message("\ufffd")]),
    (b"data: a", []),
    (b"data: a\n", []),
]


@pytest.mark.parametrize(("stream", "events"), STREAMS)
def test_a_stream_is_read_as_the_standard_says(stream: bytes, events: Events) -> None:
    assert SSEParser().feed(stream) == events, "whole"
    parser = SSEParser()
    pieces = [found for index in range(len(stream)) for found in parser.feed(stream[index : index + 1])]
    assert pieces == events, "byte by byte"


@pytest.mark.parametrize(("stream", "events"), STREAMS)
def test_what_follows_changes_nothing_that_was_read(stream: bytes, events: Events) -> None:
    parser = SSEParser()
    first = parser.feed(stream)
    assert first == events
    parser.feed(b"\n\n")
    assert parser.feed(b"event: after\ndata: x\n\n")[-1][:2] == ("after", "x")


def test_an_event_is_given_at_its_last_byte_even_if_that_is_a_cr() -> None:
    parser = SSEParser()
    assert parser.feed(b"data: a\r\r") == [message("a")]
    assert parser.feed(b"\n") == []
    assert parser.feed(b"data: b\r\n\r") == [message("b")]
    assert parser.feed(b"\ndata: c\n\n") == [message("c")]


def test_the_parser_keeps_what_a_reconnecting_client_needs() -> None:
    parser = SSEParser(last_id="k.1")
    assert parser.feed(b"data: a\n\n") == [message("a", "k.1")]
    parser.feed(b"id: k.7\nretry: 2500\ndata: x\n\nid: k.8\ndata: cut")
    assert parser.last_id == "k.7", "an event that never ended was never seen"
    assert parser.retry_ms == 2500
    for bad in (b"retry: 1e3\n", b"retry: -1\n", b"retry:\n", "retry: ١٢\n".encode(), b"retry: 99999999999\n"):
        parser.feed(b"\n" + bad)
    assert parser.retry_ms == 2500


def test_a_line_or_an_event_without_end_is_refused() -> None:
    for endless in (b"data: xxxxxxxx", b"data: x\n", b": x" * 10):
        parser = SSEParser(max_bytes=1000)
        with pytest.raises(StreamTooLong):
            deque(map(parser.feed, repeat(endless, 1000)), maxlen=0)


def test_the_encoder_writes_fields_in_one_way() -> None:
    assert event(b'{"a":1}') == b'data: {"a":1}\n\n'
    assert event(b"x", id="k.1") == b"id: k.1\ndata: x\n\n"
    assert event(b"x", name="bye") == b"event: bye\ndata: x\n\n"
    assert event(b"x", id="k.1", name="bye") == b"event: bye\nid: k.1\ndata: x\n\n"
    assert event(b"x", name="bye", retry_ms=0) == b"event: bye\nretry: 0\ndata: x\n\n"
    assert retry(1500) == b"retry: 1500\n"
    assert len(SSEParser().feed(COMMENT + retry(1) + event(b"x"))) == 1


@pytest.mark.parametrize("break_", ["\n", "\r", "\r\n"])
def test_the_encoder_never_writes_a_second_line(break_: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        event(b"a" + break_.encode() + b"data: b")
    with pytest.raises(ValueError, match="one line"):
        event(b"a", id="1" + break_)
    with pytest.raises(ValueError, match="one line"):
        event(b"a", name="x" + break_)
    with pytest.raises(ValueError, match="one line"):
        event(b"a", id="1\0")


HOSTILE = st.lists(
    st.sampled_from(
        [
            "\r",
            "\n",
            "\r\n",
            "\0",
            "\ufeff",
            "\x0b",
            "\x85",
            "\u2028",
            "\u2029",
            "data:",
            "id:",
            "event: bye",
            "retry: 1",
            ":",
            " ",
            "é",
        ]
    )
    | st.text(max_size=5)
).map("".join)


@given(
    st.lists(
        st.builds(
            Event,
            room=HOSTILE,
            seq=st.integers(1, 2**36),
            type=HOSTILE,
            at=HOSTILE,
            by=st.builds(By, HOSTILE, HOSTILE, st.just("guest")),
            text=HOSTILE,
            key=HOSTILE,
        )
    ),
    st.lists(st.integers(1, 40), min_size=1),
)
def test_no_field_of_an_event_can_inject_another_event(events: list[Event], cuts: list[int]) -> None:
    stream = b"".join(event(encode(item), id=f"k.{item.seq}") + COMMENT for item in events)
    parser = SSEParser()
    received: Events = []
    position = turn = 0
    while position < len(stream):
        size = cuts[turn % len(cuts)]
        received += parser.feed(stream[position : position + size])
        position, turn = position + size, turn + 1
    assert [decode_event(found.data) for found in received] == events
    assert [found.id for found in received] == [f"k.{item.seq}" for item in events]
    assert {found.name for found in received} <= {"message"}
    assert parser.retry_ms is None
