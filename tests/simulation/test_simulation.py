"""The contract holds in every simulated world, and a seed is one world: the same history whenever it is run.

`PARLOUR_TEST_SEED=8 ./run_tests --long tests/simulation -m long -k one_seed -s` tells the story of a seed.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.bugs import BUGS, CLOSING_BUGS, Bug, acknowledge_before_the_commit
from tests.simulation.simulation import ACKS, Result, simulate
from tests.support.server import ROOT

SEEDS = 20
PARTS = 2
LONG_SEEDS = int(os.environ.get("PARLOUR_TEST_SEEDS", "10000"))
LONG_FIRST = int(os.environ.get("PARLOUR_TEST_FIRST_SEED", "1000"))
LONG_ACKS = int(os.environ.get("PARLOUR_TEST_ACKS", "60"))
LONG_PARTS = 100
ONE_SEED = int(os.environ.get("PARLOUR_TEST_SEED", "0"))

CLOSING_SEEDS, CLOSING_PARTS, CLOSING_ACKS = 6, 2, 20
LONG_CLOSING_SEEDS, LONG_CLOSING_PARTS = 1000, 20

SEEDS_TO_FIND_A_BUG = 150
BUG_ACKS = 60

FAILED = Path(__file__).with_name("failed_seeds.txt")

_log = logging.getLogger("parlour.simulation")


def failed_seeds() -> list[tuple[int, int]]:
    """Seeds that once found something, with the length of the run."""
    lines = (line.partition("#")[0].split() for line in FAILED.read_text("utf-8").splitlines())
    return [(int(line[0]), int(line[1])) for line in lines if line]


def hold(seed: int, acks: int = ACKS) -> Result:
    """Run a seed that must keep the contract."""
    result = simulate(seed, acks)
    more = len(result.wrong) - 5
    assert not result.wrong, (
        f"PARLOUR_TEST_SEED={seed} PARLOUR_TEST_ACKS={acks} repeats it; then add it to {FAILED.name}:\n"
        + "\n".join(result.wrong[:5])
        + f"\nand {max(0, more)} more"
    )
    return result


def hold_all(seeds: range, acks: int = ACKS) -> Counter[str]:
    figures: Counter[str] = Counter()
    for seed in seeds:
        figures += hold(seed, acks).figures
    _log.info("%s: %s", seeds, dict(figures))
    return figures


@pytest.mark.parametrize("part", range(PARTS))
def test_the_contract_holds_in_every_simulated_world(part: int) -> None:
    size = SEEDS // PARTS
    figures = hold_all(range(part * size, (part + 1) * size))
    assert figures["acks"] >= size * ACKS
    assert figures["exit -9"] >= size // 10
    assert figures["cuts"] >= size // 2


def hold_closings(seeds: range, acks: int) -> Counter[str]:
    """Run seeds in which rooms are closed to guests and opened again."""
    figures: Counter[str] = Counter()
    for seed in seeds:
        result = simulate(seed, acks, has_owner=True)
        assert not result.wrong, f"simulate({seed}, {acks}, has_owner=True):\n" + "\n".join(result.wrong[:5])
        figures += result.figures
    return figures


@pytest.mark.parametrize("part", range(CLOSING_PARTS))
def test_no_guest_gets_past_the_closing_of_a_room(part: int) -> None:
    size = CLOSING_SEEDS // CLOSING_PARTS
    figures = hold_closings(range(part * size, (part + 1) * size), CLOSING_ACKS)
    assert figures["closings"] >= size
    assert figures["shut out"] >= size


@pytest.mark.parametrize(("seed", "acks"), failed_seeds())
def test_what_a_seed_has_found_stays_mended(seed: int, acks: int) -> None:
    hold(seed, acks)


SLOW = acknowledge_before_the_commit
"""Its worlds go on for long, and the bug of the sync breaks the same promise."""


@pytest.mark.parametrize(
    "bug", [pytest.param(bug, marks=[pytest.mark.long] * (bug is SLOW), id=bug.__name__) for bug in BUGS]
)
def test_a_bug_in_the_server_is_found(bug: Bug) -> None:
    trial = BUGS[bug]
    assert trial.is_found(lambda seed: simulate(seed, BUG_ACKS, bug=bug(), faults=trial.faults), SEEDS_TO_FIND_A_BUG)


@pytest.mark.parametrize("bug", CLOSING_BUGS, ids=lambda bug: bug.__name__)
def test_a_guest_that_gets_past_a_closing_is_found(bug: Bug) -> None:
    assert CLOSING_BUGS[bug].is_found(
        lambda seed: simulate(seed, CLOSING_ACKS, bug=bug(), has_owner=True), SEEDS_TO_FIND_A_BUG
    )


def test_a_seed_gives_the_same_history_in_every_process() -> None:
    code = f"from tests.simulation.simulation import simulate; print(*[simulate(seed).digest for seed in {SAME}])"
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}/src:{ROOT}", "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    here = [simulate(seed).digest for seed in SAME]
    assert told == here
    assert len(set(here)) == len(SAME)


SAME = (2, 13)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(LONG_PARTS))
def test_the_contract_holds_in_ten_thousand_worlds(part: int) -> None:
    first, last = (LONG_FIRST + LONG_SEEDS * each // LONG_PARTS for each in (part, part + 1))
    hold_all(range(first, last), LONG_ACKS)


@pytest.mark.long
@pytest.mark.parametrize("part", range(LONG_CLOSING_PARTS))
def test_no_guest_gets_past_the_closing_in_a_thousand_worlds(part: int) -> None:
    size = LONG_CLOSING_SEEDS // LONG_CLOSING_PARTS
    hold_closings(range(LONG_FIRST + part * size, LONG_FIRST + (part + 1) * size), ACKS)


@pytest.mark.long
def test_one_seed_tells_its_story() -> None:
    result = simulate(ONE_SEED, LONG_ACKS, traced=True)
    print(result.tell())  # noqa: T201
    assert not result.wrong
