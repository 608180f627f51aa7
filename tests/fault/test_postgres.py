"""Promises 1 to 4 over PostgreSQL with several nodes: whatever fails, nothing acknowledged is lost or doubled."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.fault.load import Figures, Load
from tests.fault.nodes import AS_SHIPPED, IMPATIENT, Faults, Times, World
from tests.support.node_changes import CHANGES
from tests.support.postgres import PostgresProcess

FAULTS = 13
LONG_FAULTS = int(os.environ.get("PARLOUR_TEST_FAULTS", "300"))

_log = logging.getLogger("parlour.fault")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresProcess]:
    """One that may be killed."""
    process = PostgresProcess().start()
    try:
        yield process
    finally:
        process.remove()


async def fault_loop(place: Path, server: PostgresProcess, seed: int, count: int, times: Times) -> Figures:
    """Break things under load, and check everything at the end."""
    random = Random(seed)
    changes = (f"{CHANGES}:be_impatient",) if times is IMPATIENT else ()
    with World(place, server, f"world{seed}", seed, changes) as world:
        async with Load(world.port, seed) as load:
            faults = Faults(world, times, random)
            await faults.happen(count, lambda: load.until_acks(1))
            await load.rest()
        load.verify(place / "history.jsonl")
        _log.info("%s", dict(faults.counts))
        return load.figures(count, 0.0)


async def test_whatever_fails_nothing_acknowledged_is_lost(tmp_path: Path, server: PostgresProcess) -> None:
    figures = await fault_loop(tmp_path, server, 1, FAULTS, IMPATIENT)
    assert figures.acks >= 20 * FAULTS
    assert figures.unknown


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("seed", "times"), [(2, IMPATIENT), (3, AS_SHIPPED)], ids=["impatient", "as_shipped"])
async def test_whatever_fails_for_long_nothing_acknowledged_is_lost(
    tmp_path: Path, server: PostgresProcess, seed: int, times: Times
) -> None:
    figures = await fault_loop(tmp_path, server, seed, LONG_FAULTS, times)
    assert figures.replays >= LONG_FAULTS / 2
