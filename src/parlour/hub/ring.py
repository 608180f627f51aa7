"""The recent events of one room in memory: for readers that resume, slow readers and newest pages."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice

from parlour.core.event import Stored

OVERHEAD = 120
"""Bytes that one entry costs beside its JSON: a tuple, an int, a bytes header."""


class Ring:
    """Consecutive events, the newest at the end; the oldest fall out beyond so many events or bytes."""

    __slots__ = ("_max_bytes", "_max_events", "events", "size")

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self.events: deque[Stored] = deque()
        self.size = 0

    def extend(self, events: Sequence[Stored]) -> None:
        """Append the events that follow the last one."""
        ring = self.events
        size = self.size
        ring.extend(events)
        for _, json, _, _ in events:
            size += len(json) + OVERHEAD
        while len(ring) > self._max_events or (size > self._max_bytes and len(ring) > 1):
            size -= len(ring.popleft().json) + OVERHEAD
        self.size = size

    def drop_below(self, seq: int) -> None:
        """Forget the events before `seq`."""
        ring = self.events
        while ring and ring[0].seq < seq:
            self.size -= len(ring.popleft().json) + OVERHEAD

    def redact(self, event: Stored) -> None:
        """Hold this in the place of the event with the same seq, if that is here."""
        ring = self.events
        if ring and ring[0].seq <= event.seq <= ring[-1].seq:
            index = event.seq - ring[0].seq
            self.size += len(event.json) - len(ring[index].json)
            ring[index] = event

    def replace(self, events: Sequence[Stored]) -> None:
        """Hold these events instead."""
        self.events.clear()
        self.size = 0
        self.extend(events)

    def after(self, seq: int, limit: int, max_bytes: int) -> Sequence[Stored] | None:
        """The events that follow `seq`, bounded like `Store.after`; None when the ring does not reach back that far."""
        ring = self.events
        if not ring or seq < ring[0].seq - 1:
            return None
        start = seq + 1 - ring[0].seq
        found = list(islice(ring, start, start + limit))
        total = 0
        for count, event in enumerate(found):
            total += len(event.json)
            if total > max_bytes and count:
                return found[:count]
        return found

    def before(self, seq: int, limit: int, first_seq: int) -> Sequence[Stored] | None:
        """The newest events below `seq`, oldest first; None when the ring does not hold all of them."""
        ring = self.events
        lowest = max(first_seq, seq - limit)
        if not ring or lowest < ring[0].seq:
            return None
        return list(islice(ring, lowest - ring[0].seq, seq - ring[0].seq))
