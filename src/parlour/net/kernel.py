"""Calls on sockets that asyncio has no method for: bytes not yet sent or read, and closing with a reset."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from contextlib import suppress
from fcntl import ioctl
from termios import FIONREAD, TIOCOUTQ

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time (socket(7))."""


def untaken(transport: asyncio.Transport) -> int:
    """Bytes written that the peer does not have.

    Over TLS the kernel is asked too: the transport hides what it holds below.
    """
    buffered = transport.get_write_buffer_size()
    return buffered if transport.can_write_eof() else buffered + _asked(transport, TIOCOUTQ)


def unread(transport: asyncio.Transport) -> int:
    """Bytes that the peer has sent and that nobody has read, while reading is paused."""
    return _asked(transport, FIONREAD)


def _asked(transport: asyncio.Transport, request: int) -> int:
    """A number of bytes that the kernel has of this connection (tcp(7)); 0 once its socket is closed.

    Over TLS a protocol object hears of the loss a turn after its transport has lost the socket.
    """
    sock = transport.get_extra_info("socket")
    if sock is None:
        return 0
    with suppress(OSError, ValueError):
        return int.from_bytes(ioctl(sock.fileno(), request, bytes(4)), sys.byteorder)
    return 0


def cut(transport: asyncio.Transport) -> None:
    """Close now, with a reset: else the kernel would go on offering what the peer does not take, for minutes."""
    sock = transport.get_extra_info("socket")
    if sock is not None and not transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
