"""Clients that ask for much and read next to nothing: as many as descriptors allow, none of them a task."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from tests.fault.crowd import EVENT
from tests.fault.transports import STREAMS, Stream
from tests.support import raw

MSS = 536
RECEIVE_BYTES = 2304
"""What a narrow line looks like to the server: its own kernel takes some tens of kilobytes for it, not megabytes."""

TRICKLE_BYTES = 10
"""Bytes that half of the clients read each second; the others read nothing."""


class Way(NamedTuple):
    """One way to ask for a whole room."""

    name: str
    request: Callable[[str, str], bytes]


def stream_way(stream: Stream) -> Way:
    """A stream from the beginning."""
    return Way(stream.name, lambda room, epoch: stream.request(room, epoch, 0))


STREAM_WAYS = tuple(stream_way(stream) for stream in STREAMS)
PAGE_WAYS = (
    Way("long-poll", lambda room, epoch: raw.head("GET", f"/{room}?format=json&wait=55&limit=200&since={epoch}.0")),
    Way("page", lambda room, epoch: raw.head("GET", f"/{room}?format=ndjson&limit=200")),
)


class SlowClient:
    """One connection. `asked_s` is when it asked, `closed_s` when the server closed it, on a monotonic clock."""

    __slots__ = ("asked_s", "closed_s", "data", "is_trickling", "sock", "way")

    def __init__(self, port: int, room: str, epoch: str, way: Way, is_trickling: bool) -> None:
        self.way = way
        self.is_trickling = is_trickling
        self.data = b""
        self.closed_s = 0.0
        self.sock = socket.socket()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, MSS)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        self.sock.settimeout(60)
        self.sock.connect(("127.0.0.1", port))
        self.sock.setblocking(False)
        self.asked_s = time.monotonic()
        self.sock.send(way.request(room, epoch))

    def trickle(self, size: int = TRICKLE_BYTES) -> None:
        """Read a little of what is there."""
        with suppress(OSError):
            self.data += self.sock.recv(size)

    @property
    def cursor(self) -> int:
        """The last event that came as a whole. Raises AssertionError if one before it is missing."""
        seqs = [int(match[1]) for match in EVENT.finditer(self.data)]
        assert seqs == list(range(1, len(seqs) + 1)), seqs[:10]
        return len(seqs)


class SlowClients:
    """As many slow clients of every way; half of each read a trickle."""

    def __init__(self, port: int, room: str, epoch: str, ways: Sequence[Way], count: int) -> None:
        kinds = len(ways)
        self.clients = [SlowClient(port, room, epoch, ways[n % kinds], n // kinds % 2 == 1) for n in range(count)]
        self._by_descriptor = {client.sock.fileno(): client for client in self.clients}
        self._poller = select.epoll()
        for descriptor in self._by_descriptor:
            self._poller.register(descriptor, select.EPOLLRDHUP)
        self._trickled = 0.0

    @property
    def connected(self) -> int:
        """How many the server still serves."""
        return sum(not client.closed_s for client in self.clients)

    def look(self) -> None:
        """Note which connections the server has closed; let half of the others read once a second."""
        now = time.monotonic()
        for descriptor, _ in self._poller.poll(0, len(self.clients)):
            self._close(self._by_descriptor[descriptor], now)
        if now - self._trickled >= 1.0:
            self._trickled = now
            for client in self.clients:
                if not client.closed_s and client.is_trickling:
                    client.trickle()

    def _close(self, client: SlowClient, now: float) -> None:
        client.closed_s = now
        self._poller.unregister(client.sock)
        client.trickle(1 << 16)
        client.sock.close()

    def close(self) -> None:
        """Close what is left."""
        for client in self.clients:
            client.sock.close()
        self._poller.close()
