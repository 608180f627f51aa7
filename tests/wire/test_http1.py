"""What the connection relies on in the request decoder, beside the conformance table."""

from __future__ import annotations

import sys

import pytest

from parlour.core.errors import Refusal
from parlour.core.limits import Limits
from parlour.wire.http1 import RequestDecoder

GET = b"GET /lobby?since=42 HTTP/1.1\r\nHost: parlour.test\r\nAccept: text/plain\r\naccept: */*\r\n\r\n"
POST = b"POST /lobby HTTP/1.1\r\nHost: parlour.test\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"POST /lobby HTTP/1.1\r\nHost: parlour.test\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_head_gives_fields_in_order_with_lower_case_names() -> None:
    decoder = RequestDecoder()
    decoder.feed(GET)
    head = decoder.next_head()
    assert head is not None
    assert head.fields == [(b"host", b"parlour.test"), (b"accept", b"text/plain"), (b"accept", b"*/*")]
    assert head.get(b"accept") == b"text/plain, */*"
    assert head.get_all(b"accept") == [b"text/plain", b"*/*"]
    assert head.get(b"cookie") is None
    assert head.get_all(b"cookie") == []


def test_what_a_head_holds_is_bytes_and_not_the_buffer() -> None:
    decoder = RequestDecoder()
    decoder.feed(POST + b"hello" + GET)
    head = decoder.next_head()
    assert head is not None
    body = decoder.next_body(5)
    assert [type(value) for pair in head.fields for value in pair] == [bytes] * 4
    assert (type(head.target), type(head.host), type(body)) == (bytes, bytes, bytes)


def test_the_framing_is_told_before_the_body_has_come() -> None:
    decoder = RequestDecoder()
    decoder.feed(POST)
    head = decoder.next_head()
    assert head is not None
    assert (head.content_length, head.chunked) == (5, False)
    decoder = RequestDecoder()
    decoder.feed(CHUNKED)
    head = decoder.next_head()
    assert head is not None
    assert (head.content_length, head.chunked) == (None, True)


def test_a_decoder_is_between_requests_only_when_nothing_is_under_way() -> None:
    decoder = RequestDecoder()
    assert decoder.is_between
    decoder.feed(POST[:1])
    assert decoder.next_head() is None
    assert not decoder.is_between
    decoder.feed(POST[1:])
    assert decoder.next_head() is not None
    decoder.feed(b"hell")
    assert decoder.next_body(5) is None
    assert not decoder.is_between
    decoder.feed(b"o")
    assert decoder.next_body(5) == b"hello"
    assert decoder.is_between
    decoder.feed(b"\r\n")
    assert decoder.next_head() is None
    assert decoder.is_between


def test_a_request_with_a_body_that_has_not_come_is_not_between() -> None:
    decoder = RequestDecoder()
    decoder.feed(POST)
    assert decoder.next_head() is not None
    assert decoder.buffered == 0
    assert not decoder.is_between


def test_buffered_counts_what_is_held_whether_parsed_or_not() -> None:
    decoder = RequestDecoder()
    decoder.feed(CHUNKED + b"5\r\nhello\r\n5\r\nwo")
    assert decoder.buffered == len(CHUNKED) + 15
    assert decoder.next_head() is not None
    assert decoder.next_body(100) is None
    assert decoder.buffered == len(b"hello") + len(b"wo")
    decoder.feed(b"rld\r\n0\r\n\r\n")
    assert decoder.next_body(100) == b"helloworld"
    assert decoder.buffered == 0


def test_a_body_is_refused_when_it_is_announced_not_when_it_has_come() -> None:
    for data in (POST, CHUNKED + b"5\r\n"):
        decoder = RequestDecoder()
        decoder.feed(data)
        assert decoder.next_head() is not None
        with pytest.raises(Refusal) as refused:
            decoder.next_body(4)
        assert refused.value.code == "too_large"


def test_a_body_as_long_as_the_limit_is_taken() -> None:
    for data in (POST + b"hello", CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"):
        decoder = RequestDecoder()
        decoder.feed(data)
        assert decoder.next_head() is not None
        assert decoder.next_body(5) == b"hello"


def test_many_chunks_are_taken_when_they_are_not_small() -> None:
    decoder = RequestDecoder()
    decoder.feed(CHUNKED + (b"100\r\n" + b"x" * 256 + b"\r\n") * 2000 + b"0\r\n\r\n")
    assert decoder.next_head() is not None
    assert decoder.next_body(2**20) == b"x" * 512_000


def test_what_follows_an_upgrade_is_handed_over_untouched() -> None:
    decoder = RequestDecoder()
    frames = b"\x81\x85\x00\x00\x00\x00hello\r\n\r\n"
    decoder.feed(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + frames)
    head = decoder.next_head()
    assert head is not None
    assert head.upgrade == b"websocket"
    assert decoder.next_body(0) == b""
    assert decoder.rest() == frames
    assert decoder.rest() == b""


SMALL = Limits(request_line_bytes=20, header_field_bytes=16, header_bytes=60, header_fields=2)


def test_limits_can_be_set() -> None:
    decoder = RequestDecoder(SMALL)
    decoder.feed(b"GET /12345 HTTP/1.1\r\nHost: 1.2.3.4:80\r\nA: b\r\n\r\n")
    assert decoder.next_head() is not None
    for data, code in (
        (b"GET /1234567 HTTP/1.1\r\n", "uri_too_long"),
        (b"GET / HTTP/1.1\r\nHost: 10.20.30.40\r\n\r\n", "headers_too_large"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\n\r\n", "headers_too_large"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: 23456789012\r\nB: 23456789012\r\nC: d\r\n\r\n", "headers_too_large"),
    ):
        decoder = RequestDecoder(SMALL)
        decoder.feed(data)
        with pytest.raises(Refusal) as refused:
            decoder.next_head()
        assert refused.value.code == code


def test_a_refusal_never_repeats_what_the_peer_sent() -> None:
    for data in (
        b"S3CRET /\r\n",
        b"S3CRET / HTTP/1.1\r\n",
        b"GET /S3CRET#x HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nHost: S3CRET/\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nExpect: S3CRET\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nS3CRET\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: S3CRET, chunked\r\n\r\n",
    ):
        decoder = RequestDecoder()
        decoder.feed(data)
        with pytest.raises(Refusal) as refused:
            decoder.next_head()
        assert "s3cret" not in str(refused.value).lower()


def test_an_idle_decoder_is_small() -> None:
    decoder = RequestDecoder()
    decoder.feed(CHUNKED + b"4000\r\n" + b"x" * 0x4000 + b"\r\n0\r\n\r\n" + GET)
    for _ in range(2):
        assert decoder.next_head() is not None
        assert decoder.next_body(0x4000) is not None
    held = [getattr(decoder, slot) for slot in RequestDecoder.__slots__]
    own = [value for value in held if isinstance(value, bytearray)]
    assert sys.getsizeof(decoder) + sum(map(sys.getsizeof, own)) <= 400
    shared = bytearray | int | Limits  # and the parser, one function for all connections
    assert all(value is None or callable(value) or isinstance(value, shared) for value in held)
