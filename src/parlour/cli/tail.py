"""`parlour tail`: a room for pipes, as lines of text or as the events themselves."""

from __future__ import annotations

import json
import os
import re

import click

from parlour.cli.output import EXIT_CODES, EXIT_GAP, address, endings, fail, timeout_option
from parlour.cli.signed_in import room_and_account
from parlour.cli.streams import complain, write, write_line
from parlour.cli.terminal.look import Look, reset_text, wants_colour
from parlour.client import CaughtUp, Client, Event, Feed, Lost, Reset, Room
from parlour.core.text import visible

_NOT_ASCII = re.compile(r"[^\x00-\x7e]")


@click.command(
    epilog=EXIT_CODES,
    help="Print the messages of the room at URL (http://host:port/room, without a room the lobby), oldest first. With "
    "--follow it stays, through restarts of the server too, and prints each message once; standard error is told when "
    "the connection is lost, and when it is back. When events cannot be had any more (the server's data was replaced, "
    "or older ones are not kept) it says so there, or ends with --strict.",
)
@click.argument("url", callback=address)
@click.option("-f", "--follow", is_flag=True, help="Wait for more.")
@click.option("-n", "--last", type=click.IntRange(0, 1000), help="Begin with so many events.  [default: 50]")
@click.option("--since", metavar="CURSOR", help="Print everything after this number (42) or cursor (k3f9.42).")
@click.option("--json", "as_json", is_flag=True, help="Print events as the server sends them, one JSON object a line.")
@click.option("--strict", is_flag=True, help="End with 5 when events are missing.")
@timeout_option(10.0, "Wait so long for the first connection.")
def tail(
    url: Room, follow: bool, last: int | None, since: str | None, as_json: bool, strict: bool, timeout_s: float
) -> int:
    """Run the command; returns the exit code."""
    if since is not None and last is not None:
        raise click.UsageError("Give --since or --last, not both.")
    with endings():
        url, who = room_and_account(url)
        with Client(url, token=who and who.token, timeout_s=timeout_s) as client:
            _print(client.follow(since, last=50 if last is None else last), as_json, follow=follow, strict=strict)
    return 0


def _print(feed: Feed, as_json: bool, *, follow: bool, strict: bool) -> None:
    is_terminal = os.isatty(1)
    look = Look(colour=wants_colour(is_terminal))
    has_connected = is_lost = False
    for line in feed.lines():
        if isinstance(line, Lost):
            if not is_lost:  # once, not for each attempt
                complain(f"{'connection lost' if has_connected else 'no connection yet'}, retrying: {line.reason}")
            is_lost = True
            continue
        if is_lost:
            complain("connected again" if has_connected else "connected")
        has_connected, is_lost = True, False
        item = line.item
        if isinstance(item, CaughtUp) and not follow:
            return
        if isinstance(item, Reset):
            text = f"{reset_text(item)} ({item.reason}; the log has {item.first_seq} to {item.head_seq})"
            if strict:
                fail(EXIT_GAP, text)
            complain(text)
        if as_json and isinstance(item, Event | Reset):
            write((harmless_json(line.raw) if is_terminal else line.raw) + b"\n")
        elif isinstance(item, Event) and item.shown_text is not None:
            write_line(look.message(item))


def harmless_json(raw: bytes) -> bytes:
    """The same JSON with what could act on a terminal written as escapes; JSON has escaped the C0 controls already."""

    def escape(match: re.Match[str]) -> str:
        char = match[0]
        if visible(char) == char:
            return char
        return json.dumps(char)[1:-1]

    return _NOT_ASCII.sub(escape, raw.decode("utf-8", "replace")).encode()
