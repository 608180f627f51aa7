"""What a terminal sends when keys are pressed: bytes to keys and text, wherever a read has cut them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from enum import Enum, auto


class Key(Enum):
    """A key that does something instead of standing for itself."""

    ENTER = auto()
    BACKSPACE = auto()
    DELETE = auto()
    LEFT = auto()
    RIGHT = auto()
    HOME = auto()
    END = auto()
    ERASE_LINE = auto()
    ERASE_WORD = auto()
    ERASE_REST = auto()
    ERASE_NEXT_WORD = auto()
    WORD_LEFT = auto()
    WORD_RIGHT = auto()
    UP = auto()
    DOWN = auto()
    YANK = auto()
    REDRAW = auto()
    LEAVE = auto()


Token = Key | str
"""A key, or text to insert. A line break inside text was pasted, or typed with Alt-Enter; it does not send."""

_CONTROLS = {
    "\r": Key.ENTER,
    "\n": Key.ENTER,
    "\x01": Key.HOME,  # Ctrl-A
    "\x02": Key.LEFT,  # Ctrl-B
    "\x04": Key.LEAVE,  # Ctrl-D
    "\x05": Key.END,  # Ctrl-E
    "\x06": Key.RIGHT,  # Ctrl-F
    "\x08": Key.BACKSPACE,
    "\x7f": Key.BACKSPACE,
    "\x0b": Key.ERASE_REST,  # Ctrl-K
    "\x0c": Key.REDRAW,  # Ctrl-L
    "\x0e": Key.DOWN,  # Ctrl-N
    "\x10": Key.UP,  # Ctrl-P
    "\x15": Key.ERASE_LINE,  # Ctrl-U
    "\x17": Key.ERASE_WORD,  # Ctrl-W
    "\x19": Key.YANK,  # Ctrl-Y
}
_SEQUENCES = {
    "[C": Key.RIGHT,
    "OC": Key.RIGHT,
    "[D": Key.LEFT,
    "OD": Key.LEFT,
    "[H": Key.HOME,
    "OH": Key.HOME,
    "[1~": Key.HOME,
    "[7~": Key.HOME,
    "[F": Key.END,
    "OF": Key.END,
    "[4~": Key.END,
    "[8~": Key.END,
    "[3~": Key.DELETE,
    "[A": Key.UP,
    "OA": Key.UP,
    "[B": Key.DOWN,
    "OB": Key.DOWN,
    "[1;5C": Key.WORD_RIGHT,  # with Ctrl
    "[1;3C": Key.WORD_RIGHT,  # with Alt
    "[5C": Key.WORD_RIGHT,
    "Oc": Key.WORD_RIGHT,
    "[1;5D": Key.WORD_LEFT,
    "[1;3D": Key.WORD_LEFT,
    "[5D": Key.WORD_LEFT,
    "Od": Key.WORD_LEFT,
    "[3;5~": Key.ERASE_NEXT_WORD,
}
_WITH_ALT: dict[str, Token] = {
    "\r": "\n",
    "\n": "\n",
    "b": Key.WORD_LEFT,
    "f": Key.WORD_RIGHT,
    "d": Key.ERASE_NEXT_WORD,
    "\x7f": Key.ERASE_WORD,
    "\x08": Key.ERASE_WORD,
}
_SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|O[@-~])")
"""A control sequence (ECMA-48 §5.4) or a key of the application keypad."""
_SEQUENCE_BEGUN = re.compile(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,8}|O)?")
_PLAIN = re.compile("[^\x00-\x08\x0a-\x1f\x7f]+")
PASTE_BEGINS = "\x1b[200~"
PASTE_ENDS = "\x1b[201~"
MAX_PASTE_CHARS = 64 * 1024
"""Several times the longest message; the rest of a longer paste is dropped."""


class KeyReader:
    """Reads keys. A lone Escape waits for what follows it and then counts for nothing."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""
        self._pasting = False
        self._searched = 0
        """How much of the rest has no end of the paste in it."""

    def feed(self, data: bytes) -> Iterator[Token]:
        """Give the keys and texts that are complete now, in order."""
        text = self._rest + self._decode(data)
        at = 0
        while at < len(text):
            token, end = self._pasted(text, at) if self._pasting else self._next(text, at)
            if end == at:
                break
            at = end
            if token is not None:
                yield token
        self._rest = text[at : at + MAX_PASTE_CHARS]

    def _next(self, text: str, at: int) -> tuple[Token | None, int]:
        """The token that begins at `at` and where it ends; where it began if more of it must come first."""
        if match := _PLAIN.match(text, at):
            return match[0], match.end()
        char = text[at]
        if char != "\x1b":
            return _CONTROLS.get(char), at + 1
        if text.startswith(PASTE_BEGINS, at):
            self._pasting = True
            return None, at + len(PASTE_BEGINS)
        if match := _SEQUENCE.match(text, at):
            return _SEQUENCES.get(match[1]), match.end()
        if _SEQUENCE_BEGUN.fullmatch(text, at):
            return None, at
        if text[at + 1] in _WITH_ALT:
            return _WITH_ALT[text[at + 1]], at + 2
        return None, at + 1

    def _pasted(self, text: str, at: int) -> tuple[Token | None, int]:
        """Everything up to the end mark, as one text."""
        end = text.find(PASTE_ENDS, at + self._searched)
        if end < 0 and len(text) - at < MAX_PASTE_CHARS:
            self._searched = max(0, len(text) - at - len(PASTE_ENDS))
            return None, at
        self._searched = 0
        if end < 0:
            self._pasting = False
            return _clean(text[at : at + MAX_PASTE_CHARS]), len(text)
        self._pasting = False
        return _clean(text[at:end]), end + len(PASTE_ENDS)


def _clean(pasted: str) -> str:
    """Terminals send line breaks as CR; other controls have no business in a paste."""
    text = pasted.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    return "".join([char for char in text if char in "\t\n" or not (char < " " or char == "\x7f")])
