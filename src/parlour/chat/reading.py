"""The rate limit of reading: milliseconds of the server's time that each client address may use.

Time, because no count of pages or bytes says what reading costs: a page of short texts takes a millisecond, and as many
bytes of characters that cannot be seen take a hundred times as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import thread_time
from typing import Self

from parlour.chat.ports import Clock
from parlour.core.addresses import AddressBuckets, AddressCounts
from parlour.core.errors import Refusal

REQUEST_S = 0.0003
"""What a request counts for, beside what is made for it."""

BYTE_S = 5e-9
"""What a byte counts for, beside the time that the event loop takes for it: it is read from the disk, and sent."""

WORST_BYTE_S = 250e-9
"""What the slowest texts take to be shown, by the byte of their JSON: a page may take so much until it is known."""


class Place:
    """One of the open streams, WebSockets or waiting long-polls that an address may have.

    As a context manager it is given back at the end, unless somebody keeps it and gives it back with `leave`.
    """

    __slots__ = ("_address", "_counts")

    def __init__(self, counts: AddressCounts | None, address: str) -> None:
        """Without counts everybody has a place. Raises Refusal("too_many_connections") where none is left."""
        if counts is not None and not counts.enter(address):
            detail = f"Your address has {counts.most} streams and waiting requests open: that is all it may have."
            raise Refusal("too_many_connections", detail, retry_after=5)
        self._counts = counts
        self._address = address

    def leave(self) -> None:
        """Give it back; it can be given back once."""
        counts, self._counts = self._counts, None
        if counts is not None:
            counts.leave(self._address)

    def keep(self) -> Place:
        """The same place, for the one who will give it back; this one gives back nothing any more."""
        kept = Place(None, self._address)
        kept._counts, self._counts = self._counts, None
        return kept

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()


class Bill:
    """The time that one request or stream costs its address; `rates` are in milliseconds, None costs nothing.

    `began` before something is made, and `charge` after it, with nothing awaited in between.
    """

    __slots__ = ("_address", "_clock", "_rates")

    def __init__(self, rates: AddressBuckets | None, clock: Clock, address: str) -> None:
        self._rates = rates
        self._clock = clock
        self._address = address

    def check(self) -> None:
        """Raises Refusal("rate_limited") where more has been taken than the address may have."""
        if (wait := self.wait()) > 0.0:
            raise Refusal("rate_limited", "Your address reads more than the rate allows.", retry_after=wait)

    def wait(self) -> float:
        """Seconds until more may be taken; 0.0 if it may be now."""
        return 0.0 if self._rates is None else self._rates.wait(self._address, self._clock.monotonic())

    def began(self) -> float:
        """The time from which `charge` counts."""
        return thread_time()

    def charge(self, began: float, size: int = 0) -> None:
        """Count the time since `began` and so many bytes."""
        self.add(thread_time() - began + size * BYTE_S)

    def add(self, seconds: float) -> None:
        """Count so much; less than nothing gives it back."""
        if self._rates is not None:
            self._rates.spend(self._address, self._clock.monotonic(), seconds * 1000)

    @contextmanager
    def reserved(self, size: int) -> Iterator[None]:
        """Until it is known, a page of so many bytes counts as the worst there is: many are made at the same time."""
        self.add(size * WORST_BYTE_S)
        try:
            yield
        finally:
            self.add(-size * WORST_BYTE_S)
