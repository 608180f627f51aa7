"""Promise 1 and 4 over PostgreSQL: whatever dies, nothing acknowledged is lost and no key stores twice."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.fault.load import Figures, Load
from tests.support.postgres import PostgresProcess
from tests.support.server import ServerProcess

FAULTS = 5
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
    """What can happen to a server and its database, each with the way back."""

    def __init__(self, server: ServerProcess, database: PostgresProcess, load: Load, random: Random) -> None:
        self._server, self._database, self._load, self._random = server, database, load, random
        self.kinds = (self.server_dies, self.database_dies, self.database_stops, self.lines_break, self.server_pauses)

    async def server_dies(self) -> None:
        """SIGKILL to the server, and another start."""
        await asyncio.to_thread(self._server.kill)
        await self._start(self._server)

    async def database_dies(self) -> None:
        """SIGKILL to PostgreSQL, and another start."""
        self._load.shared.is_up.clear()
        await asyncio.to_thread(self._database.kill)
        await asyncio.sleep(self._random.uniform(0, 0.3))
        await asyncio.to_thread(self._database.start)
        self._load.shared.is_up.set()

    async def database_stops(self) -> None:
        """A restart by an operator."""
        await asyncio.to_thread(self._database.stop)
        await asyncio.to_thread(self._database.start)

    async def lines_break(self) -> None:
        """All connections of the server end, also in the middle of a commit."""
        await asyncio.to_thread(self._database.sql, END_LINES)

    async def server_pauses(self) -> None:
        """The server stands still, as in a machine that is moved, and wakes."""
        assert self._server.process is not None
        self._server.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(self._random.uniform(*PAUSE_S))
        self._server.process.send_signal(signal.SIGCONT)

    async def _start(self, server: ServerProcess) -> None:
        self._load.shared.is_up.clear()
        await asyncio.to_thread(server.start)
        self._load.shared.is_up.set()


async def fault_loop(tmp_path: Path, database: PostgresProcess, seed: int, count: int) -> Figures:
    """Break things under load, one after the other by chance, and check everything at the end."""
    random = Random(seed)
    database.sql("CREATE DATABASE parlour")
    with ServerProcess(tmp_path / "data", "--store", database.url("parlour")) as server:
        async with Load(server.port, seed) as load:
            faults = Faults(server, database, load, random)
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
