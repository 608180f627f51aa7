"""JSON from strangers is decoded exactly or refused with the field named; every trap of lenient parsers is a case."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.core.errors import Refusal
from parlour.wire.strict_json import MAX_CONTAINERS, MAX_NUMBER, decode


class Nested(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str = ""
    count: int | None = None
    ratio: float | None = None
    flag: bool | None = None
    by: Nested | None = None
    tags: list[str] = []
    free: Any = None


ACCEPTED: list[tuple[bytes, Sample]] = [
    (b"{}", Sample()),
    (b'{"text":"hello"}', Sample("hello")),
    (b' {\t"text" :\r\n"hello" } \n', Sample("hello")),
    (b'{"te\\u0078t":"a"}', Sample("a")),
    ('{"text":"grüße 🙂"}'.encode(), Sample("grüße 🙂")),
    (b'{"text":"\\ud83d\\ude42"}', Sample("🙂")),
    (b'{"text":"a\\"b\\\\c\\/d\\n"}', Sample('a"b\\c/d\n')),
    (b'{"text":"\\\\u0000"}', Sample("\\u0000")),
    (b'{"text":"\\\\ud800"}', Sample("\\ud800")),
    (b'{"text":"{[\\"text\\":1e999,"}', Sample('{["text":1e999,')),
    (b'{"text":"{\\"text\\":1,\\"text\\":2}"}', Sample('{"text":1,"text":2}')),
    (b'{"text":"\x7f\xe2\x80\xa8"}', Sample("\x7f\u2028")),
    (b'{"count":9007199254740992}', Sample(count=2**53)),
    (b'{"count":-9007199254740992}', Sample(count=-(2**53))),
    (b'{"ratio":0.12345678901234567890}', Sample(ratio=0.12345678901234567890)),
    (b'{"ratio":1e15}', Sample(ratio=1e15)),
    (b'{"ratio":-1.5E-3}', Sample(ratio=-1.5e-3)),
    (b'{"ratio":1e-400}', Sample(ratio=0.0)),
    (b'{"by":{"name":"text"},"text":"name"}', Sample("name", by=Nested("text"))),
    (b'{"tags":["text","text","a:b"],"text":"x"}', Sample("x", tags=["text", "text", "a:b"])),
    (b'{"free":[{"a":1},{"a":2}]}', Sample(free=[{"a": 1}, {"a": 2}])),
    (b'{"free":{"a":{"a":{"a":1}},"b":[]}}', Sample(free={"a": {"a": {"a": 1}}, "b": []})),
    (b'{"free":' + b"[" * 15 + b"]" * 15 + b"}", Sample(free=json.loads("[" * 15 + "]" * 15))),
]

REFUSED: list[tuple[bytes, str | None]] = [
    # not JSON (RFC 8259)
    (b"", None),
    (b" ", None),
    (b"\xef\xbb\xbf{}", None),
    (b"{} x", None),
    (b"{}{}", None),
    (b"{}\0", None),
    (b"\0{}", None),
    (b"{'text':1}", None),
    (b'{"text":"a"', None),
    (b'{"text":"a",}', "text"),
    (b'{"text":"a" "count":1}', "text"),
    (b'{"text":a}', "text"),
    (b'{"ratio":NaN}', "ratio"),
    (b'{"ratio":-Infinity}', "ratio"),
    (b'{"free":[NaN]}', "free"),
    (b'{"free":Infinity}', "free"),
    (b'{"count":01}', "count"),
    (b'{"count":+1}', "count"),
    (b'{"count":1_0}', "count"),
    (b'{"ratio":.5}', "ratio"),
    (b'{"ratio":1.}', "ratio"),
    (b'{"count":0x10}', "count"),
    ('{"count":١٢}'.encode(), "count"),
    (b'{"text":"\\x41"}', "text"),
    (b'{"text":"\\u12"}', "text"),
    (b'{"text":"a\nb"}', "text"),
    (b'{"text":"a\0b"}', "text"),
    (b"{} // a comment", None),
    # lone surrogates and NUL
    (b'{"text":"\\ud800"}', "text"),
    (b'{"text":"\\udc00"}', "text"),
    (b'{"text":"\\ud800x"}', "text"),
    (b'{"text":"\\udc00\\ud800"}', "text"),
    (b'{"text":"\\ud800\\ud800"}', "text"),
    (b'{"text":"ok","by":{"name":"\\uDBFF"}}', "name"),
    (b'{"text":"\\u0000"}', "text"),
    (b'{"text":"a\\\\\\u0000"}', "text"),
    (b'{"text":"ok","by":{"name":"\\u0000"}}', "name"),
    (b'{"free":{"a\\u0000":1}}', "a␀"),
    # doubled keys
    (b'{"text":"a","text":"b"}', "text"),
    (b'{"text":"a","text":"a"}', "text"),
    (b'{"text":"a", "text" : "b"}', "text"),
    (b'{"text":"a","t\\u0065xt":"b"}', "text"),
    (b'{"text":"a\\n","text":"b"}', "text"),
    (b'{"count":1,"by":{"name":"a","name":"b"}}', "name"),
    (b'{"free":{"a":1,"b":[{"c":1}],"a":2}}', "a"),
    (b'{"free":[{"x":1},{"y":1,"y":1}]}', "y"),
    # numbers that a browser would round, or that Python would choke on
    (b'{"count":9007199254740993}', "count"),
    (b'{"count":-9007199254740993}', "count"),
    (b'{"count":9223372036854775808}', "count"),
    (b'{"count":' + b"9" * 4301 + b"}", "count"),
    (b'{"count":' + b"9" * 60_000 + b"}", "count"),
    (b'{"ratio":1e16}', "ratio"),
    (b'{"ratio":1e999}', "ratio"),
    (b'{"ratio":10000000000000000.5}', "ratio"),
    (b'{"free":[1,2,1e300]}', "free"),
    (b'{"free":-1E+17}', "free"),
    # types
    (b"[]", None),
    (b"null", None),
    (b'"text"', None),
    (b'{"text":1}', "text"),
    (b'{"text":null}', "text"),
    (b'{"count":true}', "count"),
    (b'{"count":1.0}', "count"),
    (b'{"count":"1"}', "count"),
    (b'{"ratio":false}', "ratio"),
    (b'{"flag":1}', "flag"),
    (b'{"by":{"name":5}}', "by.name"),
    (b'{"tags":["a",5]}', "tags[1]"),
    (b'{"by":{}}', "by.name"),
    (b'{"by":{"name":"a","admin":true}}', "by.admin"),
    (b'{"admin":true}', "admin"),
    (b'{"a\\u001b[2J\\nb":1}', "a␛[2J␊b"),
    # depth and size
    (b'{"free":' + b"[" * 16 + b"]" * 16 + b"}", "free"),
    (b'{"free":' + b'{"a":' * 16 + b"1" + b"}" * 17, "a"),
    *((b'{"free":' + b"[" * deep + b"]" * deep + b"}", "free") for deep in (100, 400)),
    (b'{"free":' + b"[" * 60_000, None),
    (b"[" * 60_000, None),
]


@pytest.mark.parametrize(("data", "value"), ACCEPTED)
def test_strict_json_is_decoded(data: bytes, value: Sample) -> None:
    assert decode(data, Sample) == value
    assert decode(data.decode(), Sample) == value


@pytest.mark.parametrize(("data", "field"), REFUSED)
def test_everything_else_is_refused_with_its_field(data: bytes, field: str | None) -> None:
    with pytest.raises(Refusal) as refused:
        decode(data, Sample)
    assert refused.value.code == "bad_json"
    assert refused.value.field == field
    assert refused.value.detail.isprintable()
    assert len(refused.value.detail) < 200


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"", "There is no JSON here."),
        (b" \n", "There is no JSON here."),
        (b'{"text":"a"', "The JSON ends too early."),
        (b"Hello", "The JSON is broken at byte 0."),
        (b'{"text":a}', "The JSON is broken at byte 8."),
        (b'{"text":NaN}', "A number is not within 2 to the power of 53."),
        (b"{} x", "Something follows the JSON."),
        (b'{"by":{}}', "The member name is missing."),
        (b'{"colour":1}', "There is no member colour here; known are by, count, flag, free, ratio, tags, text."),
        (b'{"\\u202e":1}', "There is no member <U+202E> here; known are by, count, flag, free, ratio, tags, text."),
        (b"[]", "Expected an object, not an array."),
        (b'{"text":1}', "Expected a string, not a whole number."),
        (b'{"count":"1"}', "Expected a whole number or null, not a string."),
        (b'{"count":1.5}', "Expected a whole number or null, not a decimal number."),
        (b'{"flag":{}}', "Expected true or false or null, not an object."),
    ],
)
def test_a_refusal_says_in_plain_words_what_is_wrong(data: bytes, detail: str) -> None:
    with pytest.raises(Refusal) as refused:
        decode(data, Sample)
    assert refused.value.detail == detail


@pytest.mark.parametrize("bad", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"])
def test_invalid_utf8_is_refused_anywhere(bad: bytes) -> None:
    for data, field in (
        (b'{"text":"' + bad + b'"}', "text"),
        (b'{"' + bad + b'":1}', None),
        (b"{}" + bad, None),
        (b'{"text":"a","unknown":"' + bad + b'"}', "unknown"),
    ):
        with pytest.raises(Refusal) as refused:
            decode(data, Sample)
        assert refused.value.code == "bad_utf8"
        assert refused.value.field == field


def test_a_long_unknown_field_is_cut_in_the_refusal() -> None:
    with pytest.raises(Refusal) as refused:
        decode(b'{"' + b"x" * 60_000 + b'":1}', Sample)
    assert refused.value.field is not None
    assert len(refused.value.field) < 200


def test_sizes_are_counted_over_the_whole_document() -> None:
    keys = {str(number): number for number in range(63)}
    assert decode(json.dumps({"free": keys}).encode(), Sample).free == keys
    rows = [{"a": 1} for _ in range(63)]
    assert decode(json.dumps({"free": rows}).encode(), Sample).free == rows
    oversized: list[object] = [keys | {"63": 63}, [*rows, {"b": 1}], [[]] * MAX_CONTAINERS, [{}] * MAX_CONTAINERS]
    for too_many in oversized:
        with pytest.raises(Refusal) as refused:
            decode(json.dumps({"free": too_many}).encode(), Sample)
        assert refused.value.code == "bad_json"


def is_in_bounds(value: object) -> bool:
    if isinstance(value, str):
        return "\0" not in value
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, int | float):
        return abs(value) <= MAX_NUMBER
    if isinstance(value, list):
        return all(map(is_in_bounds, value))
    assert isinstance(value, dict)
    return all(is_in_bounds(key) and is_in_bounds(item) for key, item in value.items())


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_any_json_value_is_decoded_exactly_or_refused_for_a_bound(
    value: object, ascii_only: bool, indent: int | None
) -> None:
    data = json.dumps({"free": value}, ensure_ascii=ascii_only, indent=indent).encode()
    try:
        decoded = decode(data, Sample).free
    except Refusal as refusal:
        decoded = refusal
    if is_in_bounds(value):
        assert decoded == value
    else:
        assert isinstance(decoded, Refusal)


@given(VALUES, st.binary(min_size=1, max_size=3), st.integers(0, 10_000))
def test_damaged_json_never_raises_anything_but_a_refusal(value: object, damage: bytes, where: int) -> None:
    data = json.dumps({"free": value}).encode()
    where %= len(data)
    try:
        decode(data[:where] + damage + data[where + 1 :], Sample)
    except Refusal as refusal:
        refused = refusal.code
    else:
        refused = "bad_json"
    assert refused in ("bad_json", "bad_utf8")


@given(st.dictionaries(st.text(), st.integers(0, 9), min_size=1, max_size=5), st.data())
def test_any_doubled_key_is_found_however_it_is_spelled(pairs: dict[str, int], data: st.DataObject) -> None:
    doubled = data.draw(st.sampled_from(sorted(pairs)))
    spelled = "".join(f"\\u{unit:04x}" for unit in _utf16(doubled))
    body = json.dumps(pairs, ensure_ascii=data.draw(st.booleans()))[:-1] + f',"{spelled}":1}}'
    with pytest.raises(Refusal) as refused:
        decode(f'{{"free":{body}}}'.encode(), Sample)
    assert refused.value.code == "bad_json"


def _utf16(text: str) -> list[int]:
    encoded = text.encode("utf-16-be")
    return [int.from_bytes(encoded[index : index + 2], "big") for index in range(0, len(encoded), 2)]


PUMPED = [
    (b'{"text":"', b'\\"', b'\\q"}'),
    (b'{"text":"', b'\\"', b'\\ud800"}'),
    (b'{"text":"', b'\\"', b'\xff"}'),
    (b'{"text":"', b'\\"', b""),
    (b'{"text":"', b'\\"', b"\\"),
    (b'{"text":"', b"\\\\", b"\\q"),
    (b'{"text":"', b'" ', b""),
    (b'{"text":"a"', b" ", b"x"),
    (b'{"', b'\\"', b'":1}'),
    (b'{"a":', b"0.9", b"}"),
    (b'{"a":0.', b"9", b"x"),
    (b'{"a":', b"-", b"}"),
    (b'{"', b" - at `$", b'":1}'),
    (b'{"', b"` - at `$.", b'":1}'),
    (b'{"flag":"', b" - at `$", b'"}'),
]
"""Documents with a beginning, a part that is repeated as often as a body can hold it, and an end that breaks them."""


@pytest.mark.parametrize(("head", "part", "tail"), PUMPED)
def test_no_document_takes_more_than_a_moment(head: bytes, part: bytes, tail: bytes) -> None:
    data = head + part * ((65_536 - len(head) - len(tail)) // len(part)) + tail
    spent = []
    for _ in range(3):
        before = time.thread_time()
        with pytest.raises(Refusal):
            decode(data, Sample)
        spent.append(time.thread_time() - before)
    assert min(spent) < 0.05


def test_a_key_cannot_pass_for_the_path_of_another() -> None:
    with pytest.raises(Refusal) as refused:
        decode(b'{"by":{"name":"a","x` - at `$.text":1}}', Sample)
    assert refused.value.field is not None
    assert refused.value.field.startswith("by")


@pytest.mark.parametrize("deep", [*range(850, 1010, 3), 5000, 30_000])
def test_what_is_nested_too_deep_to_be_read_is_refused(deep: int) -> None:
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        with pytest.raises(Refusal) as refused:
            decode(b'{"free":' + opening * deep + b"1" + closing * deep + b"}", Sample)
        assert refused.value.code == "bad_json"
        assert refused.value.detail.endswith("levels.")
