"""The line being typed: what each key does to it, and how it looks on one row of any width."""

from __future__ import annotations

from parlour.cli.terminal.columns import columns, first_cluster, fitting_end, fitting_start, last_cluster
from parlour.cli.terminal.keys import Key, Token
from parlour.core.marks import is_mark
from parlour.core.text import visible

MAX_CHARS = 64 * 1024
"""Far more than a message may have: what is too long is refused and can be mended, not cut off."""

MAX_REMEMBERED = 100
"""Lines that Up can bring back."""

_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_SAVE, _RESTORE = "\x1b7", "\x1b8"
ERASE_TO_END = "\x1b[K"


class Editor:
    """A line of text with a cursor in it: `before` and `after`; and the lines that were there before."""

    def __init__(self) -> None:
        self.before = ""
        self.after = ""
        self._lines: list[str] = []
        self._at = 0
        self._unfinished = ""
        self._erased = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been typed."""
        return not (self.before or self.after)

    def press(self, token: Token) -> str | None:
        """Do what a key asks for. Gives the whole line, and begins a new one, when it was Enter."""
        if isinstance(token, str):
            self._insert(token)
        elif token is Key.ENTER:
            line, self.before, self.after = self.before + self.after, "", ""
            self.remember(line)
            return line
        elif token is Key.YANK:
            self._insert(self._erased)
        elif token in (Key.UP, Key.DOWN):
            self._step(-1 if token is Key.UP else 1)
        elif token in _MOVES:
            self._move(token)
        else:
            self._erase(token)
        return None

    def remember(self, line: str) -> None:
        """Keep a line for Up."""
        if line.strip() and self._lines[-1:] != [line]:
            self._lines = [*self._lines, line][-MAX_REMEMBERED:]
        self._at = len(self._lines)

    def _insert(self, text: str) -> None:
        self.before += text[: max(0, MAX_CHARS - len(self.before) - len(self.after))]

    def _step(self, step: int) -> None:
        """To the line above or below within the text, else to the text before or after."""
        above, _, here = self.before.rpartition("\n")
        rest, _, below = self.after.partition("\n")
        if step < 0 and "\n" in self.before:
            at = len(above) - len(above.rpartition("\n")[2]) + min(len(here), len(above.rpartition("\n")[2]))
        elif step > 0 and "\n" in self.after:
            at = len(self.before) + len(rest) + 1 + min(len(here), len(below.partition("\n")[0]))
        else:
            self._recall(self._at + step)
            return
        line = self.before + self.after
        self.before, self.after = line[:at], line[at:]

    def _recall(self, at: int) -> None:
        if not 0 <= at <= len(self._lines):
            return
        if self._at == len(self._lines):
            self._unfinished = self.before + self.after
        self._at = at
        self.before, self.after = (self._unfinished if at == len(self._lines) else self._lines[at]), ""

    def _move(self, key: Key) -> None:
        line = self.before + self.after
        at = len(self.before)
        if key is Key.LEFT:
            at -= last_cluster(self.before)
        elif key is Key.RIGHT:
            at += first_cluster(self.after)
        elif key is Key.WORD_LEFT:
            at = _begin_of_word(self.before)
        elif key is Key.WORD_RIGHT:
            at += _end_of_word(self.after)
        else:
            at = 0 if key is Key.HOME else len(line)
        self.before, self.after = line[:at], line[at:]

    def _erase(self, key: Key) -> None:
        if key is Key.BACKSPACE:
            self.before = self.before[: len(self.before) - last_cluster(self.before)]
        elif key in (Key.DELETE, Key.LEAVE):  # Ctrl-D in the middle of a line deletes, as in every shell
            self.after = self.after[first_cluster(self.after) :]
        else:
            self._kill(key)

    def _kill(self, key: Key) -> None:
        """Erase several characters, which Ctrl-Y brings back."""
        before, after = self.before, self.after
        if key is Key.ERASE_LINE:
            self.before = ""
        elif key is Key.ERASE_REST:
            self.after = ""
        elif key is Key.ERASE_WORD:
            words = before.rstrip()
            last = len(words) - len(words.rsplit(None, 1)[-1]) if words else 0
            self.before = before[:last]
        elif key is Key.ERASE_NEXT_WORD:
            self.after = after[_end_of_word(after) :]
        self._erased = before[len(self.before) :] + after[: len(after) - len(self.after)] or self._erased


_MOVES = (Key.LEFT, Key.RIGHT, Key.HOME, Key.END, Key.WORD_LEFT, Key.WORD_RIGHT)


def _begin_of_word(text: str) -> int:
    at = len(text)
    while at > 0 and not text[at - 1].isalnum():
        at -= 1
    while at > 0 and (text[at - 1].isalnum() or is_mark(text[at - 1])):
        at -= 1
    return at


def _end_of_word(text: str) -> int:
    at = 0
    while at < len(text) and not text[at].isalnum():
        at += 1
    while at < len(text) and (text[at].isalnum() or is_mark(text[at])):
        at += 1
    return at


def render(prompt: str, editor: Editor, width: int) -> str:
    """Draw prompt and line over whatever is on the cursor's row, and leave the cursor where the next key goes.

    A line that is longer than the row shows the part around the cursor. The terminal's own idea of the width of a
    character does not matter: it may not wrap here, and puts the cursor back by itself.
    """
    width = max(width - 1, 1)  # the last column is left free for the cursor
    prompt = fitting_start(visible(prompt), width // 2)
    free = width - columns(prompt)
    after = _shown(editor.after)
    before = fitting_end(_shown(editor.before), free * 2 // 3 if after else free)
    after = fitting_start(after, free - columns(before))
    tail = f"{_SAVE}{after}{ERASE_TO_END}{_RESTORE}" if after else ERASE_TO_END
    return f"\r{_NO_WRAP}{prompt}{before}{tail}{_WRAP}"


def _shown(text: str) -> str:
    return visible(text.replace("\n", "⏎"))
