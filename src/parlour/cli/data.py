"""What the commands on stored data share: the option that names its directory, exit codes, and how far a copy is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click

DAMAGED = 1
CANNOT_OPEN = 2


def data_option(help: str = "The data directory.") -> Callable[[Callable[..., int]], Callable[..., int]]:  # noqa: A002
    """The option `--data`, which the command is given as `directory`."""
    kind = click.Path(path_type=Path, file_okay=False)
    return click.option("--data", "directory", type=kind, default=Path("parlour-data"), show_default=True, help=help)


def show_progress(left: int, pages: int) -> None:
    """Tell a person who watches how many per cent are done; a mail of cron gets none of it."""
    with suppress(OSError, ValueError):  # a terminal that is gone is no reason to stop
        if sys.stderr.isatty():
            percent = f"\r{100 * (pages - left) // max(pages, 1):3} %" if left else "\r     \r"
            print(percent, end="", file=sys.stderr, flush=True)
