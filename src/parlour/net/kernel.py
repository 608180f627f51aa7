"""What only the kernel knows or does about a connection: bytes on their way out and in, an abrupt end."""

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
    if not transport.can_write_eof():
        with suppress(OSError, ValueError):  # of a socket that is closed already
            answer = ioctl(transport.get_extra_info("socket").fileno(), TIOCOUTQ, bytes(4))
            buffered += int.from_bytes(answer, sys.byteorder)
    return buffered


def unread(transport: asyncio.Transport) -> int:
    """Bytes that the peer has sent and that nobody has read, while reading is paused."""
    with suppress(OSError):
        answer = ioctl(transport.get_extra_info("socket").fileno(), FIONREAD, bytes(4))
        return int.from_bytes(answer, sys.byteorder)
    return 0


def cut(transport: asyncio.Transport) -> None:
    """Close now, with a reset: else the kernel would go on offering what the peer does not take, for minutes."""
    sock = transport.get_extra_info("socket")
    if sock is not None and not transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
