"""Keys that act differently on the line being typed than prompt_toolkit has it, where that would surprise people."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.key_binding.bindings.named_commands import get_by_name
from prompt_toolkit.keys import Keys
from wcwidth import grapheme_boundary_before, iter_graphemes

MAX_PASTE_CHARS = 64 * 1024
"""Several times the longest message; the rest of a longer paste is dropped."""


def key_bindings(*, enter: Callable[[], None], leave: Callable[[], None], interrupt: Callable[[], None]) -> KeyBindings:
    """The keys that differ from the defaults of prompt_toolkit.

    `leave` is called for Ctrl-D on an empty line, `interrupt` for Ctrl-C and SIGINT.
    """
    keys = KeyBindings()
    keys.add("enter")(lambda event: enter())
    keys.add("c-c")(lambda event: interrupt())
    keys.add("<sigint>")(lambda event: interrupt())
    keys.add("c-z")(lambda event: event.app.suspend_to_background())
    keys.add("escape", "enter")(lambda event: event.current_buffer.insert_text("\n"))
    keys.add("escape", "backspace")(get_by_name("unix-word-rubout"))
    _bind_characters(keys)
    _bind_words(keys)

    @keys.add("c-d")
    def delete_or_leave(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            _delete(event)
        else:
            leave()

    @keys.add("c-u")
    def erase_all_before(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        event.app.clipboard.set_text(buffer.delete_before_cursor(buffer.cursor_position))

    @keys.add(Keys.BracketedPaste)
    def paste(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(clean_paste(event.data))

    return keys


def _bind_characters(keys: KeyBindings) -> None:
    """One key press moves over or erases what people see as one character, however many code points it has."""

    @keys.add("left")
    @keys.add("c-b")
    def left(event: KeyPressEvent) -> None:
        event.current_buffer.cursor_position -= _size_before(event.current_buffer)

    @keys.add("right")
    @keys.add("c-f")
    def right(event: KeyPressEvent) -> None:
        event.current_buffer.cursor_position += _size_after(event.current_buffer)

    @keys.add("backspace")
    def backspace(event: KeyPressEvent) -> None:
        event.current_buffer.delete_before_cursor(_size_before(event.current_buffer))

    keys.add("delete")(_delete)


def _bind_words(keys: KeyBindings) -> None:
    """A word ends at a space: the words of prompt_toolkit end at every letter that is not ASCII."""

    @keys.add("escape", "b")
    @keys.add("c-left")
    def word_left(event: KeyPressEvent) -> None:
        document = event.current_buffer.document
        event.current_buffer.cursor_position += document.find_previous_word_beginning(WORD=True) or 0

    @keys.add("escape", "f")
    @keys.add("c-right")
    def word_right(event: KeyPressEvent) -> None:
        document = event.current_buffer.document
        event.current_buffer.cursor_position += document.find_next_word_ending(WORD=True) or 0

    @keys.add("escape", "d")
    @keys.add("c-delete")
    def erase_next_word(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        event.app.clipboard.set_text(buffer.delete(buffer.document.find_next_word_ending(WORD=True) or 0))


def _delete(event: KeyPressEvent) -> None:
    event.current_buffer.delete(_size_after(event.current_buffer))


def _size_before(buffer: Buffer) -> int:
    before = buffer.document.text_before_cursor
    return len(before) - grapheme_boundary_before(before, len(before))


def _size_after(buffer: Buffer) -> int:
    return len(next(iter_graphemes(buffer.document.text_after_cursor), ""))


def clean_paste(pasted: str) -> str:
    """Terminals send line breaks as CR; other controls have no business in a paste."""
    text = pasted.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")[:MAX_PASTE_CHARS]
    return "".join([char for char in text if char in "\t\n" or not (char < " " or char == "\x7f")])
