"""A proxy that cuts each of its connections at a random byte: what is lost of an answer, its sender must ask again."""

from __future__ import annotations

from random import Random

from tests.support.lines import Cut, Lines, Spoil, Way

ANSWERS = 0.8
"""Share of connections that are cut in what the server says; the others in what the client says."""


class CuttingProxy(Lines):
    """Lines to `port` of 127.0.0.1, each of which lives for `mean_bytes` in one direction, on average."""

    def __init__(self, port: int, seed: int, mean_bytes: int) -> None:
        super().__init__(port)
        self.cuts = 0
        self._mean_bytes = mean_bytes
        self._chance = Random(f"{seed} proxy")

    def spoiler(self) -> Spoil:
        """See `Lines.spoiler`."""
        left = int(self._chance.expovariate(1 / self._mean_bytes))
        cut_way = Way.BACK if self._chance.random() < ANSWERS else Way.THERE

        def spoil(way: Way, data: bytes) -> bytes:
            nonlocal left
            if way is cut_way:
                if len(data) > left:
                    self.cuts += 1
                    raise Cut(data[:left])
                left -= len(data)
            return data

        return spoil
