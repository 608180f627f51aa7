"""Keeps the identity of a database in it, with a checksum: another secret would make every guest somebody else."""

from __future__ import annotations

from typing import NamedTuple
from zlib import crc32

import apsw

from parlour.chat.ports import Ids
from parlour.store.identity import new_identity
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.errors import Damaged

_NAMES = ("epoch", "secret", "seed")
_CHECKSUM = "identity"


class Kept(NamedTuple):
    """What a database is known by. `seed` is what the checksums of its events start from: its first epoch."""

    epoch: str
    secret: bytes
    seed: str


def identity_of(connection: apsw.Connection, ids: Ids) -> Kept:
    """The identity; made if there is none. Raises Damaged, apsw.Error."""
    with connection:
        if all(connection.execute(sql.GET_META, (name,)).get is None for name in _NAMES):
            epoch, secret = new_identity(ids)
            _write(connection, Kept(epoch, secret, epoch))
        found = _read(connection)
        if found is not None and connection.execute(sql.GET_META, (_CHECKSUM,)).get is None:
            _write(connection, found)  # it was made before there were checksums
    if found is None or not is_identity(connection):
        raise Damaged(f"{connection.filename} has lost its epoch or its secret: restore a backup.")
    return found


def begin_epoch(connection: apsw.Connection, found: Kept, ids: Ids) -> Kept:
    """Give the data another epoch, durably; the guests stay who they are. Raises apsw.Error."""
    epoch, _ = new_identity(ids)
    kept = found._replace(epoch=epoch)
    with connection:
        _write(connection, kept)
    return kept


def is_identity(connection: apsw.Connection) -> bool:
    """Whether the identity is there, and what it was. Raises apsw.Error."""
    found = _read(connection)
    expected = connection.execute(sql.GET_META, (_CHECKSUM,)).get
    return found is not None and expected in (None, _checksum(found))


def seed_of(connection: apsw.Connection) -> str:
    """What checksums start from. Raises apsw.Error."""
    return str(connection.execute(sql.GET_META, ("seed",)).get)


def _read(connection: apsw.Connection) -> Kept | None:
    epoch, secret, seed = (connection.execute(sql.GET_META, (name,)).get for name in _NAMES)
    is_whole = isinstance(epoch, str) and isinstance(secret, bytes) and isinstance(seed, str)
    return Kept(epoch, secret, seed) if is_whole else None


def _write(connection: apsw.Connection, kept: Kept) -> None:
    for name, value in (*zip(_NAMES, kept, strict=True), (_CHECKSUM, _checksum(kept))):
        connection.execute(sql.SET_META, (name, value))


def _checksum(kept: Kept) -> int:
    seed = "" if kept.seed == kept.epoch else kept.seed  # as before there was a seed: the first epoch was both
    return crc32(seed.encode(), crc32(kept.secret, crc32(kept.epoch.encode())))
