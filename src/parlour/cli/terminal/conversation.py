"""`parlour chat` on a terminal: the line being typed at the bottom, everything else above it."""

from __future__ import annotations

import asyncio
import math
import os
import re
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.layout import BufferControl, Dimension, Layout, Window
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.output.vt100 import Vt100_Output
from wcwidth import clip

from parlour.cli.streams import EXIT_INTERRUPTED, complain
from parlour.cli.terminal.keys import key_bindings
from parlour.cli.terminal.look import Look
from parlour.cli.terminal.talk import Talk
from parlour.cli.terminal.wrapping import INDENT, wrap
from parlour.client import Client
from parlour.core.errors import Refusal
from parlour.core.joiners import JOINERS
from parlour.core.names import display_name
from parlour.core.text import check_text, visible

MAX_UNSENT = 1000
"""Lines that wait for the server; more would be a pasted file, not a conversation."""

MAX_ROWS = 10
"""Rows for the text being typed, so that a long one leaves the conversation on the screen."""

HELP = (
    "Enter sends, Alt-Enter begins a new line, Ctrl-U erases the line, Ctrl-W a word.",
    "/name NEW changes your name, /quit or Ctrl-D leaves, // at the beginning sends a line that begins with /.",
)

_JOINED = re.compile("[\u200d\ufe0f\U0001f3fb-\U0001f3ff]")
"""Characters of which an emoji consists whose width the terminal and prompt_toolkit count differently."""


class Conversation:
    """The screen of one room. `account` is how somebody is shown who has signed in; None for a guest."""

    def __init__(self, client: Client, look: Look, account: str | None, *, last: int, timeout_s: float) -> None:
        self._look = look
        self._account = account
        self._timeout_s = timeout_s
        title = f"{client.room.name} on {client.room.server}, {self._as()}/help for help"
        self._talk = Talk(client, look, last=last, timeout_s=timeout_s, wake=self._wake, title=title)
        self._is_leaving = False
        self._buffer = Buffer(read_only=Condition(lambda: self._is_leaving))
        line = BufferControl(self._buffer, input_processors=[_Harmless()])
        window = Window(line, height=Dimension(max=MAX_ROWS), wrap_lines=True, get_line_prefix=self._prefix)
        self._output = Vt100_Output.from_pty(sys.stdout, os.environ.get("TERM"), enable_bell=False)
        self._output.enable_cpr = False  # the terminal's answers would end up in the shell after a crash
        self._app: Application[int] = Application(
            Layout(window),
            key_bindings=key_bindings(
                enter=self._enter, leave=self._leave, interrupt=lambda: self._end(EXIT_INTERRUPTED)
            ),
            output=self._output,
            before_render=self._redraw_joined,
            erase_when_done=True,
            include_default_pygments_style=False,
            terminal_size_polling_interval=None,
        )

    def run(self) -> int:
        """Talk until the person leaves. Returns the exit code."""
        try:
            code = asyncio.run(self._converse())
        except (EOFError, OSError):  # the window was closed
            code = 0
        finally:
            left = self._talk.farewell()  # when the terminal has been given back
            if self._talk.error is not None and self._buffer.text.strip():
                complain(f"not sent: {self._buffer.text}")
        return code or left

    async def _converse(self) -> int:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._crash)
        for number in (signal.SIGTERM, signal.SIGHUP):
            self._loop.add_signal_handler(number, self._end, 128 + number)
        self._loop.add_signal_handler(signal.SIGCONT, self._resume)
        return await self._app.run_async(self._talk.start, set_exception_handler=False)

    def _end(self, code: int) -> None:
        if not self._app.is_done:
            self._app.exit(result=code)

    def _crash(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not self._app.is_done:
            self._app.exit(exception=context.get("exception") or RuntimeError(context["message"]))

    def _resume(self) -> None:
        """Take the terminal again: the shell has set its own modes since a SIGSTOP that nobody could see coming."""
        self._app.input.raw_mode().__enter__()
        self._app.renderer.erase()
        self._app.invalidate()

    def _wake(self) -> None:
        """Show what there is; called on the threads of the talk."""
        with suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(self._show)

    def _show(self) -> None:
        if self._app.is_done:
            return
        said = [shown.text for shown in self._talk.take()]
        self._print([*said, *self._take_back()])
        if self._talk.error is not None or (self._is_leaving and not self._talk.unsent):
            self._end(0)

    def _print(self, lines: Iterable[str]) -> None:
        """Put lines above the line being typed."""
        width = self._output.get_size().columns
        if text := "".join([f"{wrap(line, width)}\n" for line in lines]):
            self._app.renderer.erase()
            self._output.write_raw(text)
            self._output.flush()
        self._app.invalidate()

    def _remark(self, text: str) -> None:
        self._print([self._look.remark(text)])

    def _enter(self) -> None:
        if self._is_leaving:
            return
        line = self._buffer.text
        self._buffer.reset(append_to_history=True)
        command, _, rest = line.partition(" ")
        if not line.strip():
            return
        if not line.startswith("/") or line.startswith("//"):
            self._say(line.removeprefix("/"))
        elif command == "/quit":
            self._leave()
        elif command == "/help":
            self._print([self._look.remark(text) for text in HELP])
        elif command == "/name":
            self._remark(self._rename(rest))
        else:
            self._remark(f"there is no {command}; /help lists what there is, // sends a line beginning with /")

    def _say(self, text: str) -> None:
        if len(self._talk.unsent) >= MAX_UNSENT:
            self._remark(f"not sent, {MAX_UNSENT} lines are waiting already: {text[:60]}")
            return
        try:
            check_text(text)
        except Refusal as refusal:  # as the server would; the text stays to be mended
            if refusal.kind.code != "blank_text":
                self._buffer.insert_text(text)
            self._remark(f"not sent, refused: {refusal.detail} ({refusal.kind.code})")
        else:
            self._talk.say(text)

    def _take_back(self) -> Iterable[str]:
        """Put what the server has refused back where it was typed, if nothing else is there now."""
        refused, self._talk.refused = self._talk.refused, []
        if not refused or self._is_leaving:
            return ()
        if self._buffer.text:
            return (self._look.remark("Up brings it back"),)
        self._buffer.insert_text(refused[-1])
        return ()

    def _as(self) -> str:
        if self._account is None:
            return ""
        return f"signed in as {self._account}, " if self._account else "signed in, "

    def _rename(self, name: str) -> str:
        if self._account is not None:
            return "you are signed in, and are shown by the name of your account"
        try:
            self._talk.name = display_name(name)
        except Refusal as refusal:
            return refusal.detail
        return f"you are {self._talk.name} now"

    def _leave(self) -> None:
        """Leave at once, or when what is on its way has arrived."""
        if self._is_leaving:
            return
        self._is_leaving = True
        count = len(self._talk.unsent)
        if not count:
            self._end(0)
            return
        self._remark(f"{'1 line' if count == 1 else f'{count} lines'} still to be sent; Ctrl-C gives up")
        self._loop.call_later(self._timeout_s if math.isfinite(self._timeout_s) else 30.0, self._end, 0)

    def _prefix(self, line: int, row: int) -> str:
        """What stands before a row of the text being typed."""
        if line or row:
            return INDENT
        name = self._talk.name or self._account
        prompt = f"{name}> " if name else "> "
        count = len(self._talk.unsent)
        if count and self._talk.is_lost:
            prompt = f"[{count} waiting] {prompt}"
        return clip(visible(prompt), 0, self._output.get_size().columns // 2)

    def _redraw_joined(self, _app: Application[int]) -> None:
        """Draw the line whole where the columns of its characters are not certain."""
        if _JOINED.search(self._buffer.text):
            self._output.write_raw("\r")
            self._app.renderer.erase()


class _Harmless(Processor):
    """Shows what would act on the terminal or lie to the eye as `�`."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        return Transformation([(part[0], _harmless(part[1])) for part in transformation_input.fragments])


def _harmless(text: str) -> str:
    if visible(text) == text:
        return text
    return "".join([char if char in JOINERS or visible(char) == char else "�" for char in text])
