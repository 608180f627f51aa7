"""In which coding an answer goes out (RFC 9110 §12.5.3), and whether a client has it already (§13.1.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.http.negotiate import choose_coding, is_known, weak

CHROMIUM = b"gzip, deflate, br, zstd"


@pytest.mark.parametrize(
    ("accept_encoding", "chosen"),
    [
        (None, None),
        (b"", None),
        (CHROMIUM, "br"),
        (b"gzip", "gzip"),
        (b"GZIP", "gzip"),
        (b"x-gzip", "gzip"),
        (b"deflate, zstd", None),
        (b"br;q=0.5, gzip;q=0.6", "gzip"),
        (b"br;q=0, gzip", "gzip"),
        (b"gzip;q=0, br;q=0", None),
        (b"*", "br"),
        (b"*;q=0", None),
        (b"gzip, *;q=0", "gzip"),
        (b"br;q=0, *;q=0.1", "gzip"),
        (b"identity", None),
        (b"identity, gzip;q=0.5", None),
        (b"identity;q=0.5, gzip", "gzip"),
        (b"identity;q=0.5, gzip;q=0.5", "gzip"),
        (b"identity;q=0, gzip", "gzip"),
        (b"identity;q=0", None),  # there is nothing else: sent as it is rather than refused
        (b"gzip;q=0.001", "gzip"),
        (b"gzip;q=1.5, br;q=x", None),  # malformed: as if not sent
        (b",, gzip ; q=0.8 ,", "gzip"),
    ],
)
def test_coding_is_what_the_client_likes_best(accept_encoding: bytes | None, chosen: str | None) -> None:
    assert choose_coding(accept_encoding) == chosen


def test_coding_is_one_of_those_that_there_are() -> None:
    assert choose_coding(CHROMIUM, ("gzip",)) == "gzip"
    assert choose_coding(b"br", ("gzip",)) is None
    assert choose_coding(b"br;q=1, identity;q=0.5, gzip;q=0.1", ("gzip",)) is None


@given(st.binary(max_size=300))
def test_coding_when_the_field_is_anything_is_one_of_ours(accept_encoding: bytes) -> None:
    assert choose_coding(accept_encoding) in ("br", "gzip", None)


@pytest.mark.parametrize(
    ("if_none_match", "known"),
    [
        (None, False),
        (b'"abc"', True),
        (b'W/"abc"', True),
        (b'"x", W/"abc"', True),
        (b"*", True),
        (b'"abcd"', False),
        (b"abc", False),
        (b'"ab', False),
    ],
)
def test_tag_is_known_in_whichever_coding_the_client_has_it(if_none_match: bytes | None, known: bool) -> None:
    assert is_known(if_none_match, b'"abc"') is known
    assert is_known(if_none_match, weak(b'"abc"')) is known
