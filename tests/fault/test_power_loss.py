"""Promise 1 through a power cut: whatever a disk loses that was not synced, nothing that anybody was told is lost.

The method is described in docs/evidence/power-loss.md. The long run takes PARLOUR_POWER_SEEDS (numbers, separated by
blanks) and PARLOUR_POWER_ROUNDS from the environment.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.fault.deaths import EXIT_STORAGE_FAILED
from tests.fault.power import Found, Judge, Place, Verdict, cuts, replay, walk, write
from tests.fault.power_crowd import SIZES, Crowd, until, until_checkpoint
from tests.fault.power_images import Image, Kept, LaterFirst, Sectors, Zeros, image
from tests.fault.power_record import (
    DATA,
    PLAIN,
    Create,
    Operation,
    Record,
    RecordedServer,
    Sync,
    Told,
    snapshot,
)
from tests.support import raw
from tests.support.stores import HandClock, append, draft, open_sqlite

SEEDS = [int(seed) for seed in os.environ.get("PARLOUR_POWER_SEEDS", " ".join(map(str, range(1, 21)))).split()]
ROUNDS = int(os.environ.get("PARLOUR_POWER_ROUNDS", "90"))
"""Of the long run: its histories, and how many rounds of sends each has."""

LARGE = (0, 100, 3000, 16000)
"""Extra characters of texts that fill the log so fast that it is moved into the database under load."""

LOST = "was told and is not there"
WAL = f"{DATA}/parlour.db-wal"
DATABASE = f"{DATA}/parlour.db"

_log = logging.getLogger("parlour.power")


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    """Where images are opened: in memory if there is such a place, for the speed; their own syncs prove nothing."""
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory:
        yield Path(directory)


class History:
    """A recorded server, its crowd, and a judge that knows at the end what there is to be found."""

    def __init__(self, root: Path, scratch: Path, code: str = PLAIN) -> None:
        root.mkdir(exist_ok=True)
        self.server = RecordedServer(root, code=code)
        self.judge = Judge(scratch / "image")

    async def end(self, crowd: Crowd, earlier: Found | None = None) -> Record:
        """The record, which must be what happened: to the files, and to the crowd."""
        record = self.server.record()
        await self.judge.learn(replay(record, self.server.root), earlier)
        told = {
            event[:2] for operation in record.operations if isinstance(operation, Told) for event in operation.events
        }
        assert crowd.acked <= told, "somebody was told what is not in the record"
        return record


@pytest.fixture
def history(tmp_path: Path, scratch: Path) -> Iterator[History]:
    history = History(tmp_path / "disk", scratch)
    with history.server:
        yield history


def first_life(server: RecordedServer, crowd: Crowd, rounds: int = 2) -> None:
    """A server from its first start to a kill, with a checkpoint after which the log begins anew."""
    server.start()
    crowd.talk(rounds)
    until_checkpoint(server.data)
    crowd.talk(rounds)
    server.end(signal.SIGKILL)


def next_life(server: RecordedServer, crowd: Crowd, rounds: int = 2, how: signal.Signals = signal.SIGTERM) -> None:
    """A server that begins with what the one before has left."""
    server.start()
    crowd.talk(rounds)
    server.end(how)


def passed(verdict: Verdict) -> Verdict:
    _log.info("%s", verdict)
    assert verdict.violations == [], "\n".join(verdict.violations[:20])
    return verdict


async def test_a_power_cut_at_any_moment_loses_nothing_that_was_told(tmp_path: Path, history: History) -> None:
    """Also one amid the recovery from another one."""
    crowd = Crowd(history.server, Random(1))
    first_life(history.server, crowd)
    next_life(history.server, crowd)
    record = await history.end(crowd)
    verdict = passed(await walk(record, history.judge, Random(1), 1))
    assert verdict.told >= 10
    assert verdict.opened >= 50
    (again,) = [verdict async for verdict in recoveries(record, history, tmp_path, Random(1), 1)]
    assert again.opened >= 10


async def test_a_power_cut_amid_a_first_start_leaves_what_the_next_one_takes_up(history: History) -> None:
    """Also if the start before was killed between making a directory and syncing its name."""
    assert history.server.begin(fault="fsync:signal=KILL:when=2") == ""
    history.server.wait()
    history.server.start()
    crowd = Crowd(history.server, Random(2))
    crowd.talk(1)
    history.server.end(signal.SIGKILL)
    record = await history.end(crowd)
    assert Create("new", is_directory=True) in record.operations
    verdict = passed(await walk(record, history.judge, Random(2), fates=3))
    assert verdict.opened >= 30


async def test_a_power_cut_amid_retention_brings_nothing_back_and_takes_nothing_else(
    tmp_path: Path, scratch: Path
) -> None:
    old = await an_old_log(tmp_path / "disk", scratch)
    history = History(tmp_path / "disk", scratch)
    with history.server as server:
        crowd = Crowd(server, Random(3), rooms=2)
        server.start("--retention-days", "1")
        crowd.talk(2)
        until(lambda: first_seq(server.port, "room-0") > 550 and first_seq(server.port, "room-1") > 550)
        assert server.end() == 0
    record = await history.end(crowd, old)
    verdict = passed(await walk(record, history.judge, Random(3), 1, told=old.events))
    assert verdict.opened >= 30


async def an_old_log(root: Path, scratch: Path) -> Found:
    """Rooms that retention will shorten in two steps each, made by the store before the record begins."""
    days_ago = HandClock(time.time_ns() // 1_000_000 - 3 * 86_400_000)
    store = await open_sqlite(root / DATA, clock=days_ago)
    await asyncio.gather(*(append(store, draft(f"old {i}", f"room-{i % 2}", f"old-{i:05}")) for i in range(1102)))
    await store.close()
    return await Judge(scratch / "image").open(snapshot(root))


def first_seq(port: int, room: str) -> int:
    return int(json.loads(raw.body(page(port, room, 1)))["first_seq"])


def page(port: int, room: str, limit: int) -> bytes:
    return raw.exchange(port, raw.head("GET", f"/{room}?format=json&limit={limit}", "Connection: close"))


async def recoveries(
    record: Record, history: History, tmp_path: Path, random: Random, count: int
) -> AsyncIterator[Verdict]:
    """Start real servers on images with a log to recover, and cut their power too."""
    images: list[tuple[Image, dict[Place, bytes]]] = []
    for cut in cuts(record, random, {}):
        found = image(cut.disk, random.choice((Kept, Sectors, LaterFirst, Zeros))(cut.disk, random))
        if len(found.get(WAL) or b"") > 50_000:
            images.append((found, dict(cut.told)))
    for number, (found, told) in enumerate(random.sample(images, count)):
        with RecordedServer(write(found, tmp_path / f"again-{number}", random.randbytes(32768))) as server:
            server.start()
            for room in {room for room, _ in told}:
                assert raw.status(page(server.port, room, 1000)) == 200  # what it says is told from then on
            server.end(random.choice((signal.SIGKILL, signal.SIGTERM)))
            again = server.record()
            replay(again, server.root)
        yield passed(await walk(again, history.judge, random, 4, told=told))


async def test_what_a_failed_sync_has_left_unsure_is_sure_before_it_is_told(history: History) -> None:
    """The next start may not trust the log in the system's memory: what was not synced there will never be."""
    record = await a_failed_sync(history)
    assert sum(isinstance(operation, Sync) and operation.failed for operation in record.operations) == 1
    passed(await walk(record, history.judge, Random(5), 1))


async def a_failed_sync(history: History) -> Record:
    """A server that meets one of a batch, and the next one on the same data."""
    crowd = Crowd(history.server, Random(5))
    history.server.start(fault="fdatasync:error=EIO:when=12")  # counted by thread: no other thread syncs so often
    crowd.talk_until_it_fails()
    assert history.server.wait() == EXIT_STORAGE_FAILED
    history.server.start()
    crowd.talk(2)
    history.server.end(signal.SIGKILL)
    return await history.end(crowd)


def lying(path: str) -> Callable[[Record], Record]:
    """The same on a disk that says that it has synced a file or directory, and has not."""

    def broken(record: Record) -> Record:
        return Record(record.files, [without(operation) for operation in record.operations])

    def without(operation: Operation) -> Operation:
        is_it = isinstance(operation, Sync) and operation.path == path
        return replace(operation, failed=True) if isinstance(operation, Sync) and is_it else operation

    return broken


def answering_early(record: Record) -> Record:
    """The same if everybody had been told before the sync."""
    operations: list[Operation] = []
    for operation in record.operations:
        at = len(operations)
        if isinstance(operation, Told):
            at = max(at for at, found in enumerate(operations) if isinstance(found, Sync) and found.path == WAL)
        operations.insert(at, operation)
    return Record(record.files, operations)


BROKEN: dict[str, Callable[[Record], Record]] = {
    "log-not-synced": lying(WAL),
    "checkpoint-not-synced": lying(DATABASE),
    "directory-not-synced": lying(DATA),
    "its-directory-not-synced": lying("new/and"),
    "directory-above-not-synced": lying(""),
    "answers-before-the-sync": answering_early,
}


async def test_a_record_of_a_server_that_syncs_less_or_later_is_found_out(history: History) -> None:
    crowd = Crowd(history.server, Random(6))
    first_life(history.server, crowd)
    record = await history.end(crowd)
    found = {}
    for name, broken in BROKEN.items():
        verdict = await walk(broken(record), history.judge, Random(6), 2, until=LOST)
        found[name] = any(LOST in violation for violation in verdict.violations)
        _log.info("%s: %s", name, verdict)
    assert found == dict.fromkeys(BROKEN, True)


SYNCED_LATE = """
import apsw
class Disk(apsw.VFS):
    def __init__(self):
        super().__init__("late", "unix", makedefault=True)
    def xOpen(self, name, flags):
        return File(name, flags)
class File(apsw.VFSFile):
    def __init__(self, name, flags):
        self.is_owed = False
        super().__init__("unix", name, flags)
    def xSync(self, flags):
        self.is_owed = True
    def xWrite(self, data, offset):
        if self.is_owed:
            super().xSync(2)
            self.is_owed = False
        super().xWrite(data, offset)
disk = Disk()
"""
"""Every sync comes before the next write, and not before the answer."""

MUTANTS = {
    "synced-with-the-next-batch": SYNCED_LATE,
    "synchronous-off": "import parlour.store.sqlite.connection as c; c._WRITER['synchronous'] = 0; ",
    "synchronous-normal": "import parlour.store.sqlite.connection as c; c._WRITER['synchronous'] = 1; ",
    "names-not-synced": "import parlour.store.sqlite.directory as d; d.sync_directory = lambda path: None; ",
}
"""What is changed in a server before it runs."""


@pytest.mark.long
@pytest.mark.parametrize("change", MUTANTS.values(), ids=MUTANTS.keys())
async def test_a_server_that_was_changed_to_sync_less_is_found_out(tmp_path: Path, scratch: Path, change: str) -> None:
    history = History(tmp_path / "disk", scratch, change + PLAIN)
    with history.server as server:
        crowd = Crowd(server, Random(7))
        first_life(server, crowd)
    verdict = await walk(await history.end(crowd), history.judge, Random(7), 4, until=LOST)
    _log.info("%d violations: %s", len(verdict.violations), verdict.violations[:3])
    assert any(LOST in violation for violation in verdict.violations)


@pytest.mark.long
async def test_a_server_that_trusts_the_log_after_a_failed_sync_is_found_out(tmp_path: Path, scratch: Path) -> None:
    change = "import parlour.store.sqlite.database as d; d._recover = lambda *everything: None; "
    history = History(tmp_path / "disk", scratch, change + PLAIN)
    with history.server:
        record = await a_failed_sync(history)
    verdict = await walk(record, history.judge, Random(5), 4, until=LOST)
    _log.info("%d violations: %s", len(verdict.violations), verdict.violations[:3])
    assert any(LOST in violation for violation in verdict.violations)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_power_cut_at_any_moment_of_long_histories_loses_nothing_that_was_told(
    tmp_path: Path, history: History, seed: int
) -> None:
    """Every fourth seed has large texts, and a log that is moved into the database under load."""
    crowd = Crowd(history.server, Random(seed), sizes=SIZES if seed % 4 else LARGE)
    first_life(history.server, crowd, ROUNDS // 5)
    next_life(history.server, crowd, ROUNDS // 5)
    next_life(history.server, crowd, ROUNDS // 5, signal.SIGKILL)
    next_life(history.server, crowd, ROUNDS // 5)
    record = await history.end(crowd)
    verdict = passed(await walk(record, history.judge, Random(seed), 2))
    again = [verdict async for verdict in recoveries(record, history, tmp_path, Random(seed), 6)]
    assert verdict.images >= 8 * verdict.syncs
    assert len(again) == 6
