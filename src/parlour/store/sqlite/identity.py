"""Keeps the identity of a database in it, with a checksum: another secret would make every guest somebody else."""

from __future__ import annotations

from zlib import crc32

import apsw

from parlour.chat.ports import Ids
from parlour.store.identity import Identity, new_identity
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.errors import Damaged

_NAMES = ("epoch", "secret")
_CHECKSUM = "identity"


def identity_of(connection: apsw.Connection, ids: Ids) -> Identity:
    """The identity; made if there is none. Raises Damaged, apsw.Error."""
    with connection:
        if all(connection.execute(sql.GET_META, (name,)).get is None for name in _NAMES):
            for name, value in zip(_NAMES, new_identity(ids), strict=True):
                connection.execute(sql.SET_META, (name, value))
        found = _read(connection)
        if found is not None and connection.execute(sql.GET_META, (_CHECKSUM,)).get is None:
            connection.execute(sql.SET_META, (_CHECKSUM, _checksum(found)))  # it was made before there were checksums
    if found is None or not is_identity(connection):
        raise Damaged(f"{connection.filename} has lost its epoch or its secret: restore a backup.")
    return found


def is_identity(connection: apsw.Connection) -> bool:
    """Whether the identity is there, and what it was. Raises apsw.Error."""
    found = _read(connection)
    expected = connection.execute(sql.GET_META, (_CHECKSUM,)).get
    return found is not None and expected in (None, _checksum(found))


def _read(connection: apsw.Connection) -> Identity | None:
    epoch, secret = (connection.execute(sql.GET_META, (name,)).get for name in _NAMES)
    return Identity(epoch, secret) if isinstance(epoch, str) and isinstance(secret, bytes) else None


def _checksum(identity: Identity) -> int:
    return crc32(identity.secret, crc32(identity.epoch.encode()))
