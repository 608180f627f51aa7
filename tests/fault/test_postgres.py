"""Promises 1 to 4 over PostgreSQL with several nodes: whatever fails, nothing acknowledged is lost or doubled.

The checker judges all that clients of every transport saw through the balancer: acknowledged is stored, refused is not
(I1, I2), a key stores once (I3, I12), logs are dense in one epoch (I4, I5), in the order of sending (I6), readers see a
prefix without a gap and never a reset (I7), nothing that is not stored (I8), all the same (I9), and what was known when
they asked (I10). Beside it: every node reads out the same logs, who was removed from a room is shown nothing after that
(I11), and what is removed with an account no node shows any more.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from random import Random

import pytest

from tests.fault.load import Figures, Load, read_all
from tests.fault.nodes import AS_SHIPPED, HANDS, IMPATIENT, Faults, Times, World
from tests.fault.removals import Removals
from tests.support.nats import NatsProcess
from tests.support.node_changes import CHANGES
from tests.support.postgres import PostgresProcess

FAULTS = 10
ACKS = 8
"""Before each fault."""
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
    """Break things under load, and check everything at the end. The nodes of every second seed have NATS."""
    with NatsProcess(place) if seed % 2 else nullcontext() as relay:
        return await break_things(place, server, relay, seed, count, times)


async def break_things(
    place: Path, server: PostgresProcess, relay: NatsProcess | None, seed: int, count: int, times: Times
) -> Figures:
    """The same with this relay."""
    random = Random(seed)
    changes = (f"{CHANGES}:be_impatient",) if times is IMPATIENT else ()
    with World(place, server, f"world{seed}", seed, changes, relay) as world:
        async with Load(world.port, seed) as load, Removals(world) as removals:
            faults = Faults(world, times, random)
            await faults.happen(count, lambda: load.until_acks(ACKS))
            await load.rest()
            await removals.rest()
        load.verify(place / "history.jsonl")
        logs = [read_all(load.shared, node.port) for node in world.nodes]
        assert all(log == logs[0] for log in logs), "nodes do not agree"
        removals.until_erased()
        assert list(removals.wrong()) == []
        _log.info("%d have been removed", len(removals.stays))
        _log.info("%s", dict(faults.counts))
        return load.figures(count, 0.0)


async def test_whatever_fails_nothing_acknowledged_is_lost(tmp_path: Path, server: PostgresProcess) -> None:
    figures = await fault_loop(tmp_path, server, 1, FAULTS, IMPATIENT)
    assert figures.acks >= ACKS * FAULTS / HANDS
    assert figures.unknown


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("seed", "times"), [(2, IMPATIENT), (3, IMPATIENT), (5, AS_SHIPPED)])
async def test_whatever_fails_for_long_nothing_acknowledged_is_lost(
    tmp_path: Path, server: PostgresProcess, seed: int, times: Times
) -> None:
    figures = await fault_loop(tmp_path, server, seed, LONG_FAULTS, times)
    assert figures.replays >= LONG_FAULTS / 2
