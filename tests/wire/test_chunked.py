"""Chunks on the way out are what another implementation reads back."""

from __future__ import annotations

import h11
from hypothesis import given
from hypothesis import strategies as st

from parlour.wire.chunked import LAST_CHUNK, chunk


def read_back(body: bytes) -> tuple[bytes, bool]:
    """The body as h11 reads it, and whether it has ended."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    data = b""
    while True:
        event = client.next_event()
        if isinstance(event, h11.Data):
            data += event.data
        elif event is h11.NEED_DATA or isinstance(event, h11.EndOfMessage):
            return data, event is not h11.NEED_DATA


def test_chunk_bytes() -> None:
    assert chunk(b"hello") == b"5\r\nhello\r\n"
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
    assert LAST_CHUNK == b"0\r\n\r\n"


@given(st.lists(st.binary(max_size=300)))
def test_chunks_are_read_back_and_only_the_last_one_ends_the_body(pieces: list[bytes]) -> None:
    body = b"".join(map(chunk, pieces))
    assert read_back(body) == (b"".join(pieces), False), "no data makes no chunk, which would end the body"
    assert read_back(body + LAST_CHUNK) == (b"".join(pieces), True)
