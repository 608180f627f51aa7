"""Tries again what a busy machine may have spoiled: a miss is believed when nothing else comes of three tries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

TRIES = 3
"""A bad moment of the machine does not come again, a fault of the server does. Two tries can fall into the same moment;
four would take as much time of who looks for a fault as they would save."""


def first_good(measure: Callable[[int], T], is_good: Callable[[T], bool]) -> T:
    """The first measure that is good, the last one if none is. `measure` is told how many came before it.

    What a fault costs only once has to be there in every try: `measure` begins from nothing each time.
    """
    for number in range(TRIES):
        found = measure(number)
        if is_good(found):
            break
    return found
