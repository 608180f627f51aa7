"""Large answers: written piece by piece as the peer takes them, and counted, by client and in all, until it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parlour.core.addresses import AddressCounts
from parlour.core.errors import Refusal

if TYPE_CHECKING:
    from parlour.net.connection import Connection

PIECE = 32768
"""Bytes that are given to the transport at once: what it is not given it needs not hold, nor encrypt."""

CLIENT_BYTES = 16 * 1024 * 1024
"""What one address may leave waiting: twenty of a class behind it may ask for 1000 long messages each at once."""

ALL_BYTES = 128 * 1024 * 1024
"""What all may leave waiting: the memory of a small machine."""

RETRY_S = 5


class LargeAnswers:
    """Bytes of answers that wait for their readers. `of_client` is None where clients have no bounds of their own.

    One answer larger than a bound is let in where nothing else waits. All methods are called on the event loop.
    """

    __slots__ = ("_all", "_clients", "total")

    def __init__(self, of_client: int | None = CLIENT_BYTES, in_all: int = ALL_BYTES) -> None:
        self._clients = None if of_client is None else AddressCounts(of_client)
        self._all = in_all
        self.total = 0

    def write(self, connection: Connection, key: str, data: bytes) -> Refusal | None:
        """Write an answer to a client (`Peer.key`), as it takes it; or say why too much waits already."""
        size = len(data)
        if self.total and self.total + size > self._all:
            detail = "Too many answers wait to be read: ask for a smaller page, or later."
            return Refusal("overloaded", detail, retry_after=RETRY_S)
        if self._clients is not None and not self._clients.enter(key, size):
            detail = "Your address has not read its answers yet: read them, or ask for a smaller page."
            return Refusal("rate_limited", detail, retry_after=RETRY_S)
        self.total += size
        connection.large = LargeAnswer(self, key, data)
        connection.large.write_on(connection)
        return None

    def leave(self, key: str, size: int) -> None:
        """An answer waits no more."""
        self.total -= size
        if self._clients is not None:
            self._clients.leave(key, size)


class LargeAnswer:
    """One of them, while it is not all with the transport. Its connection is paused then, so it has one at a time."""

    __slots__ = ("_answers", "_data", "_key", "_next")

    def __init__(self, answers: LargeAnswers, key: str, data: bytes) -> None:
        self._answers = answers
        self._key = key
        self._data = data
        self._next = 0

    @property
    def left(self) -> int:
        """Bytes that the transport has not been given."""
        return len(self._data) - self._next

    def write_on(self, connection: Connection) -> None:
        """Write pieces until the connection is paused; behind the last one it may close, if it wanted to.

        The pieces are copies: for a view, the transport would keep all of the answer.
        """
        while self.left and not connection.is_paused:
            begin, self._next = self._next, min(self._next + PIECE, len(self._data))
            connection.transport.write(self._data[begin : self._next])
        if not self.left:
            self.leave()
            connection.large = None
            if connection.is_closing:  # not now: asyncio may be in its own writing, and would lose the connection twice
                connection.server.loop.call_soon(connection.close)

    def outlives_eof(self, connection: Connection) -> bool:
        """Whether the connection can stay when the peer closes its side. Over TLS it cannot: all is written now."""
        if connection.transport.can_write_eof():
            return True
        begin, self._next = self._next, len(self._data)
        connection.transport.write(self._data[begin:])  # and counted until it is taken, or the connection is gone
        return False

    def leave(self) -> None:
        """It is counted no more. To be called once."""
        self._answers.leave(self._key, len(self._data))
