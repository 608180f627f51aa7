"""`parlour send`: one message, or one for every line of the input, with a receipt for each."""

from __future__ import annotations

import os
import re
import shlex
from typing import NoReturn

import click
from click.exceptions import Exit

from parlour.cli.output import (
    EXIT_CODES,
    EXIT_REFUSED,
    address,
    describe,
    endings,
    exit_code,
    fail,
    timeout_option,
)
from parlour.cli.signed_in import guest_name, room_and_account
from parlour.cli.streams import EXIT_INTERRUPTED, OutputFailed, complain, lines_of, output_code, read_all, write_line
from parlour.client import Busy, Client, ClientError, Room, Sent, new_key
from parlour.core.names import check_key
from parlour.core.text import visible

MAX_INPUT_BYTES = 1024 * 1024
"""More than any server takes as one message."""


class _Command(click.Command):
    """A text may begin with a hyphen: what looks like an unknown option is told how it can be one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = args[: args.index("--")] if "--" in args else args
        takes_value = {name for param in self.params if not getattr(param, "is_flag", True) for name in param.opts}
        for before, word in zip(["", *words], words, strict=False):
            if re.match("-[^-].", word) and before not in takes_value:  # also -hello, which is not -h
                raise _hint(f"There is no option {visible(word)}", word)
        try:
            return super().parse_args(ctx, list(args))
        except click.NoSuchOption as exc:
            raise _hint(f"There is no option {visible(exc.option_name)}", exc.option_name) from exc


def _hint(text: str, word: str) -> click.UsageError:
    return click.UsageError(
        f"{text}. A text that begins with - stands behind --: parlour send URL -- {shlex.quote(word)}"
    )


@click.command(
    cls=_Command,
    epilog=EXIT_CODES,
    help="Send a message to the room at URL (http://host:port/room, without a room the lobby): TEXT, or standard input "
    "when there is no TEXT. Prints where it is (lobby/42) when the server has it on disk, and tries again with the "
    "same key until it is known to be there.",
)
@click.argument("url", callback=address)
@click.argument("text", nargs=-1)
@click.option("--name", envvar="PARLOUR_NAME", help="Display name of a guest; without one the server gives you one.")
@click.option("--key", help="Idempotency key, 8 to 64 of A-Za-z0-9_-: a second run with it stores nothing twice.")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="Read the text from a file; - is standard input.",
)
@click.option("--lines", is_flag=True, help="Send every line as a message of its own; with --key, line 3 has KEY-3.")
@timeout_option(30.0, "Try so long for each message; 0 tries once.")
def send(
    url: Room, text: tuple[str, ...], name: str | None, key: str | None, file: str | None, lines: bool, timeout_s: float
) -> int:
    """Run the command; returns the exit code."""
    if text and (file is not None or lines):
        raise click.UsageError("TEXT is one message; --file and --lines read their input instead.")
    with endings():
        url, who = room_and_account(url)
        name = guest_name(name, who)
        key = new_key() if key is None else check_key(key)
        with Client(url, name=name, token=who and who.token, timeout_s=timeout_s) as client:
            return _Sending(client, key).run(" ".join(text) if text else None, _open(file), lines=lines)


def _open(file: str | None) -> int:
    """The descriptor to read from."""
    if file is None or file == "-":
        return 0
    try:
        return os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as exc:
        raise click.UsageError(f"{click.format_filename(file)} cannot be read: {exc.strerror}.") from exc


class _Sending:
    """Messages on their way, each with a receipt; what has been sent does not depend on whether one can be printed."""

    def __init__(self, client: Client, key: str) -> None:
        self._client = client
        self._key = key
        self._failure: OutputFailed | None = None
        self._has_waited = False

    def run(self, text: str | None, source: int, *, lines: bool) -> int:
        """Send the text, or what can be read from `source`. Returns the exit code."""
        if lines:
            return self._send_lines(source)
        text = _whole(source) if text is None else text
        try:
            sent = self._client.send(text, key=self._key)
        except KeyboardInterrupt:
            self._interrupted("interrupted; it is unknown whether the message was stored; send it again")
        self._give(sent)
        return output_code(self._failure, f"stored as {sent}, but {self._failure}")

    def _send_lines(self, source: int) -> int:
        """Every line in order; the first that fails ends it, and the same command with the same key goes on there."""
        sent: Sent | None = None
        number = 0
        try:
            for number, raw in enumerate(lines_of(source), 1):
                line = _decode(raw).rstrip("\r\n")
                if line.strip():
                    sent = self._client.send(line, key=f"{self._key}-{number}", on_wait=self._slowed)
                    self._give(sent)
        except ClientError as exc:
            complain(f"line {number}: {describe(exc, self._key)}")
            if number > 1:
                complain(f"to go on, give the same input with --key {self._key}: no line is stored twice")
            raise Exit(exit_code(exc)) from exc
        except KeyboardInterrupt:
            self._interrupted(f"interrupted at line {number or 1}; to go on, give the same input")
        return output_code(self._failure, f"stored up to {sent}, but {self._failure}")

    def _give(self, sent: Sent) -> None:
        if self._failure is None:
            try:
                write_line(visible(str(sent)))
            except OutputFailed as exc:
                self._failure = exc

    def _slowed(self, error: ClientError, wait_s: float) -> None:
        """Say once why this takes its time."""
        if isinstance(error, Busy) and not self._has_waited:
            self._has_waited = True
            complain(f"going on more slowly, as the server asks: {error} ({error.code})")

    def _interrupted(self, text: str) -> NoReturn:
        fail(EXIT_INTERRUPTED, f"{text} with --key {self._key}: nothing is stored twice")


def _whole(source: int) -> str:
    """All of the input as one text, without the line break that ends a file."""
    raw = read_all(source, MAX_INPUT_BYTES)
    if len(raw) > MAX_INPUT_BYTES:
        fail(EXIT_REFUSED, f"the input has more than {MAX_INPUT_BYTES} bytes; no message is so long")
    return _decode(raw).removesuffix("\n").removesuffix("\r")


def _decode(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        raise click.UsageError(f"The input is not UTF-8 at byte {exc.start}.") from exc
