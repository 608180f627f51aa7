"""`parlour chat`: a conversation in the terminal, and a filter where there is none."""

from __future__ import annotations

import os

import click

from parlour.cli.output import EXIT_CODES, address, endings, timeout_option
from parlour.cli.signed_in import SignedIn, guest_name, room_and_account
from parlour.client import INTERACTIVE, Client, ClientError, Room, SignedOut
from parlour.client.account import Account
from parlour.core.text import visible

ASK_S = 3.0
"""How long the start may take to learn how one is shown; what was stored at signing in does as well."""


@click.command(
    epilog=EXIT_CODES,
    help="Talk in the room at URL (http://host:port/room, without a room the lobby). Lines typed while the server is "
    "away are kept and sent, once, when it is back. In a pipe it sends every line of its input, prints what is said, "
    "and leaves when the input has ended and all of it is stored.",
)
@click.argument("url", callback=address)
@click.option("--name", envvar="PARLOUR_NAME", help="Display name of a guest; without one the server gives you one.")
@click.option("-n", "--last", type=click.IntRange(0, 1000), default=50, show_default=True, help="Begin with so many.")
@timeout_option(10.0, "Wait so long for the first connection, and when leaving for lines that are on their way.")
@click.option("--plain", is_flag=True, help="Only print, never redraw: for screen readers and simple terminals.")
def chat(url: Room, name: str | None, last: int, timeout_s: float, plain: bool) -> int:
    """Run the command; returns the exit code."""
    from parlour.cli.terminal.look import Look, wants_colour

    with endings():
        url, who = room_and_account(url)
        name = guest_name(name, who)
        client = Client(url, name=name, token=who and who.token, backoff=INTERACTIVE)
        is_terminal = os.isatty(0) and os.isatty(1)
        look = Look(short=is_terminal, colour=wants_colour(is_terminal))
        if is_terminal and not plain and os.environ.get("TERM") != "dumb":
            from parlour.cli.terminal.conversation import Conversation

            account = None if who is None else _shown(url.server, who, min(ASK_S, timeout_s))
            return Conversation(client, look, account, last=last, timeout_s=timeout_s).run()
        from parlour.cli.terminal.filter import Filter

        return Filter(client, look, last=last, timeout_s=timeout_s, echoes=is_terminal).run()


def _shown(server: str, who: SignedIn, answer_s: float) -> str:
    """How the account is shown now, or was at signing in. Raises SignedOut."""
    try:
        with Account(server, who.token) as account:
            me = account.me(answer_s)
    except SignedOut:
        raise
    except ClientError:  # the conversation waits for the server
        return who.shown
    return who.shown if me.account is None else visible(me.account.display)
