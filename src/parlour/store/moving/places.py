"""Opens the two ends of a move: a place is the path of a directory, or the address of a PostgreSQL database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from parlour.chat.ports import Ids
from parlour.store.moving.endpoint import Endpoint
from parlour.store.sqlite import moving as in_sqlite


@asynccontextmanager
async def open_source(place: str, ids: Ids) -> AsyncIterator[Endpoint]:
    """Hold the data at a place. Raises StoreError if there is none, or servers use it."""
    if "://" not in place:
        with in_sqlite.open_source(Path(place), ids) as endpoint:
            yield endpoint
    else:
        from parlour.store.postgres import moving as in_postgres  # here: its library is for those who use it

        async with in_postgres.open_source(place, ids) as database:
            yield database


@asynccontextmanager
async def open_target(place: str) -> AsyncIterator[Endpoint]:
    """Hold a place that is empty, or has what a move has left. Raises StoreError."""
    if "://" not in place:
        with in_sqlite.open_target(Path(place)) as endpoint:
            yield endpoint
    else:
        from parlour.store.postgres import moving as in_postgres  # here: its library is for those who use it

        async with in_postgres.open_target(place) as database:
            yield database
