"""Bytes of a terminal to keys and text, fed whole and byte by byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.cli.terminal.keys import MAX_PASTE_CHARS, Key, KeyReader, Token

CASES: list[tuple[bytes, list[Token]]] = [
    (b"hello\r", ["hello", Key.ENTER]),
    (b"a\nb\n", ["a", Key.ENTER, "b", Key.ENTER]),
    ("grüße 日本 👩‍🚀".encode(), ["grüße 日本 👩‍🚀"]),
    (
        b"\x7f\x08\x15\x17\x0b\x04\x0c",
        [Key.BACKSPACE, Key.BACKSPACE, Key.ERASE_LINE, Key.ERASE_WORD, Key.ERASE_REST, Key.LEAVE, Key.REDRAW],
    ),
    (b"\x1b[C\x1b[D\x1bOC\x1bOD", [Key.RIGHT, Key.LEFT, Key.RIGHT, Key.LEFT]),
    (
        b"\x1b[H\x1b[F\x1b[1~\x1b[4~\x01\x05\x1b[3~",
        [Key.HOME, Key.END, Key.HOME, Key.END, Key.HOME, Key.END, Key.DELETE],
    ),
    (b"\x1b[5~\x1b[1;2P\x1b[15~\x1b[?1;2c\x00\x1ax", ["x"]),
    (b"\x1b\rx", ["\n", "x"]),
    (b"\x1bx", ["x"]),
    (b"\x1b\x1b[Cx", [Key.RIGHT, "x"]),
    (b"a\x1b[200~one\rtwo\r\n\x1b[Athree\x07\n\x1b[201~\r", ["a", "one\ntwo\n[Athree", Key.ENTER]),
    (b"\xff\xc3x", ["\ufffd\ufffdx"]),
    (b"a\tb", ["a\tb"]),
]


def merged(tokens: list[Token]) -> list[Token]:
    """Neighbouring texts as one: where a read is cut does not matter."""
    result: list[Token] = []
    for token in tokens:
        if isinstance(token, str) and result and isinstance(result[-1], str) and "\n" not in (token, result[-1]):
            result[-1] += token
        else:
            result.append(token)
    return result


@pytest.mark.parametrize(("data", "tokens"), CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_keys_are_read_wherever_a_read_was_cut(data: bytes, tokens: list[Token], size: int) -> None:
    reader = KeyReader()
    got = [token for at in range(0, len(data), size) for token in reader.feed(data[at : at + size])]
    assert merged(got) == merged(tokens)


def test_lone_escape_waits_and_counts_for_nothing() -> None:
    reader = KeyReader()
    assert list(reader.feed(b"\x1b")) == []
    assert list(reader.feed(b"x")) == ["x"]


def test_paste_without_an_end_is_bounded() -> None:
    reader = KeyReader()
    got = list(reader.feed(b"\x1b[200~" + b"x" * 3 * MAX_PASTE_CHARS))
    assert [len(token) for token in got if isinstance(token, str)] == [MAX_PASTE_CHARS]
    assert list(reader.feed(b"y\r")) == ["y", Key.ENTER]


@given(st.lists(st.binary(max_size=12) | st.sampled_from([b"\x1b[200~", b"\x1b[201~", b"\x1b[", b"\r"])))
def test_text_never_holds_a_control(chunks: list[bytes]) -> None:
    reader = KeyReader()
    for chunk in chunks:
        for token in reader.feed(chunk):
            assert not isinstance(token, str) or all(
                char in "\t\n" or (char >= " " and char != "\x7f") for char in token
            )
