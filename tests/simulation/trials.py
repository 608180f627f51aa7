"""How a planted bug is looked for: in the worlds of one seed after the other, and by what must be said of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from tests.simulation.simulation import Result

_log = logging.getLogger("parlour.simulation")


class Trial(NamedTuple):
    """Where a bug shows.

    `says` is a part of the verdict: a bug that broke something else would prove nothing. `seed` shows it, and is tried
    first: few seeds show some of the bugs. `faults` take the place of those of the seed.
    """

    says: str
    seed: int = 0
    faults: tuple[str, ...] = ()

    def is_found(self, run: Callable[[int], Result], seeds: int) -> bool:
        """Run its seed and the first `seeds`, and tell whether one shows the bug."""
        for seed in (self.seed, *range(seeds)):
            for line in run(seed).wrong:
                if self.says in line:
                    _log.info("seed %d: %s", seed, line)
                    return True
        return False
