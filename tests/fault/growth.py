"""How the cost of an input grows with its size: linear, or worse; judged by CPU time alone, on a busy machine too."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

LIMIT_S = 0.05
"""What no single input may take in one go."""

WORTH_S = 0.003
"""Below this the growth of an input of full size is not looked at: nothing super-linear can come of it."""

STEEP = 3.0
"""A double input that takes three times as long, twice in a row: linear ones take two, quadratic ones four."""

EARLY = 8
"""An input is tried at an eighth of its size first: what is hopeless would take minutes at the whole."""

ATTEMPTS = 3
"""A time is measured so often before it is believed: noise does not come again."""


class Cost(NamedTuple):
    """What an input took, in seconds of CPU: in the longest go, and in all."""

    longest: float
    total: float


Measure = Callable[[int], Cost]
"""What an input takes when it is as large as this."""


def least(measure: Measure, size: int) -> Cost:
    """The least of several measurements."""
    costs = [measure(size) for _ in range(ATTEMPTS)]
    return Cost(min(cost.longest for cost in costs), min(cost.total for cost in costs))


def fault(measure: Measure, size: int, idle: float = 0.0) -> str | None:
    """What is wrong with the costs of an input, or None; `idle` is what an empty one takes in all."""
    early = size // EARLY
    if measure(early).longest >= LIMIT_S and (part := least(measure, early)).longest >= LIMIT_S:
        return f"takes {part.longest * 1000:.0f} ms for {early} bytes"
    cost = measure(size)
    if cost.longest < LIMIT_S and cost.total - idle < WORTH_S:
        return None
    whole = least(measure, size)
    if whole.longest >= LIMIT_S:
        return f"takes {whole.longest * 1000:.0f} ms"
    if whole.total - idle < WORTH_S:
        return None
    half, quarter = (max(least(measure, size // part).total - idle, 1e-5) for part in (2, 4))
    steps = ((whole.total - idle) / half, half / quarter)
    if min(steps) < STEEP:
        return None
    return f"grows by {steps[1]:.1f} and {steps[0]:.1f} for double sizes, to {whole.total * 1000:.1f} ms"
