"""Multipart forms and queries are decoded exactly or refused."""

from __future__ import annotations

from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.core.errors import Refusal
from parlour.wire.forms import decode_multipart, known_fields, media_type, parse_query

PAIRS = [
    (b"", []),
    (b"a=1", [("a", "1")]),
    (b"a=1&b=2", [("a", "1"), ("b", "2")]),
    (b"room=lobby&room=dev", [("room", "lobby"), ("room", "dev")]),
    (b"a", [("a", "")]),
    (b"a=", [("a", "")]),
    (b"=b", [("", "b")]),
    (b"a=b=c", [("a", "b=c")]),
    (b"&&a=1&", [("a", "1")]),
    (b"a+b=c+d", [("a b", "c d")]),
    (b"a%20b=c%2Bd%26%3d", [("a b", "c+d&=")]),
    (b"t=gr%C3%BC%c3%9Fe", [("t", "grüße")]),
    ("t=grüße".encode(), [("t", "grüße")]),
    (b"t=%F0%9F%99%82", [("t", "🙂")]),
    (b"t=%2525", [("t", "%25")]),
    (b"t=a%0D%0Ab", [("t", "a\r\nb")]),
    (b"a;b=1", [("a;b", "1")]),
    (b"&".join(b"k=%d" % number for number in range(64)), [("k", str(number)) for number in range(64)]),
]

BAD_PAIRS = [
    (b"a=%", "a"),
    (b"a=%4", "a"),
    (b"a=%zz", "a"),
    (b"a=%u0041", "a"),
    (b"a=%%41", "a"),
    (b"a=% 41", "a"),
    (b"%=a", None),
    (b"a=\xff", "a"),
    (b"a=%ff", "a"),
    (b"a=%C0%80", "a"),
    (b"a=%ED%A0%80", "a"),
    (b"a=%C3&b=%BC", "a"),
    (b"a=%00", "a"),
    (b"a=x\0y", "a"),
    (b"%1B%5B2J=%", "␛[2J"),
    (b"&".join(b"k=%d" % number for number in range(65)), None),
    (b"&" * 60_000, None),
]


@pytest.mark.parametrize(("raw", "pairs"), PAIRS)
def test_pairs_are_decoded_in_order(raw: bytes, pairs: list[tuple[str, str]]) -> None:
    assert parse_query(raw) == pairs


@pytest.mark.parametrize(("raw", "field"), BAD_PAIRS)
def test_bad_pairs_are_refused_with_their_field(raw: bytes, field: str | None) -> None:
    with pytest.raises(Refusal) as refused:
        parse_query(raw)
    assert refused.value.code == "bad_parameter"
    assert refused.value.field == field


@given(st.lists(st.tuples(st.text(), st.text()), max_size=64))
def test_what_urlencode_writes_is_read_back(pairs: list[tuple[str, str]]) -> None:
    wanted = [(name, value) for name, value in pairs if "\0" not in name + value]
    assert parse_query(urlencode(wanted).encode()) == wanted


@given(st.binary(max_size=200))
def test_any_bytes_are_pairs_or_a_refusal(raw: bytes) -> None:
    try:
        pairs: object = parse_query(raw)
    except Refusal as refusal:
        pairs = refusal.code
    assert isinstance(pairs, list) or pairs == "bad_parameter"


def test_fields_are_known_and_given_once() -> None:
    known = frozenset({"a", "b"})
    assert known_fields([("a", "1"), ("b", "")], known) == {"a": "1", "b": ""}
    for pairs, field in (([("a", "1"), ("c", "")], "c"), ([("a", "1"), ("a", "1")], "a")):
        with pytest.raises(Refusal) as refused:
            known_fields(pairs, known)
        assert (refused.value.code, refused.value.field) == ("bad_form", field)


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        (b"text/plain", b"text/plain"),
        (b"Text/Plain; charset=utf-8", b"text/plain"),
        (b" text/plain ;x=y", b"text/plain"),
        (b"", b""),
    ],
)
def test_a_media_type_is_compared_without_parameters(content_type: bytes, kind: bytes) -> None:
    assert media_type(content_type) == kind


TYPE = b"multipart/form-data; boundary=XX"


def part(name: str, value: bytes, head: str = "") -> bytes:
    return f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n{head}\r\n'.encode() + value + b"\r\n"


MULTIPARTS: list[tuple[bytes, list[tuple[str, str]]]] = [
    (b"--XX--\r\n", []),
    (b"--XX--", []),
    (part("text", b"hello") + b"--XX--\r\n", [("text", "hello")]),
    (part("text", b"hello") + b"--XX--", [("text", "hello")]),
    (part("a", b"") + part("a", b"2") + b"--XX--", [("a", ""), ("a", "2")]),
    (part("text", "grüße\r\n--X\r\n".encode()) + b"--XX--", [("text", "grüße\r\n--X\r\n")]),
    (part("text", b"100% + &=") + b"--XX--", [("text", "100% + &=")]),
    (part("text", b"x", "Content-Type: text/plain; charset=UTF-8\r\n") + b"--XX--", [("text", "x")]),
    (part("text", b"x", "Content-Type: text/plain; charset=ascii\r\n") + b"--XX--", [("text", "x")]),
    (part("a%22b", b"x") + b"--XX--", [('a"b', "x")]),
    (
        b"".join(part("k", b"%d" % number) for number in range(8)) + b"--XX--",
        [("k", str(number)) for number in range(8)],
    ),
]

BAD_MULTIPARTS = [
    (b"", "bad_form"),
    (b"hello", "bad_form"),
    (b"--YY--", "bad_form"),
    (part("text", b"hello"), "bad_form"),
    (part("text", b"hello") + b"--XX", "bad_form"),
    (part("text", b"hello") + b"--XX-- trailing", "bad_form"),
    (part("text", b"hello") + b"--XX--\r\n" + part("text", b"other") + b"--XX--\r\n", "bad_form"),
    (b"preamble\r\n" + part("text", b"x") + b"--XX--", "bad_form"),
    (part("text", b"hello").replace(b"\r\n", b"\n") + b"--XX--", "bad_form"),
    (b"--XX\r\nContent-Disposition: form-data\r\n\r\nx\r\n--XX--", "bad_form"),
    (b'--XX\r\nContent-Disposition: attachment; name="a"\r\n\r\nx\r\n--XX--', "bad_form"),
    (b"--XX\r\n\r\nx\r\n--XX--", "bad_form"),
    (part("a", b"x", 'Content-Disposition: form-data; name="b"\r\n') + b"--XX--", "bad_form"),
    (part("a", b"x", "X: " + "y" * 2000 + "\r\n") + b"--XX--", "bad_form"),
    (part("a", b"x", "".join(f"X-{number}: y\r\n" for number in range(9))) + b"--XX--", "bad_form"),
    (part("a", b"x", "Content-Type: text/plain; charset=utf-16\r\n") + b"--XX--", "bad_form"),
    (part("a", b"\xff") + b"--XX--", "bad_form"),
    (part("a", b"x\0") + b"--XX--", "bad_form"),
    (b"".join(part("k", b"") for _ in range(9)) + b"--XX--", "bad_form"),
    (
        b'--XX\r\nContent-Disposition: form-data; name="a"; filename="x.txt"\r\n\r\nx\r\n--XX--',
        "unsupported_media_type",
    ),
    (b'--XX\r\nContent-Disposition: form-data; name="a"; filename=""\r\n\r\n\r\n--XX--', "unsupported_media_type"),
]


@pytest.mark.parametrize(("data", "pairs"), MULTIPARTS)
def test_multipart_text_fields_are_decoded(data: bytes, pairs: list[tuple[str, str]]) -> None:
    assert decode_multipart(TYPE, data) == pairs
    assert decode_multipart(b'Multipart/Form-Data; charset=utf-8; BOUNDARY="XX"', data) == pairs


@pytest.mark.parametrize("encoding", ["7bit", "8bit", "8BIT", "binary", "Binary"])
def test_a_part_that_is_not_encoded_may_say_so(encoding: str) -> None:
    data = part("text", "grüße=41".encode(), f"Content-Transfer-Encoding: {encoding}\r\n") + b"--XX--"
    assert decode_multipart(TYPE, data) == [("text", "grüße=41")]


@pytest.mark.parametrize(
    "head",
    [
        "Content-Transfer-Encoding: base64",
        "content-transfer-encoding: BASE64",
        "Content-Transfer-Encoding: quoted-printable",
        "Content-Transfer-Encoding: x-uuencode",
        "Content-Transfer-Encoding: 8bit, base64",
        "Content-Encoding: gzip",
    ],
)
def test_a_part_that_is_encoded_is_refused_and_not_taken_for_what_it_says(head: str) -> None:
    with pytest.raises(Refusal) as refused:
        decode_multipart(TYPE, part("text", b"aGVsbG8=", f"{head}\r\n") + b"--XX--")
    assert (refused.value.code, refused.value.field) == ("bad_form", "text")


@pytest.mark.parametrize(("data", "code"), BAD_MULTIPARTS)
def test_bad_multipart_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        decode_multipart(TYPE, data)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "content_type",
    [
        b"multipart/form-data",
        b"multipart/form-data;",
        b"multipart/form-data; boundary=",
        b'multipart/form-data; boundary=""',
        b"multipart/form-data; boundary=" + b"X" * 71,
        b"multipart/form-data; boundary=XX; boundary=YY",
        b"multipart/form-data; boundary=X\xffX",
        b"multipart/form-data; boundary=X X",
        b"multipart/form-data; " * 300,
    ],
)
def test_a_boundary_that_two_readers_could_take_differently_is_refused(content_type: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        decode_multipart(content_type, b"--XX--")
    assert refused.value.code == "bad_form"


@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1), st.text()),
        min_size=1,
        max_size=8,
    )
)
def test_what_httpx_writes_is_read_back(pairs: list[tuple[str, str]]) -> None:
    wanted = [(name, value) for name, value in pairs if "\0" not in value and "\\" not in name and "%" not in name]
    if wanted:
        request = httpx.Request("POST", "http://a/", files=[(name, (None, value.encode())) for name, value in wanted])
        content_type = request.headers["content-type"].encode()
        assert decode_multipart(content_type, request.read()) == wanted
