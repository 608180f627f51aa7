"""Helpers of `login`, `logout` and `whoami`: the server that is meant, and words for an account and its token."""

from __future__ import annotations

import click

from parlour.cli.output import EXIT_REFUSED, EXIT_USAGE, fail
from parlour.client.account import Me, SignIn
from parlour.client.room import parse_servers
from parlour.client.stored_tokens import StoredTokens
from parlour.core.text import visible

EXIT_CODES = (
    "Exit codes: 0 done; 1 refused by the server, or not signed in; 2 wrong usage, or what is stored cannot be used; 3 "
    "no answer within --timeout; 6 standard output could not be written; 130 interrupted."
)


def server_address(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Check an address on the command line (a click callback); of which server it is, is found out later."""
    try:
        if value is not None:
            parse_servers(value)
    except ValueError as exc:
        raise click.BadParameter(visible(str(exc))) from exc
    return value


def stored_server(tokens: StoredTokens, url: str | None) -> str:
    """The server of a stored token: the one with something at `url`, or the only one. Ends the command otherwise."""
    servers = list(tokens.all())
    if url is None:
        if not servers:
            fail(EXIT_REFUSED, "you are not signed in anywhere: parlour login URL")
        if len(servers) > 1:
            fail(EXIT_USAGE, f"name the server: {', '.join(servers)}")
        return servers[0]
    found = [tokens.home(each) for each in parse_servers(url)]
    server = next((each for each in found if each in servers), None)
    if server is None:
        fail(EXIT_REFUSED, f"you are not signed in to {found[-1]}")
    return server


def shown_account(me: Me) -> str:
    """`Olga O. (olga), owner`."""
    account = me.account
    if account is None:
        return "a guest"
    name = account.name if account.display == account.name else f"{account.display} ({account.name})"
    return f"{name}, {'bot' if account.kind == 'bot' else account.role}"


def shown_sign_in(sign_in: SignIn) -> str:
    """`read, post in ops, until 2027-02-28 06:41 UTC`."""
    scopes = ", ".join(sign_in.scopes or ("everything",))
    rooms = f" in {', '.join(sign_in.rooms)}" if sign_in.rooms else ""
    return f"{scopes}{rooms}, until {sign_in.expires[:16].replace('T', ' ')} UTC"
