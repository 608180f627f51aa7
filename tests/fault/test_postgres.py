"""Promises 1 to 4 over PostgreSQL with several nodes: whatever dies, nothing acknowledged is lost or doubled."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from tests.fault.load import Figures, Load
from tests.support.balancer import Balancer
from tests.support.postgres import PostgresProcess
from tests.support.server import ServerProcess

NODES = 3
FAULTS = 6
LONG_FAULTS = 300
PAUSE_S = (0.05, 0.4)

END_LINES = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'parlour'"


@pytest.fixture
def database() -> Iterator[PostgresProcess]:
    """One that may be killed."""
    process = PostgresProcess().start()
    try:
        yield process
    finally:
        process.remove()


class Faults:
    """What can happen to nodes and their database, each with the way back."""

    def __init__(self, nodes: list[ServerProcess], database: PostgresProcess, random: Random) -> None:
        self._nodes, self._database, self._random = nodes, database, random
        self.kinds = (
            self.node_dies,
            self.node_stops,
            self.database_dies,
            self.database_stops,
            self.lines_break,
            self.node_pauses,
        )

    async def node_dies(self) -> None:
        """SIGKILL to a node, and another start."""
        node = self._random.choice(self._nodes)
        await asyncio.to_thread(node.kill)
        await asyncio.to_thread(node.start)

    async def node_stops(self) -> None:
        """A node is drained and started again: its readers go to the others."""
        await asyncio.to_thread(self._random.choice(self._nodes).restart)

    async def database_dies(self) -> None:
        """SIGKILL to PostgreSQL, and another start."""
        await asyncio.to_thread(self._database.kill)
        await asyncio.sleep(self._random.uniform(0, 0.3))
        await asyncio.to_thread(self._database.start)

    async def database_stops(self) -> None:
        """A restart by an operator."""
        await asyncio.to_thread(self._database.stop)
        await asyncio.to_thread(self._database.start)

    async def lines_break(self) -> None:
        """All connections to the database end, also in the middle of a commit."""
        await asyncio.to_thread(self._database.sql, END_LINES)

    async def node_pauses(self) -> None:
        """A node stands still, as in a machine that is moved, and wakes."""
        node = self._random.choice(self._nodes)
        assert node.process is not None
        node.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(self._random.uniform(*PAUSE_S))
        node.process.send_signal(signal.SIGCONT)


async def fault_loop(tmp_path: Path, database: PostgresProcess, seed: int, count: int) -> Figures:
    """Break things under load, one after the other, and check everything at the end."""
    random = Random(seed)
    database.sql("CREATE DATABASE parlour")
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(ServerProcess(tmp_path / f"node{number}", "--store", database.url("parlour")))
            for number in range(NODES)
        ]
        balancer = stack.enter_context(Balancer([node.port for node in nodes]))
        async with Load(balancer.port, seed) as load:
            faults = Faults(nodes, database, random)
            for number in range(count):
                await load.until_acks(1)
                await asyncio.sleep(random.uniform(*PAUSE_S))
                await faults.kinds[number % len(faults.kinds)]()
            await load.rest()
        load.verify(tmp_path / "history.jsonl")
        return load.figures(count, 0.0)


async def test_whatever_dies_nothing_acknowledged_is_lost(tmp_path: Path, database: PostgresProcess) -> None:
    figures = await fault_loop(tmp_path, database, 1, FAULTS)
    assert figures.acks >= 20 * FAULTS
    assert figures.unknown


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_whatever_dies_for_long_nothing_acknowledged_is_lost(tmp_path: Path, database: PostgresProcess) -> None:
    figures = await fault_loop(tmp_path, database, 2, LONG_FAULTS)
    assert figures.replays >= LONG_FAULTS / 2
