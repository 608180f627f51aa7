"""What the client commands share: exit codes, and how every error becomes one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import click
from click.exceptions import Exit

from parlour.cli import light_httpx  # noqa: F401 (before httpx)
from parlour.cli.streams import EXIT_INTERRUPTED, InputFailed, OutputFailed, complain, output_code, say
from parlour.client import ClientError, OutcomeUnknown, ProxyUnusable, Refused, Room, parse_room
from parlour.client.transport import check_token
from parlour.core.errors import Refusal
from parlour.core.text import visible

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_UNKNOWN = 4
EXIT_GAP = 5

TOKEN_ENV = "PARLOUR_TOKEN"  # noqa: S105 (a name, not a secret)

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


def token() -> str | None:
    """The secret to authenticate with: from the environment, because arguments can be read by every process."""
    value = os.environ.get(TOKEN_ENV)
    try:
        return check_token(value) if value else None
    except ValueError as exc:
        raise click.UsageError(f"{TOKEN_ENV}: {exc}") from exc


def exit_code(error: ClientError) -> int:
    """The code for an error of the client library."""
    if isinstance(error, OutcomeUnknown) and error.key is not None:
        return EXIT_UNKNOWN
    return EXIT_REFUSED if isinstance(error, Refused) else EXIT_UNREACHABLE


@contextmanager
def endings() -> Iterator[None]:
    """Turn every way in which a client command can fail into a word on standard error and an exit code.

    A closed pipe is no failure: whoever reads has seen enough.
    """
    try:
        yield
    except ClientError as exc:
        complain(describe(exc))
        raise Exit(exit_code(exc)) from exc
    except Refusal as exc:  # core's own checks, made before anything was sent
        raise click.UsageError(visible(exc.detail)) from exc
    except ProxyUnusable as exc:
        raise click.UsageError(visible(str(exc))) from exc
    except KeyboardInterrupt as exc:
        if os.isatty(2):
            say("")  # behind the ^C that the terminal has shown
        raise Exit(EXIT_INTERRUPTED) from exc
    except InputFailed as exc:
        complain(str(exc))
        raise Exit(EXIT_USAGE) from exc
    except OutputFailed as exc:
        raise Exit(output_code(exc, str(exc))) from exc


def describe(error: ClientError, key: str | None = None) -> str:
    """One line about an error, with what to do next; `key` is what to give as --key, if not the key of the message."""
    if isinstance(error, OutcomeUnknown) and error.key is not None:
        key = error.key if key is None else key
        return f"it is unknown whether the message was stored ({error}); send it again with --key {key}"
    if isinstance(error, Refused):
        return f"refused: {error} ({error.code})"
    return f"cannot reach the room: {error}"


def fail(code: int, text: str) -> NoReturn:
    """Say why, and end the command with this code."""
    complain(text)
    raise Exit(code)
