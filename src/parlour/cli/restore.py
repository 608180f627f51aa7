"""`parlour restore`: a backup into a new data directory."""

from __future__ import annotations

from pathlib import Path

import click

from parlour.cli.data import CANNOT_OPEN, DAMAGED, data_option, show_progress
from parlour.cli.streams import say, write_line
from parlour.store.errors import Damaged, StoreError
from parlour.store.sqlite import backup as copies


@click.command("restore")
@click.argument("src", type=click.Path(path_type=Path))
@data_option("The data directory to make; it may exist and be empty.")
def restore(src: Path, directory: Path) -> int:
    """Put the backup SRC into a new data directory, checked like `parlour check` does.

    The first start there begins a new epoch: readers are told that the numbers they know are not to be relied on.
    Exit code: 0 done, 1 the backup is damaged, 2 it could not be put there; then nothing is there.
    """
    try:
        report = copies.restore(src, directory, show_progress)
    except StoreError as error:
        say(f"error: {error}")
        return DAMAGED if isinstance(error, Damaged) else CANNOT_OPEN
    write_line(f"{directory}: {report.rooms} rooms, {report.events} events; the first start begins a new epoch")
    return 0
