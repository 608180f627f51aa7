"""`parlour tail`: a room for pipes, as lines of text or as the events themselves."""

from __future__ import annotations

import json
import os
import re

import click

from parlour.cli.output import EXIT_CODES, EXIT_GAP, Stop, address, endings, fail, token
from parlour.cli.streams import complain, write, write_line
from parlour.cli.terminal.look import Look, wants_colour
from parlour.client import CaughtUp, Client, Event, Feed, Lost, Reset, Room
from parlour.client.items import Line
from parlour.core.text import visible

_NOT_ASCII = re.compile(r"[^\x00-\x7e]")


@click.command(
    epilog=EXIT_CODES,
    help="Print the messages of the room at URL (http://host:port/room, without a room the lobby), oldest first. With "
    "--follow it stays, through restarts of the server too, and prints each message once. When events cannot be had "
    "any more (the server's data was replaced, or older ones are not kept) it says so on standard error, or ends with"
    " --strict.",
)
@click.argument("url", callback=address)
@click.option("-f", "--follow", is_flag=True, help="Wait for more.")
@click.option("-n", "--last", type=click.IntRange(0, 1000), help="Begin with so many events.  [default: 50]")
@click.option("--since", metavar="CURSOR", help="Print everything after this number (42) or cursor (k3f9.42).")
@click.option("--json", "as_json", is_flag=True, help="Print events as the server sends them, one JSON object a line.")
@click.option("--strict", is_flag=True, help="End with 5 when events are missing.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="Wait so long for the first connection.",
)
def tail(
    url: Room, follow: bool, last: int | None, since: str | None, as_json: bool, strict: bool, timeout_s: float
) -> int:
    """Run the command; returns the exit code."""
    if since is not None and last is not None:
        raise click.UsageError("Give --since or --last, not both.")
    try:
        with endings(), Client(url, token=token(), timeout_s=timeout_s) as client:
            feed = client.follow(since, last=50 if last is None else last)
            _print(feed, Printer(as_json, is_terminal=os.isatty(1)), follow=follow, strict=strict)
    except Stop as stop:
        return stop.code
    return 0


class Printer:
    """Writes lines as the reader of standard output wants them."""

    def __init__(self, as_json: bool, *, is_terminal: bool) -> None:
        self.is_json = as_json
        self._is_terminal = is_terminal
        self._look = Look(colour=wants_colour(is_terminal))

    def show(self, line: Line) -> None:
        """An event; a reset too where programs read along."""
        item = line.item
        if self.is_json:
            write(harmless_json(line.raw) + b"\n" if self._is_terminal else line.raw + b"\n")
        elif isinstance(item, Event) and item.shown_text is not None:
            write_line(self._look.message(item))


def _print(feed: Feed, printer: Printer, *, follow: bool, strict: bool) -> None:
    for line in feed.lines():
        if isinstance(line, Lost):
            continue
        item = line.item
        if isinstance(item, Event):
            printer.show(line)
        elif isinstance(item, Reset):
            text = _gap(item)
            if strict:
                fail(EXIT_GAP, text)
            complain(text)
            if printer.is_json:
                printer.show(line)
        elif isinstance(item, CaughtUp) and not follow:
            return


def _gap(reset: Reset) -> str:
    """One line about a reset; what is still there comes behind it."""
    if reset.reason == "damaged":
        return f"events are missing here (damaged); the log goes on after {reset.head_seq}"
    extent = f"{reset.first_seq} to {reset.head_seq}"
    if reset.reason == "epoch_changed":
        return f"the server's data was replaced (epoch_changed); what follows is from the new log, which has {extent}"
    if reset.reason == "cursor_ahead":
        return f"the log ends before this position (cursor_ahead); what follows is from {extent}"
    return f"events are missing here ({reset.reason}); the log has {extent}"


def harmless_json(raw: bytes) -> bytes:
    """The same JSON with what could act on a terminal written as escapes; JSON has escaped the C0 controls already."""

    def escape(match: re.Match[str]) -> str:
        char = match[0]
        if visible(char) == char:
            return char
        return json.dumps(char)[1:-1]

    return _NOT_ASCII.sub(escape, raw.decode("utf-8", "replace")).encode()
