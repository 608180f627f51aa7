"""The operator's socket: a Unix socket in the data directory; who may connect there runs the server.

The file is the key: only the user who owns the data directory can open it (mode 0600 in a directory of mode 0700).
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from parlour.http.request import OPERATOR_ADDRESS
from parlour.net.http import HttpConnection
from parlour.net.listener import BACKLOG, Listener, ListenError
from parlour.net.server import Server

NAME = "operator.sock"
MODE = 0o600

_MAX_PATH_BYTES = 103
"""What fits into the address of a socket on Linux (107) and macOS (103), see unix(7)."""


def open_operator_socket(directory: Path) -> Listener:
    """Listen in a data directory that this process holds: what lies there was left by a dead server.

    Raises ListenError.
    """
    path = directory / NAME
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISSOCK(path.lstat().st_mode):
                raise ListenError(f"{path} exists and is not a socket: remove it.")
            path.unlink()
        before = os.umask(0o777 & ~MODE)  # not chmod afterwards: there would be a moment of too much
        try:
            with reachable(directory) as address:
                sock.bind(address)
        finally:
            os.umask(before)
        sock.listen(BACKLOG)
        sock.setblocking(False)
        found = path.lstat()
    except OSError as error:
        sock.close()
        raise ListenError(f"Cannot listen on {path}: {error.strerror}.") from error
    except ListenError:
        sock.close()
        raise
    return Listener(sock, str(path), (found.st_dev, found.st_ino))


def operator_connection(server: Server) -> HttpConnection:
    """The protocol of a new connection: one that is counted for no limit, and whose peer is the operator."""
    connection = HttpConnection(server)
    connection.address = OPERATOR_ADDRESS
    return connection


@contextlib.contextmanager
def reachable(directory: Path) -> Iterator[str]:
    """A path of the operator's socket that fits into an address, however long that of the directory is.

    It may go through a descriptor (proc(5)), and is good for as long as the context lasts. Raises OSError.
    """
    path = str(directory / NAME)
    if len(os.fsencode(path)) <= _MAX_PATH_BYTES:
        yield path
        return
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)
