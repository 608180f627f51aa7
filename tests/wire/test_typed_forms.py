"""A body labelled as a form is the form, or the text itself, or refused: no word of it is lost or changed unsaid."""

from __future__ import annotations

import contextlib
import time
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.core.errors import Refusal
from parlour.wire.typed_forms import read_typed_form

FIELDS = frozenset({"message", "text", "room", "name", "key"})
TEXTS = frozenset({"message", "text"})

WHOLE = [
    b"",
    b"hello",
    b"message",
    b"text",
    b"=hi",
    b"&message=hi",
    b"&",
    b"a & b",
    b"a=b",
    b"100% sure + more",
    b"%41",
    b"Message=hi",
    b" message=hi",
    b"message =hi",
    b"messages=hi",
    b"mytext=1",
    b"content=Hello+World",
    b"room=7 temp=21.5C",
    b"name=bob",
    b"room=lobby",
    b"https://x/?message=1",
    b"https://x/?text=1&message=2",
    b"see https://ci.example/?a=1&text=foo",
    b"https://ci.example/?a=1&text=foo",
    b"build failed: a=1&message=b c",
    b"x&message=hi",
    b"a=1&b&message=hi",
    b"a=1&&message=hi",
    b"a=100%&message=hi",
    b'{"text":"a=1&message=2"}',
    b'{"text":"hi"}',
    b"<a href='?a=1&text=2'>",
    b"&" * 1000,
    b"a=1&" * 100 + b"message=hi",
    "grüße & küsse".encode(),
    b"a=\xc3\xbc&text=hi",
    b"a\0b",
]

FORMS: list[tuple[bytes, dict[str, str]]] = [
    (b"message=Hello", {"message": "Hello"}),
    (b"text=Hello", {"text": "Hello"}),
    (b"message=", {"message": ""}),
    (b"mess%61ge=hi", {"message": "hi"}),
    (b"name=bob&mess%61ge=hi", {"name": "bob", "message": "hi"}),
    (b"room=dev&message=hi", {"room": "dev", "message": "hi"}),
    (b"name=bob&message=hi&key=12345678", {"name": "bob", "message": "hi", "key": "12345678"}),
    (b"message=hi&room=&name=&key=", {"message": "hi", "room": "", "name": "", "key": ""}),
    # encoded: as the standard says
    (b"message=Tom+%26+Jerry", {"message": "Tom & Jerry"}),
    (b"message=5+5", {"message": "5 5"}),
    (b"message=5%2B5%3D10", {"message": "5+5=10"}),
    (b"message=%F0%9F%99%82%0D%0A", {"message": "🙂\r\n"}),
    (b"message=it's%20(me)!~*", {"message": "it's (me)!~*"}),
    (b"message=100%25", {"message": "100%"}),
    (b"message=%2541", {"message": "%41"}),
    # typed: as it stands
    (b"message=Hello World", {"message": "Hello World"}),
    (b"message=Hello World&name=bob", {"message": "Hello World", "name": "bob"}),
    (b"name=Bob Smith&message=are you there?", {"name": "Bob Smith", "message": "are you there?"}),
    (b"message=are you there?&name=bob", {"message": "are you there?", "name": "bob"}),
    (b"message=50%25+%26+more&name=Bob Smith", {"message": "50% & more", "name": "Bob Smith"}),
    (b"message=see https://x.example/a?b=1", {"message": "see https://x.example/a?b=1"}),
    (b"message=a=b", {"message": "a=b"}),
    (b'message="quoted", it\'s', {"message": '"quoted", it\'s'}),
    ("message=grüße 🙂".encode(), {"message": "grüße 🙂"}),
    (b"message=@home #1; <b> \\n {x}", {"message": "@home #1; <b> \\n {x}"}),
    (b"message=one\ntwo", {"message": "one\ntwo"}),
    # a percent sign that no encoder would have written
    (b"message=100%", {"message": "100%"}),
    (b"message=100% sure", {"message": "100% sure"}),
    (b"message=%", {"message": "%"}),
    (b"message=%zz and %4", {"message": "%zz and %4"}),
    (b"message=%u20AC", {"message": "%u20AC"}),
]

REFUSED = [
    # the text would be cut
    (b"message=Tom & Jerry at 5+5", "message"),
    (b"message=a&b", "message"),
    (b"message=AT&T", "message"),
    (b"message=AT&", "message"),
    (b"message=a&&name=bob", "message"),
    (b"message=a & b&name=bob", "message"),
    (b"message=see http://x/?a=1&b=2", "message"),
    (b"message=see http://x/&b=2", "b"),
    (b"message=see http://x/?a=1&name=bob", "message"),
    (b"message=see http://x/?a&name=bob", "message"),
    (b"message=a=b&name=bob", "message"),
    (b"name=bob&message=a&b=c", "b"),
    # what is not known would be dropped
    (b"message=hi&title=Alarm", "title"),
    (b"message=hi&x=ignored", "x"),
    (b"message=hi&x=", "x"),
    (b"a=1&message=hi", "a"),
    (b"csrf=ab12%3D&message=Hello+World", "csrf"),
    (b"a=1&mess%61ge=hi", "a"),
    (b"message=hi&%1B%5B2J=1", "␛[2J"),
    (b"message=hi&" + b"a=1&" * 100, "a"),
    # twice
    (b"message=a&message=b", "message"),
    (b"message=a&mess%61ge=b", "message"),
    (b"message=a&name=b&name=c", "name"),
    # a plus sign and an escape, or what they stand for?
    (b"message=what is 5+5", "message"),
    (b"message=1+1=2", "message"),
    (b"message=a b%20c", "message"),
    (b"message=https://x/a%20b", "message"),
    (b"message=100% + tax", "message"),
    (b"message=%zz%41", "message"),
    (b"message=%E2%82%A", "message"),
    (b"name=A+B C&message=hi", "name"),
    ("message=grüße+küsse".encode(), "message"),
    # no text at all
    (b"message=%ff", "message"),
    (b"message=%ED%A0%80", "message"),
    (b"message=caf\xe9", "message"),
    (b"message=%00", "message"),
    (b"message=a\0b", "message"),
]


def read(data: bytes) -> dict[str, str] | str:
    return read_typed_form(data, FIELDS, TEXTS)


@pytest.mark.parametrize("data", WHOLE)
def test_a_body_that_is_no_form_is_the_text_itself(data: bytes) -> None:
    assert read(data) == data.decode()


@pytest.mark.parametrize(("data", "fields"), FORMS)
def test_a_form_says_what_it_says(data: bytes, fields: dict[str, str]) -> None:
    assert read(data) == fields


@pytest.mark.parametrize(("data", "field"), REFUSED)
def test_what_could_be_lost_or_changed_is_refused_with_its_field(data: bytes, field: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(data)
    assert (refused.value.code, refused.value.field) == ("bad_form", field)
    assert len(refused.value.detail) < 250


@pytest.mark.parametrize(
    "data",
    [b"message=Tom & Jerry", b"message=a&b", b"message=5+5 is ten", b"message=x?a=1&name=b", b"message=a&title=b"],
)
def test_the_refusal_shows_how_to_send_it(data: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        read(data)
    assert "curl --data-urlencode 'message=…'" in refused.value.detail


def test_a_text_that_is_no_utf8_is_refused_as_a_text() -> None:
    with pytest.raises(Refusal) as refused:
        read(b"caf\xe9")
    assert refused.value.code == "bad_utf8"


@given(
    st.dictionaries(st.sampled_from(sorted(FIELDS)), st.text().filter(lambda text: "\0" not in text), min_size=1),
    st.sampled_from([urlencode, lambda pairs: "&".join([f"{name}={quote(text, safe='')}" for name, text in pairs])]),
)
def test_what_an_encoder_writes_is_read_back(fields: dict[str, str], encode: object) -> None:
    assert callable(encode)
    body = encode(list(fields.items())).encode()
    if TEXTS & fields.keys():
        assert read(body) == fields
    else:
        assert read(body) == body.decode()


@given(st.text(alphabet="abm=&+% ?/4e:message=text=&name=", max_size=60))
def test_typed_text_is_kept_or_refused(typed: str) -> None:
    """`curl -d message=…` with anything in it: stored as typed, decoded by the standard, or refused."""
    fields: object = None
    with contextlib.suppress(Refusal):
        fields = read(b"message=" + typed.encode())
    if fields is None:
        return
    assert isinstance(fields, dict)
    assert len("&".join([f"{name}={value}" for name, value in fields.items()])) <= len("message=" + typed)
    if len(fields) == 1 and not set(typed) & set("+%"):
        assert fields["message"] == typed


@pytest.mark.parametrize(
    "data",
    [
        b"message=" + b"&" * 65_000,
        b"message=" + b"%zz" * 21_000,
        b"message=" + b"%4" * 32_000,
        b"message=" + b"%41" * 21_000 + b" ",
        b"message=" + b"?a" * 32_000 + b"&name=b",
        b"a=" + b"%41&a=" * 10_000 + b"&text=",
        b"m%" * 32_000 + b"=",
        b"&message=" * 7000,
        b"a=1&" * 16_000 + b"message=%",
    ],
)
def test_no_body_takes_more_than_a_moment(data: bytes) -> None:
    spent = []
    for _ in range(3):
        before = time.thread_time()
        with contextlib.suppress(Refusal):
            read(data)
        spent.append(time.thread_time() - before)
    assert min(spent) < 0.05
