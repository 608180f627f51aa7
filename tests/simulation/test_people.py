"""In every simulated world of people: whoever is removed posts and is shown nothing after it, and tables follow logs.

`tests/simulation/people.py` says what they do, `people_verdict.py` what must hold.
"""

from __future__ import annotations

import logging
import os
from collections import Counter

import pytest

from tests.simulation.people_bugs import BUGS, Bug
from tests.simulation.people_run import ACTS, simulate_people
from tests.simulation.simulation import Result

SEEDS, PARTS = 12, 1
LONG_SEEDS = int(os.environ.get("PARLOUR_TEST_PEOPLE_SEEDS", "10000"))
LONG_FIRST = int(os.environ.get("PARLOUR_TEST_FIRST_SEED", "1000"))
LONG_PARTS = 100
SEEDS_TO_FIND_A_BUG = 200

_log = logging.getLogger("parlour.simulation")


def hold(seeds: range, acts: int = ACTS) -> Counter[str]:
    """Run seeds that must keep the promises."""
    figures: Counter[str] = Counter()
    for seed in seeds:
        result: Result = simulate_people(seed, acts)
        assert not result.wrong, f"simulate_people({seed}, {acts}):\n" + "\n".join(result.wrong[:5])
        figures += result.figures
    _log.info("%s: %s", seeds, dict(figures))
    return figures


@pytest.mark.parametrize("part", range(PARTS))
def test_who_is_removed_posts_and_is_shown_nothing_more(part: int) -> None:
    size = SEEDS // PARTS
    figures = hold(range(part * size, (part + 1) * size))
    for what in (
        "said: 201",
        "said: 404",
        "shown",
        "remove: 204",
        "leave: 204",
        "put: 200",
        "join: 200",
        "end: 204",
        "block: 204",
    ):
        assert figures[what] >= size // 4, what


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_bug_about_members_is_found(bug: Bug) -> None:
    assert BUGS[bug].is_found(lambda seed: simulate_people(seed, bug=bug()), SEEDS_TO_FIND_A_BUG)


def test_a_seed_of_people_gives_the_same_history() -> None:
    first, again = simulate_people(3), simulate_people(3)
    assert first.digest == again.digest
    assert first.figures == again.figures


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(LONG_PARTS))
def test_who_is_removed_posts_and_is_shown_nothing_more_in_ten_thousand_worlds(part: int) -> None:
    first, last = (LONG_FIRST + LONG_SEEDS * each // LONG_PARTS for each in (part, part + 1))
    hold(range(first, last))
