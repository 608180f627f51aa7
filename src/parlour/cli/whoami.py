"""`parlour whoami`: who one is on a server, and with what."""

from __future__ import annotations

import os

import click

from parlour.cli.output import EXIT_REFUSED, TOKEN_ENV, describe, endings, exit_code, fail, timeout_option
from parlour.cli.sign_ins import EXIT_CODES, server_address, shown_account, shown_sign_in, stored_server
from parlour.cli.signed_in import AS_GUEST, signed_in
from parlour.cli.streams import complain, write_line
from parlour.client import ClientError
from parlour.client.account import Account, find_server
from parlour.client.stored_tokens import StoredTokens
from parlour.core.text import visible


@click.command(
    epilog=EXIT_CODES,
    help="Say who you are on the server at URL: account, role, and what the token is for that send, tail and chat use. "
    "Without URL, on every server that you are signed in to.",
)
@click.argument("url", required=False, callback=server_address)
@timeout_option(10.0, "Wait so long for each answer.")
def whoami(url: str | None, timeout_s: float) -> int:
    """Run the command; returns the exit code."""
    with endings("the server"):
        if os.environ.get(TOKEN_ENV):
            if url is None:
                raise click.UsageError(f"{TOKEN_ENV} is set, and is sent to no server that you do not name: give URL.")
            return _show(find_server(url, timeout_s), TOKEN_ENV, timeout_s)
        tokens = StoredTokens()
        stored = tokens.all()
        servers = list(stored) if url is None and stored else [stored_server(tokens, url)]
        codes = [
            _show(server, "the keyring" if stored[server].token is None else str(tokens.path), timeout_s)
            for server in servers
        ]
    return max(codes)


def _show(server: str, where: str, timeout_s: float) -> int:
    """Say who one is on one server. Returns the exit code."""
    who = signed_in(server)
    if who is None:  # PARLOUR_TOKEN says so
        fail(EXIT_REFUSED, f"a guest on {server}: {TOKEN_ENV} is {AS_GUEST}")
    try:
        with Account(server, who.token) as account:
            me = account.me(timeout_s)
    except ClientError as error:
        complain(describe(error, what=server))
        return exit_code(error)
    using = "" if me.sign_in is None else f"; {me.sign_in.label}: {shown_sign_in(me.sign_in)}"
    write_line(visible(f"{server}: {shown_account(me)}{using}; token from {where}"))
    return 0
