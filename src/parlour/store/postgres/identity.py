"""Keeps the identity of a database in it, and where it lives: elsewhere it is a copy, and its cursors another's."""

from __future__ import annotations

import logging
from typing import NamedTuple
from zlib import crc32

from asyncpg import Connection

from parlour import log
from parlour.chat.ports import Ids
from parlour.store.errors import Damaged
from parlour.store.postgres import statements as sql
from parlour.store.rules import new_identity

_log = logging.getLogger("parlour.store")

_PLACE = """
SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
  left(pg_walfile_name(pg_current_wal_lsn()), 8), (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
"""The cluster, its timeline and the database in it. A restored dump has another cluster or database, a restored base
backup another timeline, and so has a replica that took over: each may lack what came last."""


class Kept(NamedTuple):
    """The identity of a database. `seed` is what the checksums of its events start from: its first epoch.

    `offset` is added to the number of a transaction for its position, so that positions grow in a copy too.
    """

    epoch: str
    secret: bytes
    seed: str
    offset: int


async def identity_of(connection: Connection, ids: Ids) -> Kept:
    """The identity, made if there is none; with a new epoch in a copy. Within a transaction that holds the gate.

    Raises Damaged, asyncpg.PostgresError.
    """
    place = await place_of(connection)
    values = await _values_of(connection)
    if not values and not await connection.fetchval("SELECT EXISTS (SELECT FROM rooms)"):
        epoch, secret = new_identity(ids)
        kept = Kept(epoch, secret, epoch, 0)
    else:
        kept = _read(values)
        if values.get("place") != place:
            log.event(_log, "new_epoch", log.WARNING, meaning="the database is a copy, or a replica that took over")
            kept = kept._replace(epoch=new_identity(ids)[0])
    row = await connection.fetchrow(sql.NEWEST_POSITION)
    assert row is not None
    newest, number = row
    if newest >= number + kept.offset:
        kept = kept._replace(offset=newest - number + 1)
    if _read_or_none(values) != kept or values.get("place") != place:
        await write_identity(connection, kept, place)
    return kept


async def place_of(connection: Connection) -> str:
    """Where the database lives. Raises asyncpg.PostgresError."""
    place: str = await connection.fetchval(_PLACE)
    return place


async def write_identity(connection: Connection, kept: Kept, place: str) -> None:
    """Store an identity with its checksum, and where that is its own. Within a transaction that holds the gate."""
    for name, value in {**_values(kept), "place": place, "identity": str(_checksum(kept))}.items():
        await connection.execute(sql.SET_META, name, value)


async def read_identity(connection: Connection) -> Kept:
    """The identity as it is. Raises Damaged, asyncpg.PostgresError."""
    return _read(await _values_of(connection))


async def _values_of(connection: Connection) -> dict[str, str]:
    return {row[0]: row[1] for row in await connection.fetch(sql.GET_META)}


def _read(values: dict[str, str]) -> Kept:
    kept = _read_or_none(values)
    if kept is not None:
        return kept
    raise Damaged("The database has lost its epoch or its secret: restore a backup.")


def _read_or_none(values: dict[str, str]) -> Kept | None:
    try:
        kept = Kept(values["epoch"], bytes.fromhex(values["secret"]), values["seed"], int(values["offset"]))
    except (KeyError, ValueError):
        return None
    return kept if values.get("identity") == str(_checksum(kept)) else None


def _values(kept: Kept) -> dict[str, str]:
    return {"epoch": kept.epoch, "secret": kept.secret.hex(), "seed": kept.seed, "offset": str(kept.offset)}


def _checksum(kept: Kept) -> int:
    return crc32("/".join(_values(kept).values()).encode())
