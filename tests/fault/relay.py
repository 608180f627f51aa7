"""A relay that does everything the port allows: loses commits, repeats them, and brings them late and out of order."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random

from parlour.chat.ports import Commit

RATES = {"lost": 0.1, "repeated": 0.1, "delayed": 0.2}
LATEST_S = 0.2
"""How late a delayed commit may come; others have overtaken it by then."""


class LossyRelay:
    """Implements `chat.ports.Relay`, badly. `fates` counts what became of the commits; `is_dead` loses all of them."""

    may_lose = True

    def __init__(self, random: Random, rates: Mapping[str, float] = RATES) -> None:
        self.fates: Counter[str] = Counter()
        self.is_dead = False
        self._random = random
        self._rates = rates
        self._listeners: list[Callable[[Sequence[Commit]], None]] = []

    def publish(self, commits: Sequence[Commit]) -> None:
        for commit in commits:
            fate = "lost" if self.is_dead else self._fate()
            self.fates[fate] += 1
            if fate == "delayed":
                asyncio.get_running_loop().call_later(self._random.uniform(0, LATEST_S), self._bring, commit)
            elif fate != "lost":
                self._bring(commit)
                if fate == "repeated":
                    self._bring(commit)

    def listen(self, listener: Callable[[Sequence[Commit]], None]) -> None:
        self._listeners.append(listener)

    def _bring(self, commit: Commit) -> None:
        for listener in self._listeners:
            listener([commit])

    def _fate(self) -> str:
        chance = self._random.random()
        for fate, rate in self._rates.items():
            if chance < rate:
                return fate
            chance -= rate
        return "brought"
