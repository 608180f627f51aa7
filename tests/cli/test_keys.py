"""What keys do to the line being typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.layout import BufferControl, Layout, Window
from prompt_toolkit.output import DummyOutput

from parlour.cli.terminal.keys import MAX_PASTE_CHARS, clean_paste, key_bindings


def typed(keys: str) -> tuple[str, str]:
    """The line that has been typed, and which key has ended it."""
    buffer = Buffer()
    with create_pipe_input() as terminal:
        app: Application[str] = Application(
            Layout(Window(BufferControl(buffer))),
            key_bindings=key_bindings(
                enter=lambda: app.exit(result="enter"),
                leave=lambda: app.exit(result="leave"),
                interrupt=lambda: app.exit(result="interrupt"),
            ),
            input=terminal,
            output=DummyOutput(),
        )
        terminal.send_text(keys)
        end = app.run()
    return buffer.text, end


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("hello\x7f", "hell"),
        ("\x7f\x1b[3~\x1b[D\x1b[C\x17", ""),
        ("ae\u0301\x7f", "a"),
        ("x👩\u200d🚀\x7f", "x"),
        ("日本\x7f", "日"),
        ("one two  \x17", "one "),
        ("one two\x17\x17", ""),
        ("hello\x1b[D\x02X", "helXlo"),
        ("ae\u0301b\x01\x1b[C\x06X", "ae\u0301Xb"),
        ("hello\x1b[H\x1b[3~J", "Jello"),
        ("hello\x1b[D\x04", "hell"),
        ("hello\x1b[D\x15", "o"),
        ("two\x1b\rlines\x1b[D\x15", "s"),
        ("hello\x01\x1bOC\x0b", "h"),
        ("hello\x01\x1b[F!", "hello!"),
        ("one two\x1bbX", "one Xtwo"),
        ("one two\x1b[1;5DX", "one Xtwo"),
        ("one two\x1b[1;5D\x1b[1;5DX", "Xone two"),
        ("grüße\x1bbX", "Xgrüße"),
        ("one two\x01\x1bfX", "oneX two"),
        ("one two\x01\x1b[1;5CX", "oneX two"),
        ("one two\x01\x1bdX", "X two"),
        ("one two\x01\x1b[3;5~X", "X two"),
        ("eins größer\x1b\x7fX", "eins X"),
        ("one two\x17\x01\x19", "twoone "),
        ("one two\x15X\x19", "Xone two"),
        ("one two\x01\x1bd\x05\x19", " twoone"),
        ("one\x1bzX", "onezX"),
        ("🇩🇪🇫🇷\x7f", "🇩🇪"),
        ("🇩🇪🇫🇷\x02\x7f", "🇫🇷"),
        ("🇩🇪🇫🇷\x01\x1b[3~", "🇫🇷"),
        ("x👩‍👩‍👧‍👦\x7f", "x"),
        ("x👍🏽\x7f", "x"),
        ("நி\x7f", ""),
        ("ab\x1b\rcd\x1b[AX", "abX\ncd"),
        ("ab\x1b\rcd\x1b[A\x1b[BX", "ab\ncdX"),
        ("abc\x1b\rd\x1b[AX", "aXbc\nd"),
        ("\x1b[15~x", "x"),
        ("a\x1b[200~one\rtwo\r\n\x1b[Athree\x07\n\x1b[201~b", "aone\ntwo\n[Athreeb"),
    ],
)
def test_key_edits_the_line(keys: str, line: str) -> None:
    assert typed(f"{keys}\r") == (line, "enter")


@pytest.mark.parametrize(("keys", "end"), [("\x04", "leave"), ("half\x03", "interrupt"), ("x\n", "enter")])
def test_keys_that_end_a_line_or_the_conversation(keys: str, end: str) -> None:
    assert typed(keys)[1] == end


def test_long_paste_is_bounded() -> None:
    assert len(clean_paste("x" * 3 * MAX_PASTE_CHARS)) == MAX_PASTE_CHARS


@given(st.text())
def test_paste_never_holds_a_control(pasted: str) -> None:
    assert not [char for char in clean_paste(pasted) if char not in "\t\n" and (char < " " or char == "\x7f")]
