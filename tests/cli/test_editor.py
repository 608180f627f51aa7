"""The line being typed: what keys do to it, and how it looks on an emulated terminal."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.cli.terminal.columns import columns
from parlour.cli.terminal.editor import MAX_CHARS, Editor, render
from parlour.cli.terminal.keys import Key, KeyReader, Token

WIDTH = 20


def typed(*tokens: Token) -> Editor:
    editor = Editor()
    for token in tokens:
        editor.press(token)
    return editor


def screen_of(*drawn: str, width: int = WIDTH) -> pyte.Screen:
    screen = pyte.Screen(width, 4)
    stream = pyte.Stream(screen)
    stream.feed("above\r\n")
    for text in drawn:
        stream.feed(text)
    return screen


@pytest.mark.parametrize(
    ("keys", "before", "after"),
    [
        (["hello", Key.BACKSPACE], "hell", ""),
        ([Key.BACKSPACE, Key.DELETE, Key.LEFT, Key.RIGHT, Key.ERASE_WORD], "", ""),
        (["ae\u0301", Key.BACKSPACE], "a", ""),
        (["x👩\u200d🚀", Key.BACKSPACE], "x", ""),
        (["日本", Key.BACKSPACE], "日", ""),
        (["one two  ", Key.ERASE_WORD], "one ", ""),
        (["one two", Key.ERASE_WORD, Key.ERASE_WORD], "", ""),
        (["hello", Key.LEFT, Key.LEFT], "hel", "lo"),
        (["ae\u0301b", Key.HOME, Key.RIGHT, Key.RIGHT], "ae\u0301", "b"),
        (["hello", Key.HOME, Key.DELETE, "J"], "J", "ello"),
        (["hello", Key.LEFT, Key.LEAVE], "hell", ""),
        (["hello", Key.LEFT, Key.ERASE_LINE], "", "o"),
        (["hello", Key.HOME, Key.RIGHT, Key.ERASE_REST], "h", ""),
        (["hello", Key.HOME, Key.END, "!"], "hello!", ""),
    ],
)
def test_key_edits_the_line(keys: list[Token], before: str, after: str) -> None:
    editor = typed(*keys)
    assert (editor.before, editor.after) == (before, after)


def test_enter_gives_the_whole_line_wherever_the_cursor_is() -> None:
    editor = typed("hello\nworld", Key.LEFT)
    assert editor.press(Key.ENTER) == "hello\nworld"
    assert editor.is_empty


def test_line_is_bounded() -> None:
    editor = typed("x" * MAX_CHARS, "y")
    assert editor.press(Key.ENTER) == "x" * MAX_CHARS


@pytest.mark.parametrize(
    ("keys", "shown", "column"),
    [
        (["hi"], "al> hi", 6),
        (["hi", Key.LEFT], "al> hi", 5),
        (["日本"], "al> 日本", 8),
        (["日本", Key.LEFT], "al> 日本", 6),
        (["a\nb"], "al> a⏎b", 7),
        (["\u202eevil"], "al> 02E>evil", None),
        (["0123456789abcdefghij"], "al> 56789abcdefghij", 19),
        (["0123456789abcdefghij", Key.HOME], "al> 0123456789abcde", 4),
    ],
)
def test_line_is_drawn_on_one_row_with_the_cursor_in_place(keys: list[Token], shown: str, column: int | None) -> None:
    screen = screen_of(render("al> ", typed(*keys), WIDTH))
    assert screen.display[0].rstrip() == "above"
    if column is not None:
        assert screen.display[1].replace("\0", "").rstrip() == shown
        assert (screen.cursor.y, screen.cursor.x) == (1, column)
    assert screen.display[2].strip() == ""


@given(st.lists(st.text(max_size=8) | st.sampled_from(list(Key))), st.integers(1, 30))
def test_whatever_is_typed_stays_on_its_row(tokens: list[Token], width: int) -> None:
    keys = KeyReader()
    editor = Editor()
    screen = screen_of(width=width)
    stream = pyte.Stream(screen)
    row = screen.cursor.y
    for token in tokens:
        clean = list(keys.feed(token.encode("utf-8", "replace"))) if isinstance(token, str) else [token]
        for key in clean:
            editor.press(key)
        stream.feed(render("al> ", editor, width))
        assert screen.cursor.y == row
        assert all(not line.strip() for line in screen.display[row + 1 :])


def test_shorter_line_leaves_nothing_of_the_longer_one() -> None:
    screen = screen_of(render("al> ", typed("long text", Key.LEFT), WIDTH), render("al> ", typed("x"), WIDTH))
    assert screen.display[1].rstrip() == "al> x"


def test_columns_of_wide_and_combining_characters() -> None:
    assert [columns(text) for text in ("abc", "日本", "e\u0301", "👩", "\u200d", "ｶ")] == [3, 4, 1, 2, 0, 1]
    assert [columns(text) for text in ("👩\u200d🚀", "🇩🇪", "❤\ufe0f")] == [2, 2, 2], "one emoji each"


def keys_of(data: str) -> list[Token]:
    return list(KeyReader().feed(data.encode()))


@pytest.mark.parametrize(
    ("typed_bytes", "line"),
    [
        ("one two\x1bbX", "one Xtwo"),
        ("one two\x1b[1;5DX", "one Xtwo"),
        ("one two\x1b[1;5D\x1b[1;5DX", "Xone two"),
        ("one two\x01\x1bfX", "oneX two"),
        ("one two\x01\x1b[1;5CX", "oneX two"),
        ("one two\x01\x1bdX", "X two"),
        ("one two\x1b\x7fX", "one X"),
        ("one two\x17\x01\x19", "twoone "),
        ("one two\x15X\x19", "Xone two"),
        ("one\x1bzX", "onezX"),
        ("🇩🇪🇫🇷\x7f", "🇩🇪"),
        ("🇩🇪🇫🇷\x02\x7f", "🇫🇷"),
        ("x👩‍👩‍👧‍👦\x7f", "x"),
        ("x👍🏽\x7f", "x"),
        ("நி\x7f", ""),
    ],
)
def test_keys_of_every_shell(typed_bytes: str, line: str) -> None:
    editor = typed(*keys_of(typed_bytes))
    assert editor.before + editor.after == line


@pytest.mark.parametrize(
    ("typed_bytes", "line"),
    [
        ("one\rtwo\r\x1b[A", "two"),
        ("one\rtwo\r\x1b[A\x1b[A\x1b[A", "one"),
        ("one\rtwo\rhalf\x1b[A\x1b[B", "half"),
        ("one\r\x10X", "oneX"),
        ("one\r\x10\x0e", ""),
        ("ab\x1b\rcd\x1b[AX", "abX\ncd"),
        ("ab\x1b\rcd\x1b[A\x1b[BX", "ab\ncdX"),
        ("abc\x1b\rd\x1b[AX", "aXbc\nd"),
    ],
)
def test_up_and_down_lead_through_the_text_and_what_was_sent(typed_bytes: str, line: str) -> None:
    editor = typed(*keys_of(typed_bytes))
    assert editor.before + editor.after == line
