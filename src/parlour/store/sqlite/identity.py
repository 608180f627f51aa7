"""Keeps the identity of a database in it, with a checksum: another secret would make every guest somebody else."""

from __future__ import annotations

from typing import NamedTuple
from zlib import crc32

import apsw

from parlour.chat.ports import Ids
from parlour.store.errors import Damaged
from parlour.store.rules import new_identity
from parlour.store.sqlite import statements as sql

_NAMES = ("epoch", "secret", "seed")
_CHECKSUM = "identity"


class Kept(NamedTuple):
    """The identity of a database. `seed` is what the checksums of its events start from: its first epoch."""

    epoch: str
    secret: bytes
    seed: str


def identity_of(connection: apsw.Connection, ids: Ids) -> Kept:
    """The identity; made if there is none. Raises Damaged, apsw.Error."""
    with connection:
        if all(_value(connection, name) is None for name in _NAMES):
            epoch, secret = new_identity(ids)
            write_identity(connection, Kept(epoch, secret, epoch))
        found = read_identity(connection)
        if found is not None and _value(connection, _CHECKSUM) is None:
            write_identity(connection, found)  # it was made before there were checksums
    if found is None:
        raise Damaged(f"{connection.filename} has lost its epoch or its secret: restore a backup.")
    return found


def begin_epoch(connection: apsw.Connection, found: Kept, ids: Ids) -> Kept:
    """Give the data another epoch, durably; the guests stay who they are. Raises apsw.Error."""
    epoch, _ = new_identity(ids)
    kept = found._replace(epoch=epoch)
    with connection:
        write_identity(connection, kept)
    return kept


def read_identity(connection: apsw.Connection) -> Kept | None:
    """The identity; None if it is not there, or not what it was. Raises apsw.Error."""
    epoch, secret, seed = (_value(connection, name) for name in _NAMES)
    if not (isinstance(epoch, str) and isinstance(secret, bytes) and isinstance(seed, str)):
        return None
    found = Kept(epoch, secret, seed)
    return found if _value(connection, _CHECKSUM) in (None, _checksum(found)) else None


def _value(connection: apsw.Connection, name: str) -> object:
    return connection.execute(sql.GET_META, (name,)).get


def write_identity(connection: apsw.Connection, kept: Kept) -> None:
    """Store an identity with its checksum, within a transaction. Raises apsw.Error."""
    for name, value in (*zip(_NAMES, kept, strict=True), (_CHECKSUM, _checksum(kept))):
        connection.execute(sql.SET_META, (name, value))


def _checksum(kept: Kept) -> int:
    seed = "" if kept.seed == kept.epoch else kept.seed  # as before there was a seed: the first epoch was both
    return crc32(seed.encode(), crc32(kept.secret, crc32(kept.epoch.encode())))
