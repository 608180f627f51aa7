"""The operator's socket: a Unix socket in the data directory; who may connect there runs the server."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from parlour.log import WARNING, event
from parlour.net.listener import Listener, ListenError, open_unix

_log = logging.getLogger("parlour")

NAME = "operator.sock"
MODE = 0o600
"""The file is the key: only the user who owns the data directory can open it."""

_MAX_PATH_BYTES = 103
"""What fits into the address of a socket on Linux (107) and macOS (103), see unix(7)."""


def open_operator_socket(directory: Path) -> Listener:
    """Listen in a data directory that this process has locked. Raises ListenError and OSError."""
    with reachable(directory) as address:
        return open_unix(str(directory / NAME), address, MODE)


def operator_socket(directory: Path) -> Listener | None:
    """The same; None, with a log line, if the directory can have none."""
    try:
        return open_operator_socket(directory)
    except (ListenError, OSError) as error:
        event(_log, "no_operator_socket", WARNING, reason=error, meaning="`parlour rooms` cannot tell this server")
        return None


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
