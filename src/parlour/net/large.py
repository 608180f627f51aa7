"""Large answers: written piece by piece as the peer takes them, and counted, by client and in all, until it has."""

from __future__ import annotations

from dataclasses import dataclass

from parlour.core.addresses import AddressCounts
from parlour.core.errors import Refusal

PIECE = 32768
"""Bytes given to the transport at once: it neither keeps nor encrypts what it has not been given."""

CLIENT_BYTES = 16 * 1024 * 1024
"""What one address may leave unread: twenty people behind it may each ask for 1000 long messages at once."""

ALL_BYTES = 128 * 1024 * 1024
"""What all may leave unread: the memory of a small machine."""


class LargeAnswers:
    """Counts the bytes of answers that wait for their readers, per client and in all. It lives on the event loop.

    An answer larger than a bound is admitted if nothing else waits.
    """

    def __init__(self, of_client: int = CLIENT_BYTES, in_all: int = ALL_BYTES) -> None:
        self._clients = AddressCounts(of_client)
        self._all = in_all
        self.total = 0

    def admit(self, key: str, data: bytes) -> LargeAnswer | Refusal:
        """Count an answer to a client (`Peer.key`) until its `leave`; or say that too much waits already."""
        if self.total and self.total + len(data) > self._all:
            detail = "Too many answers wait to be read: ask for a smaller page, or later."
            return Refusal("overloaded", detail, retry_after=5)
        if not self._clients.enter(key, len(data)):
            detail = "Your address has not read its answers yet: read them, or ask for a smaller page."
            return Refusal("rate_limited", detail, retry_after=5)
        self.total += len(data)
        return LargeAnswer(self, key, data)

    def leave(self, key: str, size: int) -> None:
        """An answer waits no more."""
        self.total -= size
        self._clients.leave(key, size)


@dataclass(slots=True)
class LargeAnswer:
    """One of them. Its connection is paused until the transport has all of it, so there is one at a time."""

    _answers: LargeAnswers
    _key: str
    _data: bytes
    _next: int = 0

    @property
    def left(self) -> int:
        """Bytes that the transport has not been given."""
        return len(self._data) - self._next

    def next_piece(self, size: int = PIECE) -> bytes:
        """The next bytes for the transport; empty at the end. A copy: for a view, it would keep all of the answer."""
        begin, self._next = self._next, min(self._next + size, len(self._data))
        return self._data[begin : self._next]

    def leave(self) -> None:
        """It waits no more. Called once."""
        self._answers.leave(self._key, len(self._data))
