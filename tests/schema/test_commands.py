"""Operations and bodies are read strictly, answers are written as the wire contract shows them."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.core.errors import Refusal
from parlour.schema.commands import (
    Ack,
    Marked,
    Op,
    OpError,
    PingOp,
    PongReply,
    PostMessage,
    ReadOp,
    SendMessage,
    SendOp,
    Subscribed,
    SubscribeOp,
    TypingOp,
    Unsubscribed,
    UnsubscribeOp,
    decode_op,
)
from parlour.wire.strict_json import decode

OPS: list[tuple[str, Op]] = [
    ('{"op":"send","text":"Hello"}', SendOp("Hello")),
    (
        '{"op":"send","text":"Hello","key":"9f1c0000","room":"dev","name":"al"}',
        SendOp("Hello", "9f1c0000", "al", "dev"),
    ),
    ('{"text":"Hello","op":"send"}', SendOp("Hello")),
    ('{"op":"send","text":"","key":null}', SendOp("")),
    ('{"op":"typing"}', TypingOp()),
    ('{"op":"typing","room":"dev","name":"al"}', TypingOp("dev", "al")),
    ('{"op":"read","seq":42}', ReadOp(42)),
    ('{"op":"read","seq":42,"room":"dev"}', ReadOp(42, "dev")),
    ('{"op":"ping"}', PingOp()),
    ('{"op":"subscribe","room":"dev"}', SubscribeOp("dev")),
    ('{"op":"subscribe","room":"dev","since":"k3f9.42"}', SubscribeOp("dev", "k3f9.42")),
    ('{"op":"subscribe","room":"dev","since":42}', SubscribeOp("dev", 42)),
    ('{"op":"unsubscribe","room":"dév"}', UnsubscribeOp("dév")),
]


@pytest.mark.parametrize(("text", "op"), OPS)
def test_an_operation_is_decoded_from_text_and_bytes(text: str, op: Op) -> None:
    assert decode_op(text) == op
    assert decode_op(text.encode()) == op
    assert msgspec.json.decode(msgspec.json.encode(op), type=type(op)) == op


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ("{}", "bad_op", "op"),
        ('{"op":"sned","text":"x"}', "bad_op", "op"),
        ('{"op":"SEND","text":"x"}', "bad_op", "op"),
        ('{"op":5}', "bad_op", "op"),
        ('{"op":null}', "bad_op", "op"),
        ('{"text":"x"}', "bad_op", "op"),
        ('{"op":"send"}', "bad_json", "text"),
        ('{"op":"send","text":5}', "bad_json", "text"),
        ('{"op":"send","text":null}', "bad_json", "text"),
        ('{"op":"send","text":"x","texte":"y"}', "bad_json", "texte"),
        ('{"op":"send","text":"x","text":"y"}', "bad_json", "text"),
        ('{"op":"send","text":"\\ud800"}', "bad_json", "text"),
        ('{"op":"send","text":"\\u0000"}', "bad_json", "text"),
        ('{"op":"read","seq":"5"}', "bad_json", "seq"),
        ('{"op":"read","seq":true}', "bad_json", "seq"),
        ('{"op":"read","seq":5.0}', "bad_json", "seq"),
        ('{"op":"read","seq":9007199254740993}', "bad_json", "seq"),
        ('{"op":"subscribe"}', "bad_json", "room"),
        ('{"op":"subscribe","room":"a","since":1.5}', "bad_json", "since"),
        ('{"op":"subscribe","room":"a","since":NaN}', "bad_json", "since"),
        ('{"op":"ping","x":1}', "bad_json", "x"),
        ("[]", "bad_json", None),
        ('"send"', "bad_json", None),
        ("hello", "bad_json", None),
        ("", "bad_json", None),
    ],
)
def test_a_bad_operation_is_refused_with_its_field(text: str, code: str, field: str | None) -> None:
    with pytest.raises(Refusal) as refused:
        decode_op(text)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_an_operation_doubled_is_refused_whichever_comes_first() -> None:
    for text in (
        '{"op":"ping","op":"send","text":"x"}',
        '{"op":"send","text":"x","op":"ping"}',
        '{"op":"ping","op":"ping"}',
    ):
        with pytest.raises(Refusal) as refused:
            decode_op(text)
        assert refused.value.field == "op"


def test_message_bodies_are_decoded_strictly() -> None:
    assert decode(b'{"text":"hi","key":"k2345678","name":"al"}', PostMessage) == PostMessage("hi", "k2345678", "al")
    assert decode(b'{"text":"hi","room":"dev"}', SendMessage) == SendMessage("hi", room="dev")
    with pytest.raises(Refusal) as refused:
        decode(b'{"text":"hi","room":"dev"}', PostMessage)
    assert refused.value.field == "room"


@pytest.mark.parametrize(
    ("item", "encoded"),
    [
        (Ack("k2345678", "lobby", 42), '{"type":"ack","key":"k2345678","room":"lobby","seq":42,"replay":false}'),
        (Ack(None, "lobby", 42, replay=True), '{"type":"ack","key":null,"room":"lobby","seq":42,"replay":true}'),
        (
            OpError("k2345678", "rate_limited", "Slowly.", 500),
            '{"type":"error","key":"k2345678","code":"rate_limited","detail":"Slowly.","retry_after_ms":500,"field":null}',
        ),
        (PongReply(), '{"type":"pong"}'),
        (Subscribed("lobby", "k.42"), '{"type":"subscribed","room":"lobby","cursor":"k.42"}'),
        (Marked("lobby", 42), '{"type":"marked","room":"lobby","seq":42}'),
        (Unsubscribed("lobby"), '{"type":"unsubscribed","room":"lobby"}'),
    ],
)
def test_answers_are_written_as_the_contract_shows_them(item: msgspec.Struct, encoded: str) -> None:
    assert msgspec.json.encode(item).decode() == encoded


@given(st.text() | st.binary(max_size=100))
def test_anything_is_an_operation_or_a_refusal(data: str | bytes) -> None:
    try:
        code = type(decode_op(data)).__name__
    except Refusal as refusal:
        code = refusal.code
    assert code in ("bad_op", "bad_json", "bad_utf8")


def test_an_operation_says_where_a_name_belongs() -> None:
    with pytest.raises(Refusal) as refused:
        decode_op(b'{"op":"send","text":"x","username":"ci"}')
    assert refused.value.detail == "There is no member username here; what it says goes into name."
