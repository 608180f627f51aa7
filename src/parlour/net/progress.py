"""Looks now and then whether a peer takes what was written for it: one that takes nothing is cut off."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from parlour.net.kernel import untaken

if TYPE_CHECKING:
    from parlour.net.connection import Connection

LINGER_S = 2
"""After the last answer the peer gets this long to read it and close, before the connection is cut."""


def left(connection: Connection) -> int:
    """Bytes that were answered and that the peer does not have."""
    return untaken(connection.transport) + (0 if connection.large is None else connection.large.left)


def watch(connection: Connection) -> None:
    """Have it looked at after a while, by `check`."""
    connection.untaken_then = left(connection)
    connection.server.wheel.set(connection, connection.server.limits.stalled_s)


def look_soon(connection: Connection) -> None:
    """At the end the first look comes early, for a peer that has everything: it may just never close."""
    connection.untaken_then = sys.maxsize  # for another it is too early
    connection.server.wheel.set(connection, LINGER_S)


def check(connection: Connection) -> None:
    """The peer has an answer to read: cut it off when it took nothing since the last look."""
    transport = connection.transport
    bytes_left = left(connection)
    if 0 < bytes_left < connection.untaken_then:
        watch(connection)
    elif bytes_left:
        connection.abort()
    elif transport.is_closing():  # TLS: the peer says nothing to our close
        transport.abort()  # no reset: what the kernel has, it may still deliver
    else:
        watch(connection)
        transport.close()
