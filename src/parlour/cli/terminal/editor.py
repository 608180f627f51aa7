"""The line being typed: what each key does to it, and how it looks on one row of any width."""

from __future__ import annotations

from parlour.cli.terminal.columns import columns, first_cluster, fitting_end, fitting_start, last_cluster
from parlour.cli.terminal.keys import Key, Token
from parlour.core.text import MAX_TEXT_BYTES, visible

_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_SAVE, _RESTORE = "\x1b7", "\x1b8"
ERASE_TO_END = "\x1b[K"


class Editor:
    """A line of text with a cursor in it: `before` and `after`."""

    def __init__(self) -> None:
        self.before = ""
        self.after = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been typed."""
        return not (self.before or self.after)

    def press(self, token: Token) -> str | None:
        """Do what a key asks for. Gives the whole line, and begins a new one, when it was Enter."""
        if isinstance(token, str):
            self.before += token[: max(0, MAX_TEXT_BYTES - len(self.before) - len(self.after))]
        elif token is Key.ENTER:
            line, self.before, self.after = self.before + self.after, "", ""
            return line
        elif token in (Key.LEFT, Key.RIGHT, Key.HOME, Key.END):
            self._move(token)
        else:
            self._erase(token)
        return None

    def _move(self, key: Key) -> None:
        line = self.before + self.after
        at = len(self.before)
        if key is Key.LEFT:
            at -= last_cluster(self.before)
        elif key is Key.RIGHT:
            at += first_cluster(self.after)
        else:
            at = 0 if key is Key.HOME else len(line)
        self.before, self.after = line[:at], line[at:]

    def _erase(self, key: Key) -> None:
        if key is Key.BACKSPACE:
            self.before = self.before[: len(self.before) - last_cluster(self.before)]
        elif key in (Key.DELETE, Key.LEAVE):  # Ctrl-D in the middle of a line deletes, as in every shell
            self.after = self.after[first_cluster(self.after) :]
        elif key is Key.ERASE_LINE:
            self.before = ""
        elif key is Key.ERASE_REST:
            self.after = ""
        elif key is Key.ERASE_WORD:
            words = self.before.rstrip()
            self.before = words.removesuffix(words.rsplit(None, 1)[-1]) if words else ""


def render(prompt: str, editor: Editor, width: int) -> str:
    """Draw prompt and line over whatever is on the cursor's row, and leave the cursor where the next key goes.

    A line that is longer than the row shows the part around the cursor. The terminal's own idea of the width of a
    character does not matter: it may not wrap here, and puts the cursor back by itself.
    """
    width = max(width - 1, 1)  # the last column is left free for the cursor
    prompt = fitting_start(visible(prompt), width // 2)
    room = width - columns(prompt)
    after = _shown(editor.after)
    before = fitting_end(_shown(editor.before), room * 2 // 3 if after else room)
    after = fitting_start(after, room - columns(before))
    tail = f"{_SAVE}{after}{ERASE_TO_END}{_RESTORE}" if after else ERASE_TO_END
    return f"\r{_NO_WRAP}{prompt}{before}{tail}{_WRAP}"


def _shown(text: str) -> str:
    return visible(text.replace("\n", "⏎"))
