"""`parlour backup`: one checked file out of a data directory, while its server runs or when it does not."""

from __future__ import annotations

from pathlib import Path

import click

from parlour.cli.data import CANNOT_OPEN, DAMAGED, data_option, show_progress
from parlour.cli.streams import say, write_line
from parlour.store.errors import Damaged, StoreError
from parlour.store.sqlite.backup import back_up


@click.command("backup")
@click.argument("dest", type=click.Path(path_type=Path))
@data_option()
def backup(dest: Path, directory: Path) -> int:
    """Copy the stored data into the file DEST, also while the server runs.

    The copy is of one moment, is checked like `parlour check` does, and gets its name when it is whole and on the disk.
    Exit code: 0 done, 1 the data is damaged, 2 it could not be copied; then there is no DEST.
    """
    try:
        report = back_up(directory, dest, show_progress)
    except StoreError as error:
        say(f"error: {error}")
        return DAMAGED if isinstance(error, Damaged) else CANNOT_OPEN
    write_line(f"{dest}: {report.rooms} rooms, {report.events} events, epoch {report.epoch}")
    return 0
