"""`parlour chat` on a terminal: one line at the bottom to type in, everything else above it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable

from parlour.cli.terminal.editor import ERASE_TO_END, Editor, render
from parlour.cli.terminal.keys import Key, KeyReader, Token
from parlour.cli.terminal.look import Look
from parlour.cli.terminal.talk import Talk
from parlour.cli.terminal.tty import Terminal
from parlour.cli.terminal.wrapping import wrap
from parlour.client import Client
from parlour.core.errors import Refusal
from parlour.core.names import display_name
from parlour.core.text import check_text

MAX_UNSENT = 1000
"""Lines that wait for the server; more would be a pasted file, not a conversation."""

HELP = (
    "Enter sends, Alt-Enter begins a new line, Ctrl-U erases the line, Ctrl-W a word.",
    "/name NEW changes your name, /quit or Ctrl-D leaves, // at the beginning sends a line that begins with /.",
)


class Conversation:
    """The screen of one room."""

    def __init__(self, client: Client, look: Look, *, last: int, timeout_s: float) -> None:
        self._look = look
        self._timeout_s = timeout_s
        self._terminal = Terminal(self._mark)
        title = f"{client.room.name} on {client.room.server}, /help for help"
        self._talk = Talk(client, look, last=last, timeout_s=timeout_s, wake=self._terminal.wake, title=title)
        self._keys = KeyReader()
        self._editor = Editor()
        self._leave_by: float | None = None
        self._is_stale = True

    def run(self) -> int:
        """Talk until the person leaves. Returns the exit code."""
        try:
            with self._terminal:
                self._talk.start()
                self._show(())
                while self._talk.error is None and not self._is_over():
                    typed = self._terminal.wait(self._left_s())
                    if typed is None:
                        break
                    said = [line for token in self._keys.feed(typed) for line in self._press(token)]
                    said += [shown.text for shown in self._talk.take()]
                    said += self._take_back()
                    self._show(said)
        finally:
            code = self._talk.farewell()  # when the terminal has been given back
        return code

    def _mark(self) -> None:
        self._is_stale = True

    def _left_s(self) -> float | None:
        return None if self._leave_by is None else max(0.0, self._leave_by - time.monotonic())

    def _is_over(self) -> bool:
        return self._leave_by is not None and (not self._talk.unsent or time.monotonic() >= self._leave_by)

    def _press(self, token: Token) -> Iterable[str]:
        """What a key makes happen; gives what there is to say about it."""
        if self._leave_by is not None:
            return ()
        self._mark()
        if token is Key.LEAVE and self._editor.is_empty:
            return self._leave()
        if token is Key.REDRAW:
            self._terminal.write("\x1b[2J\x1b[H")
            return ()
        line = self._editor.press(token)
        return self._enter(line) if line is not None else ()

    def _enter(self, line: str) -> Iterable[str]:
        command, _, rest = line.partition(" ")
        if not line.strip():
            return ()
        if not line.startswith("/") or line.startswith("//"):
            if len(self._talk.unsent) >= MAX_UNSENT:
                return (self._look.remark(f"not sent, {MAX_UNSENT} lines are waiting already: {line[:60]}"),)
            return self._say(line.removeprefix("/"))
        if command == "/quit":
            return self._leave()
        if command == "/help":
            return [self._look.remark(text) for text in HELP]
        if command == "/name":
            return (self._look.remark(self._rename(rest)),)
        return (
            self._look.remark(f"there is no {command}; /help lists what there is, // sends a line beginning with /"),
        )

    def _say(self, text: str) -> Iterable[str]:
        try:
            check_text(text)
        except Refusal as refusal:  # as the server would; the text stays to be mended
            if refusal.kind.code != "blank_text":
                self._editor.before = text
            return (self._look.remark(f"not sent, refused: {refusal.detail} ({refusal.kind.code})"),)
        self._talk.say(text)
        return ()

    def _take_back(self) -> Iterable[str]:
        """Put what the server has refused back where it was typed, or where Up finds it."""
        refused, self._talk.refused = self._talk.refused, []
        for text in refused:
            self._editor.remember(text)
        if refused and self._editor.is_empty:
            self._mark()
            self._editor.before = refused[-1]
            return ()
        return (self._look.remark("Up brings it back"),) if refused else ()

    def _rename(self, name: str) -> str:
        try:
            self._talk.name = display_name(name)
        except Refusal as refusal:
            return refusal.detail
        return f"you are {self._talk.name} now"

    def _leave(self) -> Iterable[str]:
        """Leave at once, or when what is on its way has arrived."""
        self._leave_by = time.monotonic() + (self._timeout_s if math.isfinite(self._timeout_s) else 30.0)
        count = len(self._talk.unsent)
        return (self._look.remark(f"{_lines(count)} still to be sent; Ctrl-C gives up"),) if count else ()

    def _show(self, lines: Iterable[str]) -> None:
        """Put lines above the line being typed, in one write, so that nothing flickers."""
        width = self._terminal.columns()
        above = "".join([f"{wrap(line, width)}\n" for line in lines])
        if not above and not self._is_stale:
            return
        self._is_stale = False
        if above:
            above = f"\r{ERASE_TO_END}{above}"
        self._terminal.write(above + render(self._prompt(), self._editor, width))

    def _prompt(self) -> str:
        name = f"{self._talk.name}> " if self._talk.name else "> "
        count = len(self._talk.unsent)
        return f"[{count} waiting] {name}" if count and self._talk.is_lost else name


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
