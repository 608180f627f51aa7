"""Server-sent events mean the same to every reader, however they are cut and whatever people write into them."""

from __future__ import annotations

import httpx
import pytest
from httpx_sse import EventSource, ServerSentEvent
from hypothesis import given
from hypothesis import strategies as st

from parlour.core.event import Author
from parlour.schema.events import Event, decode_event
from parlour.schema.json_line import encode
from parlour.wire.sse import COMMENT, event, retry


def read(*pieces: bytes) -> list[ServerSentEvent]:
    """What a client that others wrote reads out of a stream that comes in these pieces."""
    answer = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=iter(pieces))
    return list(EventSource(answer).iter_sse())


def test_the_encoder_writes_fields_in_one_way() -> None:
    assert event(b'{"a":1}') == b'data: {"a":1}\n\n'
    assert event(b"x", id="k.1") == b"id: k.1\ndata: x\n\n"
    assert event(b"x", name="bye") == b"event: bye\ndata: x\n\n"
    assert event(b"x", id="k.1", name="bye") == b"event: bye\nid: k.1\ndata: x\n\n"
    assert event(b"x", name="bye", retry_ms=0) == b"event: bye\nretry: 0\ndata: x\n\n"
    assert retry(1500) == b"retry: 1500\n"
    assert [found.data for found in read(COMMENT + retry(1) + event(b"x"))] == ["x"]


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
            by=st.builds(Author, HOSTILE, HOSTILE, st.just("guest")),
            text=HOSTILE,
            key=HOSTILE,
        )
    ),
    st.lists(st.integers(1, 40), min_size=1),
)
def test_no_field_of_an_event_can_inject_another_event(events: list[Event], cuts: list[int]) -> None:
    stream = b"".join(event(encode(item), id=f"k.{item.seq}") + COMMENT for item in events)
    pieces, position, turn = list[bytes](), 0, 0
    while position < len(stream):
        size = cuts[turn % len(cuts)]
        pieces.append(stream[position : position + size])
        position, turn = position + size, turn + 1
    received = read(*pieces)
    assert [decode_event(found.data) for found in received] == events
    assert [found.id for found in received] == [f"k.{item.seq}" for item in events]
    assert {(found.event, found.retry) for found in received} <= {("message", None)}
