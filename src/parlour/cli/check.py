"""`parlour check`: says whether the stored logs are whole; for people, backups and monitoring."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
import msgspec

from parlour.cli.data import CANNOT_OPEN, DAMAGED, checked_address, data_option
from parlour.cli.streams import say, write_line
from parlour.store.check import Report
from parlour.store.errors import StoreError
from parlour.store.sqlite import check as in_directory


@click.command("check")
@data_option()
@click.option("--store", metavar="URL", help="A PostgreSQL database in place of the data directory.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
def check(directory: Path, store: str | None, as_json: bool) -> int:
    """Verify every stored event, also while the server runs.

    Looks at the structure of the database, the numbering of every room and the checksum of every event.
    A password for PostgreSQL comes from PGPASSWORD or ~/.pgpass.
    Exit code: 0 all is well, 1 something is damaged (each problem is one line), 2 there is nothing to check,
    6 the report cannot be written.
    """
    try:
        if store is None or store == "sqlite":
            report = in_directory.check(directory)
        else:
            report = asyncio.run(_in_postgres(checked_address(store, "--store")))
    except StoreError as error:
        say(f"error: {error}")
        return CANNOT_OPEN
    write_line(_json(report) if as_json else _text(report))
    return 0 if report.is_ok else DAMAGED


async def _in_postgres(url: str) -> Report:
    from parlour.store.postgres.check import check as in_postgres  # here: its library is for those who use it

    return await in_postgres(url)


def _text(report: Report) -> str:
    lines = [
        f"{report.database}: {report.rooms} rooms, {report.events} events",
        f"epoch {report.epoch}, schema {report.schema}",
        ", ".join(f"{name} {value}" for name, value in report.facts.items()),
        *(f"damaged: {problem}" for problem in report.problems),
        "ok" if report.is_ok else f"{len(report.problems)} problems",
    ]
    return "\n".join(lines)


def _json(report: Report) -> str:
    problems = [problem._asdict() for problem in report.problems]
    fields = msgspec.to_builtins(report) | {"problems": problems}
    return msgspec.json.encode({"ok": report.is_ok, **fields}).decode()
