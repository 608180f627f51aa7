"""Equal reads that wait together are made once; the queue of reads has an end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import pytest

from parlour.core.errors import Refusal
from parlour.store.sqlite.readers import Readers
from tests.support.timeout import TIMEOUT_S


@dataclass(frozen=True)
class Counted:
    """An argument of `run`, which waits for its gate and counts its runs."""

    name: str
    gate: threading.Event = field(compare=False, default_factory=threading.Event)
    runs: list[str] = field(compare=False, default_factory=list)


def run(_connection: apsw.Connection, counted: Counted) -> str:
    counted.runs.append(counted.name)
    assert counted.gate.wait(TIMEOUT_S)
    return counted.name


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[Readers]:
    made = Readers([apsw.Connection(str(tmp_path / "db")) for _ in range(2)], asyncio.get_running_loop())
    yield made
    await made.close()


@pytest.fixture
async def small_pool(tmp_path: Path) -> AsyncIterator[Readers]:
    """One in which three different reads may wait."""
    made = Readers([apsw.Connection(str(tmp_path / "db"))], asyncio.get_running_loop(), queue=3)
    yield made
    await made.close()


async def test_equal_reads_since_the_same_commit_are_made_once(pool: Readers) -> None:
    gate = threading.Event()
    query = Counted("page", gate)
    same = [pool.read(1, run, query) for _ in range(50)]
    later = pool.read(2, run, query)
    other = pool.read(1, run, Counted("other", gate, query.runs))
    gate.set()
    assert await asyncio.gather(*same, later, other) == ["page"] * 51 + ["other"]
    assert sorted(query.runs) == ["other", "page", "page"]
    assert await pool.read(1, run, query) == "page"
    assert len(query.runs) == 4, "a finished read is not remembered"


async def test_too_many_reads_are_refused(small_pool: Readers) -> None:
    pool = small_pool
    queries = [Counted(str(number)) for number in range(4)]
    futures = [pool.read(1, run, query) for query in queries]
    with pytest.raises(Refusal, match="overloaded"):
        await futures[3]
    assert not pool.read(1, run, queries[0]).done(), "a read that is shared is not one more"
    for query in queries:
        query.gate.set()
    assert await asyncio.gather(*futures[:3]) == ["0", "1", "2"]


async def test_a_query_that_raises_is_refused_and_the_thread_lives_on(
    pool: Readers, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_connection: apsw.Connection, error: Exception) -> None:
        raise error

    for error, code in ((apsw.CorruptError("bad page"), "storage_unavailable"), (ValueError("a bug"), "internal")) * 2:
        with pytest.raises(Refusal, match=code):
            await pool.read(1, broken, error)
    assert len(caplog.records) == 4


async def test_closing_answers_what_waits(tmp_path: Path) -> None:
    pool = Readers([apsw.Connection(str(tmp_path / "db"))], asyncio.get_running_loop())
    queries = [Counted("a"), Counted("b")]
    futures = [pool.read(1, run, query) for query in queries]
    closing = asyncio.ensure_future(pool.close())
    await asyncio.sleep(0)
    with pytest.raises(Refusal, match="draining"):
        await pool.read(1, run, Counted("c"))
    for query in queries:
        query.gate.set()
    await closing
    assert await asyncio.gather(*futures) == ["a", "b"]
