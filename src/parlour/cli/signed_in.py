"""As whom a client command asks: by PARLOUR_TOKEN, by the token that is stored for the server, or as a guest."""

from __future__ import annotations

import os
from typing import NamedTuple
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from parlour.cli.output import TOKEN_ENV
from parlour.cli.streams import complain
from parlour.client import Room
from parlour.client.account import check_line, is_on_this_machine
from parlour.client.stored_tokens import StoredTokens
from parlour.client.transport import check_token
from parlour.core.names import display_name

AS_GUEST = "guest"


class SignedIn(NamedTuple):
    """The token of an account. `shown` is how its name was shown at signing in; empty where that is not known."""

    token: str
    shown: str


def room_and_account(room: Room) -> tuple[Room, SignedIn | None]:
    """A room at the address of its server that one is signed in to, and as whom. Raises as `signed_in` does."""
    if os.environ.get(TOKEN_ENV) is None:
        room = Room(StoredTokens().home(room.server), room.name)
    return room, signed_in(room.server)


def signed_in(server: str) -> SignedIn | None:
    """The token to ask a server with; None asks as a guest. Raises TokensUnusable, UnsafeLine.

    One from the environment wins, where the word `guest` asks as one; none is an argument, because all users of a
    machine can read those.
    """
    value = os.environ.get(TOKEN_ENV)
    if value == AS_GUEST:
        return None
    if value == "":
        text = f"{TOKEN_ENV} is empty: is the token where it is read from? {TOKEN_ENV}={AS_GUEST} asks as a guest."
        raise click.UsageError(text)
    if value is not None:
        try:
            return SignedIn(check_token(value), "")
        except ValueError as exc:
            raise click.UsageError(f"{TOKEN_ENV}: {exc}") from exc
    tokens = StoredTokens()
    stored = tokens.get(server)
    if stored is None:
        _hint(tokens, server)
        return None
    check_line(server)
    assert stored.token is not None  # or it would have been refused
    return SignedIn(stored.token, stored.display)


def _hint(tokens: StoredTokens, server: str) -> None:
    """Say that one is signed in to this machine by another of its addresses: different programs can listen there."""
    port = urlsplit(server).port
    if is_on_this_machine(server):
        for other in tokens.all():
            if is_on_this_machine(other) and urlsplit(other).port == port:
                complain(f"a guest on {server}: you are signed in to {other}")


def guest_name(name: str | None, who: SignedIn | None) -> str | None:
    """The display name for messages, from the option `--name`: None where the account has one. Raises Refusal.

    PARLOUR_NAME is for guests, so that of somebody who has signed in is left aside.
    """
    if who is None:
        return None if name is None else display_name(name)
    if click.get_current_context().get_parameter_source("name") is ParameterSource.COMMANDLINE:
        raise click.UsageError(
            f"You are signed in there{f' as {who.shown}' if who.shown else ''}, and --name is for guests: "
            f"{TOKEN_ENV}={AS_GUEST} asks as one."
        )
    return None
