"""`parlour login`: makes a token for this machine by name and password, or takes one, and stores it."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import suppress

import click

from parlour.cli.output import EXIT_REFUSED, EXIT_USAGE, TOKEN_ENV, endings, fail, timeout_option
from parlour.cli.sign_ins import EXIT_CODES, server_address, shown_account, shown_sign_in
from parlour.cli.streams import complain, read_all, write_line
from parlour.client import ClientError, SignedOut
from parlour.client.account import Account, SignIn, check_line, find_server
from parlour.client.errors import Refused
from parlour.client.room import parse_servers
from parlour.client.stored_tokens import StoredToken, StoredTokens, TokensUnusable, server_key
from parlour.core.accounts import MAX_TOKEN_DAYS, SCOPES
from parlour.core.secret import is_api_token
from parlour.core.text import visible

DEFAULT_URL = "http://127.0.0.1:8080"
"""Where `./chat_server 8080` listens."""

MAX_INPUT_BYTES = 8192


def _scopes(_ctx: click.Context, _param: click.Parameter, value: str) -> list[str]:
    scopes = [scope.strip() for scope in value.split(",")]
    if not set(scopes) <= set(SCOPES):
        raise click.BadParameter(f"Scopes are some of {', '.join(SCOPES)}, with commas between them.")
    return scopes


@click.command(
    epilog=EXIT_CODES,
    help="Sign in to the server at URL; the address of a room or a page of it will do. Without URL it is the one that "
    f"you are signed in to, else {DEFAULT_URL}. Name and password are asked for on the terminal; in a pipe they are "
    "the first two lines of standard input (with --name or --token, the one that is left), and a code of a second "
    "factor, where the account has one, is asked for after them. They make a token for this "
    "machine, which is stored in the keyring, or in a file that only you can read, and which send, tail and chat use "
    "from then on. The password is stored nowhere.",
)
@click.argument("url", required=False, callback=server_address)
@click.option("--name", help="The name of your account, instead of asking for it.")
@click.option("--token", "takes_token", is_flag=True, help="Ask for a token that you have, instead of a password.")
@click.option(
    "--scopes", callback=_scopes, default="read,post", show_default=True, help="What it may do; admin is everything."
)
@click.option(
    "--days", type=click.IntRange(1, MAX_TOKEN_DAYS), default=90, show_default=True, help="How long it works."
)
@timeout_option(30.0, "Wait so long for each answer.")
def login(url: str | None, name: str | None, takes_token: bool, scopes: list[str], days: int, timeout_s: float) -> int:
    """Run the command; returns the exit code."""
    if name is not None and takes_token:
        raise click.UsageError("A token says whose it is: give --name or --token, not both.")
    with endings("the server"):
        tokens = StoredTokens()
        tokens.check()
        server = _server(tokens, url, timeout_s)
        if takes_token:
            secret, *_ = _ask(server, ["Token"])
            if not is_api_token(secret):
                raise click.UsageError("This is not a whole token: it may be cut or have a typing error.")
            _store(tokens, server, secret, None, timeout_s)
            return 0
        typed = _ask(server, ["Name", "Password"] if name is None else ["Password"])
        who = typed.pop(0) if name is None else name
        password, *codes = typed
        with Account(server) as account:
            label = visible(f"parlour on {socket.gethostname()}")
            try:
                made = account.make_token(who, password, label, scopes, days, timeout_s)
            except Refused as refused:
                if refused.code != "code_required":
                    raise
                made = account.make_token(who, password, label, scopes, days, timeout_s, _code(codes))
        _store(tokens, server, made.secret or "", made, timeout_s)
    return 0


def _server(tokens: StoredTokens, url: str | None, timeout_s: float) -> str:
    """Where to sign in; nothing is asked of a server to which what is typed could be read on its way."""
    stored = list(tokens.all())
    if url is None and len(stored) > 1:
        fail(EXIT_USAGE, f"name the server: {', '.join(stored)}")
    url = url or (stored[0] if stored else DEFAULT_URL)
    check_line(parse_servers(url)[-1])
    return server_key(find_server(url, timeout_s))


def _ask(server: str, words: Sequence[str]) -> list[str]:
    """What a person types for each of these words, or the lines of standard input, with those behind them."""
    if os.isatty(0):
        click.echo(f"Signing in to {visible(server)}", err=True)
        typed = [click.prompt(word, hide_input=word != "Name", err=True) for word in words]
        lines = [line.encode("utf-8", "surrogateescape") for line in typed]
    else:
        lines = [line.removesuffix(b"\r") for line in read_all(0, MAX_INPUT_BYTES).split(b"\n")]
    if len(lines) < len(words) or b"" in lines[: len(words)]:
        raise click.UsageError(f"Standard input has to begin with these lines: {', '.join(words).lower()}.")
    try:
        return [line.decode() for line in lines]
    except UnicodeDecodeError as error:
        raise click.UsageError(f"What is typed has to be UTF-8: {', '.join(words).lower()}.") from error


def _code(typed: Sequence[str]) -> str:
    """The code of a second factor: the line behind the password, or what is typed for it now."""
    if os.isatty(0):
        code: str = click.prompt("Code of your authenticator app, or a recovery code", err=True)
        return code
    if not typed or not typed[0]:
        fail(EXIT_REFUSED, "this account has a second factor: its code is the line behind the password")
    return typed[0]


def _store(tokens: StoredTokens, server: str, secret: str, made: SignIn | None, timeout_s: float) -> None:
    """Store a token, and end the one that was stored before. One that was made for it ends if it cannot be stored."""
    with Account(server, secret) as account:
        try:
            before = tokens.all().get(server)
            try:
                me = account.me(timeout_s)
            except SignedOut as error:
                fail(EXIT_REFUSED, f"refused: {error} ({error.code})")
            sign_in = me.sign_in or made
            if me.account is None or sign_in is None:
                fail(EXIT_REFUSED, f"{server} does not say whose token this is")
            shown = StoredToken(sign_in.id, me.account.name, me.account.display, sign_in.expires, secret)
            old = None
            if before is not None and before.id != sign_in.id:
                with suppress(TokensUnusable):  # it is not in the keyring any more
                    old = tokens.get(server)
            where = tokens.put(server, shown)
        except BaseException:
            if made is not None:
                with suppress(ClientError):  # nobody has it, and it ends by itself in the end
                    account.end(made.id, timeout_s)
            raise
    if old is not None:
        with suppress(ClientError), Account(server, old.token) as account:
            account.end(old.id, timeout_s)
    write_line(
        visible(f"signed in to {server} as {shown_account(me)}; token for {shown_sign_in(sign_in)}; it is in {where}")
    )
    if os.environ.get(TOKEN_ENV):
        complain(f"{TOKEN_ENV} is set, and is used in place of this token as long as it is")
