"""`parlour send`: one message, or one for every line of the input, with a receipt for each."""

from __future__ import annotations

import sys
from typing import BinaryIO

import click

from parlour.cli.output import (
    EXIT_CODES,
    EXIT_REFUSED,
    Stop,
    address,
    complain,
    describe,
    endings,
    exit_code,
    fail,
    token,
    write_line,
)
from parlour.client import Client, ClientError, Room, new_key
from parlour.core.names import check_key, display_name

MAX_INPUT_BYTES = 1024 * 1024
"""More than any server takes as one message."""


@click.command(
    epilog=EXIT_CODES,
    help="Send a message to the room at URL (http://host:port/room, without a room the lobby): TEXT, or standard input "
    "when there is no TEXT. Prints where it is (lobby/42) when the server has it on disk, and tries again with the "
    "same key until it is known to be there.",
)
@click.argument("url", callback=address)
@click.argument("text", nargs=-1)
@click.option("--name", envvar="PARLOUR_NAME", help="Display name; without one the server gives you one.")
@click.option("--key", help="Idempotency key, 8 to 64 of A-Za-z0-9_-: a second run with it stores nothing twice.")
@click.option("--file", type=click.File("rb"), help="Read the text from a file; - is standard input.")
@click.option("--lines", is_flag=True, help="Send every line as a message of its own; with --key, line 3 has KEY-3.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Try so long for each message; 0 tries once.",
)
def send(
    url: Room,
    text: tuple[str, ...],
    name: str | None,
    key: str | None,
    file: BinaryIO | None,
    lines: bool,
    timeout_s: float,
) -> int:
    """Run the command; returns the exit code."""
    if text and (file is not None or lines):
        raise click.UsageError("TEXT is one message; --file and --lines read their input instead.")
    source = sys.stdin.buffer if file is None else file
    try:
        with endings():
            name = None if name is None else display_name(name)
            key = new_key() if key is None else check_key(key)
            with Client(url, name=name, token=token(), timeout_s=timeout_s) as client:
                if lines:
                    _send_lines(client, source, key)
                else:
                    write_line(str(client.send(" ".join(text) if text else _whole(source), key=key)))
    except Stop as stop:
        return stop.code
    return 0


def _whole(source: BinaryIO) -> str:
    """All of the input as one text, without the line break that ends a file."""
    raw = source.read(MAX_INPUT_BYTES + 1)
    if len(raw) > MAX_INPUT_BYTES:
        fail(EXIT_REFUSED, f"the input has more than {MAX_INPUT_BYTES} bytes; no message is so long")
    return _decode(raw).removesuffix("\n").removesuffix("\r")


def _send_lines(client: Client, source: BinaryIO, key: str) -> None:
    """Every line in order; the first that fails ends it, and the same command with the same key goes on from there."""
    number = 0
    while raw := source.readline(MAX_INPUT_BYTES):
        number += 1
        line = _decode(raw).rstrip("\r\n")
        if not line.strip():
            continue
        try:
            write_line(str(client.send(line, key=f"{key}-{number}")))
        except ClientError as exc:
            complain(f"line {number}: {describe(exc, key)}")
            if number > 1:
                complain(f"to go on, give the same input with --key {key}: no line is stored twice")
            raise Stop(exit_code(exc)) from exc


def _decode(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        raise click.UsageError(f"The input is not UTF-8 at byte {exc.start}.") from exc
