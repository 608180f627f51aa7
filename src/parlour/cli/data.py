"""Helpers of the commands on stored data: how it is named, exit codes, and how far a copy is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click

from parlour.core.store_address import has_password, is_store_address, without_password

DAMAGED = 1
CANNOT_OPEN = 2


def data_option(help: str = "The data directory.") -> Callable[[Callable[..., int]], Callable[..., int]]:  # noqa: A002
    """The option `--data`, which the command is given as `directory`."""
    kind = click.Path(path_type=Path, file_okay=False)
    return click.option("--data", "directory", type=kind, default=Path("parlour-data"), show_default=True, help=help)


def checked_address(value: str, option: str) -> str:
    """Check the address of a database that stands on the command line. Raises click.UsageError."""
    if has_password(value):
        raise click.UsageError(
            f"{option}: everybody on this machine can read the password there: give it as PGPASSWORD, or in ~/.pgpass."
        )
    if not is_store_address(value):
        shown = without_password(value)
        raise click.UsageError(f"{option}: expected postgresql://USER@HOST/DATABASE, not {shown!r}.")
    return value


def show_progress(left: int, pages: int) -> None:
    """Tell a person who watches how many per cent are done; a mail of cron gets none of it."""
    with suppress(OSError, ValueError):  # a terminal that is gone is no reason to stop
        if sys.stderr.isatty():
            percent = f"\r{100 * (pages - left) // max(pages, 1):3} %" if left else "\r     \r"
            print(percent, end="", file=sys.stderr, flush=True)
