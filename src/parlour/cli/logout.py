"""`parlour logout`: ends the token of this machine on its server, and forgets it."""

from __future__ import annotations

import os

import click

from parlour.cli.output import TOKEN_ENV, describe, endings, exit_code, fail, timeout_option
from parlour.cli.sign_ins import EXIT_CODES, server_address, stored_server
from parlour.cli.streams import complain, write_line
from parlour.client import ClientError, Refused
from parlour.client.account import Account, check_line
from parlour.client.stored_tokens import StoredTokens
from parlour.core.text import visible


@click.command(
    epilog=EXIT_CODES,
    help="End the token that `parlour login` has stored for the server at URL, with all that is open by it, and forget "
    "it. Without URL it is the one server that you are signed in to.",
)
@click.argument("url", required=False, callback=server_address)
@click.option("--forget", is_flag=True, help="Forget it without telling the server: there it works until it ends.")
@timeout_option(10.0, "Wait so long for the answer.")
def logout(url: str | None, forget: bool, timeout_s: float) -> int:
    """Run the command; returns the exit code."""
    with endings("the server"):
        tokens = StoredTokens()
        server = stored_server(tokens, url)
        if not forget:
            _end(tokens, server, timeout_s)
        tokens.forget(server)
        write_line(visible(f"{'forgot the token of' if forget else 'signed out of'} {server}"))
        if os.environ.get(TOKEN_ENV):
            complain(f"{TOKEN_ENV} is set, and goes on being used")
    return 0


def _end(tokens: StoredTokens, server: str, timeout_s: float) -> None:
    """End the token of a server. One that it knows no more has ended already."""
    stored = tokens.get(server)
    assert stored is not None  # it is one of them
    check_line(server)
    try:
        with Account(server, stored.token) as account:
            account.end(stored.id, timeout_s)
    except ClientError as error:
        if not isinstance(error, Refused) or error.status not in (401, 404):
            fail(
                exit_code(error),
                f"{describe(error, what='the server')}; the token is still stored (--forget forgets it here alone)",
            )
