"""Promise 1 and 4 (docs/guarantees.md): killed at any instant, nothing acknowledged is lost and no key stores twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.fault.deaths import After, live_through
from tests.fault.load import ROOMS, Figures, Load
from tests.support.server import ROOT, ServerProcess

CYCLES = 5
LIFE_S = (0.05, 0.4)
LONG_CYCLES = 1000
LONG_LIFE_S = (0.05, 0.6)
ROUND = 100
"""Cycles whose history is checked together; each round has rooms of its own in the same database."""


async def kill_loop(tmp_path: Path, seed: int, cycles: int, life_s: tuple[float, float]) -> list[Figures]:
    """Kill and restart under load, in rounds, and check everything after each."""
    random = Random(seed)
    figures = []
    with ServerProcess(tmp_path / "data") as server:
        for number in range(0, cycles, ROUND):
            deaths = [After(random.uniform(*life_s)) for _ in range(min(ROUND, cycles - number))]
            async with Load(server.port, seed, tuple(f"{room}-{number}" for room in ROOMS)) as load:
                slowest = await live_through(server, load, deaths)
                await load.rest()
            load.verify(tmp_path / "history.jsonl")
            figures.append(load.figures(len(deaths), slowest))
            check(tmp_path / "data")
    check(tmp_path / "data")
    return figures


def check(data: Path) -> None:
    """`parlour check` finds nothing wrong."""
    done = subprocess.run(
        [sys.executable, "-m", "parlour", "check", "--data", str(data)],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def is_enough(figures: Figures) -> bool:
    """Whether so many kills hit something: acknowledgements, repeats, sends under way, readers."""
    return (
        figures.acks >= 20 * figures.deaths
        and figures.replays >= figures.deaths
        and figures.unknown >= figures.deaths
        and figures.shown >= 3 * figures.events
    )


@pytest.mark.timeout(400)  # ten seconds, on a machine that does nothing else
async def test_nothing_acknowledged_is_lost_when_the_server_is_killed_again_and_again(tmp_path: Path) -> None:
    (figures,) = await kill_loop(tmp_path, 1, CYCLES, LIFE_S)
    assert is_enough(figures), figures


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_nothing_acknowledged_is_lost_in_a_thousand_kills(tmp_path: Path) -> None:
    rounds = await kill_loop(tmp_path, 3, LONG_CYCLES, LONG_LIFE_S)
    assert sum(figures.deaths for figures in rounds) == LONG_CYCLES
    assert all(is_enough(figures) for figures in rounds), rounds
