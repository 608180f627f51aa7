"""A hub that is told of commits as if others had made them: late, twice, in any order, or only when somebody looks.

Own commits never go that way; with it one process shows what many nodes depend on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random

from parlour.chat.ports import Commit, Relay, Store
from parlour.hub.hub import Hub
from parlour.hub.resources import Tuning
from parlour.hub.writable import MakeWrite, one_by_one

RATES = {"lost": 0.1, "repeated": 0.1, "delayed": 0.2}
LATEST_S = 0.2
"""How late a delayed commit may come; others have overtaken it by then."""

LOOK_S = 1.0
"""After so long a look at the store finds what was lost, as a node looks at what others have committed."""


class LossyHub(Hub):
    """`fates` counts what became of the commits; while it `is_dead` all are lost."""

    def __init__(
        self,
        random: Random,
        rates: Mapping[str, float],
        store: Store,
        make_write: MakeWrite = one_by_one,
        tuning: Tuning | None = None,
        relay: Relay | None = None,
    ) -> None:
        super().__init__(store, make_write, tuning, relay)
        self.fates: Counter[str] = Counter()
        self.is_dead = False
        self._random = random
        self._rates = rates

    def deliver(self, commits: Sequence[Commit]) -> None:
        for commit in commits:
            fate = "lost" if self.is_dead else self._fate()
            self.fates[fate] += 1
            if fate == "lost":
                head_seq = commit.events[-1].seq
                asyncio.get_running_loop().call_later(LOOK_S, self.head_moved, commit.room, head_seq)
            elif fate == "delayed":
                asyncio.get_running_loop().call_later(self._random.uniform(0, LATEST_S), super().deliver, [commit])
            else:
                super().deliver([commit])
                if fate == "repeated":
                    super().deliver([commit])

    def _fate(self) -> str:
        chance = self._random.random()
        for fate, rate in self._rates.items():
            if chance < rate:
                return fate
            chance -= rate
        return "delivered"


def lossy(random: Random, rates: Mapping[str, float] = RATES) -> Callable[..., LossyHub]:
    """What makes one, in place of `Hub`."""
    return partial(LossyHub, random, rates)
