"""Helpers of the client commands: exit codes, and how every error becomes one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import click
from click.exceptions import Exit

from parlour.cli import light_httpx  # noqa: F401 (before httpx)
from parlour.cli.streams import EXIT_INTERRUPTED, InputFailed, OutputFailed, complain, output_code, say
from parlour.client import ClientError, OutcomeUnknown, ProxyUnusable, Refused, Room, SignedOut, parse_room
from parlour.client.account import NoServer, UnsafeLine
from parlour.client.stored_tokens import TokensUnusable
from parlour.core.errors import Refusal
from parlour.core.text import visible

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_UNKNOWN = 4
EXIT_GAP = 5

TOKEN_ENV = "PARLOUR_TOKEN"  # noqa: S105 (a name, not a secret)
"""A token for scripts, in place of the one that is stored; empty to ask as a guest."""

EXIT_CODES = (
    "Exit codes: 0 done; 1 refused by the server; 2 wrong usage; 3 no answer within --timeout; "
    "4 the message may or may not be stored (the same text with the printed --key settles it); "
    "5 events are missing (tail --strict); 6 standard output could not be written, what was to be sent is stored; "
    "130 interrupted."
)


def address(_ctx: click.Context, _param: click.Parameter, value: str) -> Room:
    """Read the address of a room on the command line (a click callback), or say what is wrong with it."""
    try:
        return parse_room(value)
    except ValueError as exc:
        raise click.BadParameter(visible(str(exc))) from exc


def timeout_option(default_s: float, text: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """The option `--timeout`, which the command is given as `timeout_s`; `text` is its help."""
    kind, names = click.FloatRange(0), ("--timeout", "timeout_s")
    return click.option(*names, type=kind, default=default_s, show_default=True, metavar="SECONDS", help=text)


def exit_code(error: ClientError) -> int:
    """The code for an error of the client library."""
    if isinstance(error, OutcomeUnknown) and error.key is not None:
        return EXIT_UNKNOWN
    return EXIT_REFUSED if isinstance(error, Refused) else EXIT_UNREACHABLE


@contextmanager
def endings(what: str = "the room") -> Iterator[None]:
    """Turn every way in which a client command can fail into a word on standard error and an exit code.

    `what` could not be reached, if that is it.

    A closed pipe is no failure: whoever reads has seen enough.
    """
    try:
        yield
    except ClientError as exc:
        complain(describe(exc, what=what))
        raise Exit(exit_code(exc)) from exc
    except Refusal as exc:  # core's own checks, made before anything was sent
        raise click.UsageError(visible(exc.detail)) from exc
    except ProxyUnusable as exc:
        raise click.UsageError(visible(str(exc))) from exc
    except (NoServer, TokensUnusable, UnsafeLine) as exc:
        complain(str(exc))
        raise Exit(EXIT_USAGE) from exc
    except KeyboardInterrupt as exc:
        if os.isatty(2):
            say("")  # behind the ^C that the terminal has shown
        raise Exit(EXIT_INTERRUPTED) from exc
    except InputFailed as exc:
        complain(str(exc))
        raise Exit(EXIT_USAGE) from exc
    except OutputFailed as exc:
        raise Exit(output_code(exc, str(exc))) from exc


def describe(error: ClientError, key: str | None = None, *, what: str = "the room") -> str:
    """One line about an error, with what to do next; `key` is what to give as --key, if not the key of the message."""
    if isinstance(error, SignedOut):
        return _signed_out(error)
    if isinstance(error, OutcomeUnknown) and error.key is not None:
        key = error.key if key is None else key
        return f"it is unknown whether the message was stored ({error}); send it again with --key {key}"
    if isinstance(error, Refused):
        how = ": `parlour login` signs in" if error.code == "login_required" else ""
        return f"refused: {error} ({error.code}){how}"
    return f"cannot reach {what}: {error}"


def _signed_out(error: SignedOut) -> str:
    server = error.server
    if os.environ.get(TOKEN_ENV):
        return f"the token in {TOKEN_ENV} has ended, or is none of {server} ({error.code})"
    return (
        f"your sign-in to {server} has ended ({error.code}): `parlour login {server}` signs in again, "
        f"`parlour logout {server}` goes on as a guest"
    )


def fail(code: int, text: str) -> NoReturn:
    """Say why, and end the command with this code."""
    complain(text)
    raise Exit(code)
