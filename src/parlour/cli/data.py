"""What the commands on stored data have in common: the option that names its directory, and two exit codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

DAMAGED = 1
CANNOT_OPEN = 2


def data_option(help: str = "The data directory.") -> Callable[[Callable[..., int]], Callable[..., int]]:  # noqa: A002
    """The option `--data`, which the command is given as `directory`."""
    return click.option(
        "--data",
        "directory",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("parlour-data"),
        show_default=True,
        help=help,
    )
