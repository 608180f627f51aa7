"""What a row of the table is: the same load for each of its servers, and the promises that its figures are held to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.servers import Server

Medians = dict[str, dict[str, float]]  # server name -> figure -> median over the runs


@dataclass(frozen=True, slots=True)
class Budget:
    """A promise about one scenario: `value` of its medians is at most (or at least) `limit`."""

    text: str
    value: Callable[[Medians], float]
    limit: float
    at_most: bool = False

    def held(self, value: float) -> bool:
        """Whether a measured value keeps the promise."""
        return value <= self.limit if self.at_most else value >= self.limit


@dataclass(frozen=True, slots=True)
class Scenario:
    """One group of rows: the same load, interleaved over its servers."""

    name: str
    title: str
    servers: tuple[Server, ...]
    arguments: tuple[str, ...]
    columns: tuple[str, ...]
    budgets: tuple[Budget, ...] = ()
    kind: str = "load"  # or "added" (the load, then once more with one subscriber), "idle" (the first argument is
    # the number of subscribers), "latency" (the same), "slow" (the first argument is the number of slow readers),
    # "signing-in" (the first argument is the rate of sign-ins), "soak", "start"
    quick: bool = True  # part of --quick
    apart: bool = False  # runs only when it is named: it takes long, or few need it
    own_arguments: tuple[str, ...] = ()  # for Parlour alone: what no peer can be asked to do
