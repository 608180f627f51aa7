"""`parlour move`: everything that is stored, from a data directory to PostgreSQL or back."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click

from parlour.cli.data import CANNOT_OPEN, DAMAGED, checked_address
from parlour.cli.streams import say, write_line
from parlour.clock import SystemIds
from parlour.store.errors import Damaged, StoreError
from parlour.store.moving.marks import MOVED
from parlour.store.moving.move import Moved
from parlour.store.moving.move import move as moving
from parlour.store.moving.places import open_source, open_target

SHOW_EVERY_S = 0.2
TELL_EVERY_S = 10.0
"""How often is said how far it is, on a terminal and where nobody watches."""


@click.command("move")
@click.option("--from", "source", metavar="PLACE", required=True, help="A data directory, or postgresql://…")
@click.option("--to", "target", metavar="PLACE", help="Where to: an empty directory or database, or one to be made.")
@click.option("--undo", is_flag=True, help="Let what was moved away be served again, as it was then.")
def move(source: str, target: str | None, undo: bool) -> int:
    """Move everything that is stored to another place: from a data directory to PostgreSQL, or back.

    No server may run at either place. Rooms, accounts, keys and cursors stay what they are, and clients notice
    nothing but the pause. Each row is compared at the end; from then on no server starts at the place it was moved
    from. If the command is interrupted, give it again: it goes on from there. A password for PostgreSQL comes from
    PGPASSWORD or ~/.pgpass.

    Exit code: 0 done, 1 the data is damaged, 2 it could not be moved, 6 the report cannot be written.
    """
    if undo is (target is not None):
        raise click.UsageError("--from needs one of --to and --undo.")
    places = [_place(source, "--from"), *([] if target is None else [_place(target, "--to")])]
    if len(set(places)) < len(places):
        raise click.UsageError("--from and --to are the same place.")
    try:
        if target is None:
            asyncio.run(_undo(places[0]))
            write_line(f"{places[0]} can be served again; another epoch has begun there")
        else:
            begun = time.monotonic()
            moved = asyncio.run(_move(*places))
            write_line(_summary(moved, time.monotonic() - begun))
    except StoreError as error:
        say(f"error: {error}")
        return DAMAGED if isinstance(error, Damaged) else CANNOT_OPEN
    return 0


def _place(text: str, option: str) -> str:
    """The absolute path of a directory, or an address. Raises click.UsageError."""
    return checked_address(text, option) if "://" in text else str(Path(text).expanduser().resolve())


async def _move(source: str, target: str) -> Moved:
    try:
        async with open_source(source, SystemIds()) as left, open_target(target) as right:
            return await moving(left, right, SystemIds(), _progress())
    finally:
        if _is_watched():
            _show("")


async def _undo(source: str) -> None:
    async with open_source(source, SystemIds()) as place:
        if MOVED not in await place.meta():
            raise StoreError(f"What is at {source} was not moved away: start the server.")
        await place.begin_epoch(SystemIds())


def _summary(moved: Moved, seconds: float) -> str:
    accounts, others = moved.rows["accounts"], sum(moved.rows.values())
    each = round(moved.events / max(seconds, 0.001))
    return (
        f"moved: {moved.rooms} rooms, {moved.events} events, {accounts} accounts, epoch {moved.epoch};"
        f" all {others} rows are equal and all checksums right; {seconds:.1f} s, {each} events/s"
    )


def _show(text: str) -> None:
    """Put a text in the place of the last one, on the terminal."""
    with suppress(OSError, ValueError):  # a terminal that is gone is no reason to stop
        print(f"{text:60}", end="\r", file=sys.stderr, flush=True)


def _is_watched() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _progress() -> Callable[[str, int, int], None]:
    """Tells a person who watches how far it is, and a log sometimes."""
    is_watched = _is_watched()
    told, last = time.monotonic(), ""

    def progress(work: str, done: int, total: int) -> None:
        nonlocal told, last
        is_other = is_watched and work != last
        if not is_other and time.monotonic() - told < (SHOW_EVERY_S if is_watched else TELL_EVERY_S):
            return
        told, last = time.monotonic(), work
        text = f"{work}: {100 * done // max(total, 1)} %, {done} of {total} events"
        if is_watched:
            _show(text)
        else:
            say(text)

    return progress
