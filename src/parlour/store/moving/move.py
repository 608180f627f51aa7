"""Moves everything from a source to a target: copies it, compares every row, checks the target, lets it be served.

Whatever ends the command, the same command goes on from there: each table is copied in the order of its key, so what
the target has of it is its beginning. No server starts on a target that is not finished, nor on a source from the
moment before the target is.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import NamedTuple, TypeAlias, cast

from parlour.chat.ports import Ids
from parlour.store.errors import Damaged, StoreError
from parlour.store.moving.endpoint import Endpoint
from parlour.store.moving.marks import MARKS, MOVED, MOVING, UNFINISHED, Mark
from parlour.store.moving.tables import BODY, EVENTS, IDENTITY, Row, Table, refuse_other_tables

ROWS = 5000
BYTES = 4 << 20
"""What is stored in one transaction, about: a sync of the disk for each."""

Progress: TypeAlias = Callable[[str, int, int], None]
"""Is told what is done, with how many events so far, and of how many."""


class Moved(NamedTuple):
    """The rows at the target now, by table."""

    epoch: str
    rooms: int
    events: int
    rows: dict[str, int]


class Different(Damaged):
    """The copy is not what was copied."""


async def move(source: Endpoint, target: Endpoint, ids: Ids, progress: Progress) -> Moved:
    """Move, or go on with it. Raises StoreError; Damaged if events of the source are, or the copy is another."""
    tables = await source.tables()
    refuse_other_tables(tables, await target.tables())
    if unknown := sorted(set(await source.meta()) - IDENTITY - MARKS):
        raise StoreError(f"This version does not know how to move what {source.where} has in meta: {unknown[0]}.")
    move_id = await _begin(source, target, ids)
    total = await source.count_events()
    for table in tables.values():
        await _copy(source, target, table, total, progress)
    try:
        rows = {name: await _compare(source, target, table, total, progress) for name, table in tables.items()}
    except Different:
        await source.mark(None)
        raise
    progress("checking", total, total)
    report = await target.check()
    if not report.is_ok:
        raise Damaged(f"{source.where} is damaged: {report.problems[0]}. `parlour check` names all of it.")
    await source.mark(MOVED, str(Mark(move_id, target.where)))
    await target.finish()
    return Moved(report.epoch, report.rooms, report.events, rows)


async def _begin(source: Endpoint, target: Endpoint, ids: Ids) -> str:
    """Begin, or find out how to go on; gives the id of the move. Raises StoreError if the target has something else."""
    marks, others = await source.meta(), await target.meta()
    identity = await source.identity()
    there = Mark.read(others[UNFINISHED]) if UNFINISHED in others else None
    if MOVED in marks:
        moved = Mark.read(marks[MOVED])
        if there is None or there.id != moved.id:
            raise StoreError(f"What is at {source.where} was moved to {moved.place} already: start the server there.")
        return moved.id
    if there is None and not target.is_empty:
        raise StoreError(f"{target.where} is not empty: name another directory, or make another database (createdb).")
    if there is not None:
        if there.id == marks.get(MOVING):
            return there.id
        if (await target.identity()).seed != identity.seed:
            raise StoreError(
                f"{target.where} has a part of what is moved there from {there.place}: name another place."
            )
    move_id = ids.token()
    await source.mark(MOVING, move_id)
    await target.begin(identity, str(Mark(move_id, source.where)))
    return move_id


async def _copy(source: Endpoint, target: Endpoint, table: Table, total: int, progress: Progress) -> None:
    after = await target.newest(table)
    last = after[0] if table is EVENTS and after is not None else 0
    assert isinstance(last, int)
    done = await source.count_events(last) if last else 0
    rows: list[Row] = []
    size = 0

    async def store() -> None:
        nonlocal done, size
        await target.add(table, rows)
        if table is EVENTS:
            done += len(rows)
            progress("copying", done, total)
        rows.clear()
        size = 0

    async with aclosing(source.rows(table, after)) as found:
        async for some in found:
            rows += some
            if table is EVENTS:
                size += sum(len(cast(bytes, row[BODY])) for row in some)
            if len(rows) >= ROWS or size >= BYTES:
                await store()
    if rows:
        await store()


async def _compare(source: Endpoint, target: Endpoint, table: Table, total: int, progress: Progress) -> int:
    """Compare all rows of a table, and give their number. Raises Damaged."""
    count = 0
    async with aclosing(source.rows(table)) as left, aclosing(target.rows(table)) as right:
        own: Sequence[Row] = ()
        others: Sequence[Row] = ()
        while True:
            own = own or await _next(left)
            others = others or await _next(right)
            both = min(len(own), len(others))
            if own[:both] != others[:both] or (not both and (own or others)):
                different = next((row for row, other in zip(own, others, strict=False) if row != other), None)
                key = ", ".join(map(str, table.key_of(different or [*own, *others][0])))
                raise Different(
                    f"{target.where} has got something else than {source.where} has, in the table {table.name} at"
                    f" {key}: give the same command again, which begins from the start."
                )
            if not both:
                return count
            own, others, count = own[both:], others[both:], count + both
            if table is EVENTS:
                progress("comparing", count, total)


async def _next(rows: AsyncGenerator[Sequence[Row], None]) -> Sequence[Row]:
    """The next rows; none at the end."""
    async for some in rows:
        return some
    return ()
