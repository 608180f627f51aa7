"""Promise 1 through a power cut: whatever a disk loses that was not synced, nothing that anybody was told is lost.

The method is described in docs/evidence.md. The long run takes PARLOUR_POWER_SEEDS (numbers, separated by
blanks) and PARLOUR_POWER_ROUNDS from the environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random

import apsw
import pytest

from parlour.store.sqlite.connection import open_writer
from tests.fault.power.crowd import SIZES, Crowd, changed_at, until
from tests.fault.power.history import BATCH, CHECKPOINT, History, a_failed_sync, first_life, next_life, passed, recorded
from tests.fault.power.images import FATES, Kept, LaterFirst, Sectors, Zeros, image
from tests.fault.power.judge import Place, Verdict, cuts, replay, walk, write
from tests.fault.power.operations import Create, Image, Record, Sync, Write
from tests.fault.power.server import DATA, RecordedServer, snapshot
from tests.support import raw
from tests.support.stores import HandClock, append, draft, open_sqlite

SEEDS = [int(seed) for seed in os.environ.get("PARLOUR_POWER_SEEDS", " ".join(map(str, range(1, 21)))).split()]
ROUNDS = int(os.environ.get("PARLOUR_POWER_ROUNDS", "90"))
"""Of the long run: its histories, and how many rounds of sends each has."""

LARGE = (0, 100, 3000, 16000)
"""Extra characters of texts that take many pages."""

WAL = f"{DATA}/parlour.db-wal"
DATABASE = f"{DATA}/parlour.db"


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with recorded(tmp_path / "disk") as history:
        yield history


async def test_a_power_cut_at_any_moment_loses_nothing_that_was_told(tmp_path: Path, history: History) -> None:
    """Also one during the recovery from another one. Moments before the first answer: the test of a first start."""
    crowd = Crowd(history.server, Random(1), senders=4)
    first_life(history.server, crowd)
    next_life(history.server, crowd)
    record = await history.end(crowd)
    verdict = passed(await walk(record, history.judge, Random(1), 1, start=record.first_told))
    assert verdict.told >= 10
    assert verdict.opened >= 50
    (again,) = [verdict async for verdict in recoveries(record, history, tmp_path, Random(1), 1)]
    assert again.opened >= 10


@pytest.mark.parametrize("fates", [1, pytest.param(len(FATES), marks=pytest.mark.long)])
async def test_a_power_cut_during_a_first_start_leaves_what_the_next_one_takes_up(history: History, fates: int) -> None:
    """Also if the start before was killed between making a directory and syncing its name."""
    assert history.server.begin(fault="fsync:signal=KILL:when=2") == ""
    history.server.wait()
    history.server.start()
    crowd = Crowd(history.server, Random(2))
    crowd.talk(1)
    history.server.end(signal.SIGKILL)
    record = await history.end(crowd)
    assert Create("new", is_directory=True) in record.operations
    verdict = passed(await walk(record, history.judge, Random(2), fates))
    assert verdict.opened >= 30


async def test_a_power_cut_during_retention_brings_nothing_back_and_takes_nothing_else(tmp_path: Path) -> None:
    await an_old_log(tmp_path / "disk" / DATA)
    with recorded(tmp_path / "disk") as history:
        server = history.server
        crowd = Crowd(server, Random(3), rooms=2)
        server.start("--retention-days", "1")
        crowd.talk(2)
        until(lambda: first_seq(server.port, "room-0") > 600)
        assert server.end() == 0
        old = await history.judge.open(server.files)
        record = await history.end(crowd, old)
        verdict = passed(await walk(record, history.judge, Random(3), 1, told=old.events))
        assert verdict.opened >= 30


async def an_old_log(data: Path) -> None:
    """A room that retention will shorten in two steps."""
    days_ago = HandClock(time.time_ns() // 1_000_000 - 3 * 86_400_000)
    store = await open_sqlite(data, clock=days_ago)
    await asyncio.gather(*(append(store, draft(f"old {i}", "room-0", f"old-{i:05}")) for i in range(602)))
    await store.close()


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
        log = found.get(WAL)
        if cut.told and isinstance(log, bytes) and len(log) > 50_000:  # not a first start, which writes as much
            images.append((found, dict(cut.told)))
    indexes = history.judge.indexes
    for number, (found, told) in enumerate(random.sample(images, count)):
        history.judge.indexes = [entry for entry in indexes if entry[0] <= told.keys()]  # not those of after the cut
        with RecordedServer(write(found, tmp_path / f"again-{number}", random.randbytes(32768))) as server:
            server.start()
            for room in {room for room, _ in told}:
                assert raw.status(page(server.port, room, 1000)) == 200  # what it says is told from then on
            server.end(random.choice((signal.SIGKILL, signal.SIGTERM)))
            again = server.record()
            replay(again, server.root)
        verdict = await walk(again, history.judge, random, 3, told=told)
        history.judge.indexes = indexes
        yield passed(verdict)


@pytest.mark.parametrize(("which", "path"), [(BATCH, WAL), (CHECKPOINT, DATABASE)], ids=["batch", "checkpoint"])
async def test_what_a_failed_sync_has_left_unsure_is_sure_before_it_is_told(
    history: History, which: str, path: str
) -> None:
    """The next start may not trust what the system's memory has of a file: what was not synced there will never be."""
    record = await a_failed_sync(history, which)
    failed = [at for at, found in enumerate(record.operations) if isinstance(found, Sync) and found.failed]
    assert record.operations[failed[0]] == Sync(path, failed[0], failed=True)
    passed(await walk(record, history.judge, Random(5), 1, start=failed[0]))


async def test_the_head_of_a_frame_that_lies_in_two_sectors_is_not_taken_for_a_second_transaction(
    history: History,
) -> None:
    """Frame 42 begins 8 bytes before a sector: whether it commits can be old, and to which log it belongs new."""
    await (await open_sqlite(history.server.data)).close()
    torn = a_log_torn_at_frame_42(history.server.data / "parlour.db")
    assert (await history.judge.open(snapshot(history.server.root) | {WAL: torn})).problems == []


def a_log_torn_at_frame_42(database: Path) -> bytes:
    """A log that was begun again: that frame is inside a transaction, and ended one in the log before."""
    log = database.with_name("parlour.db-wal")
    connection = open_writer(database)
    small = "INSERT OR REPLACE INTO meta VALUES ('small', ?)"  # a frame that commits
    for number in range(60):
        connection.execute(small, (number,))
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
    before = log.read_bytes()
    for number in range(39):
        connection.execute(small, (number,))
    connection.execute("INSERT INTO meta VALUES ('large', ?)", (bytes(30_000),))
    after = log.read_bytes()
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.close()
    sector = (32 + 41 * 4120) // 512 * 512
    return after[:sector] + before[sector : sector + 512] + after[sector + 512 :]


async def test_what_was_refused_on_a_full_disk_does_not_come_back(history: History) -> None:
    """Half of it is in the log's file, and a power cut may leave any part of that half."""
    crowd = Crowd(history.server, Random(8))
    history.server.start(fault="pwrite64:error=ENOSPC:when=400+13")  # by thread: the writer, not a start
    crowd.talk_until_refused(4)
    history.server.end(signal.SIGKILL)
    record = await history.end(crowd)
    assert not any(key.encode() in event for key in crowd.refused for event in history.judge.whole.events.values())
    verdict = passed(await walk(record, history.judge, Random(8), 1, start=record.first_told))
    assert verdict.opened >= 20


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_a_power_cut_during_a_checkpoint_under_load_loses_nothing_that_was_told(history: History) -> None:
    """A log that has grown to its full length is moved into the database between two batches."""
    server = history.server
    crowd = Crowd(server, Random(9), senders=16, sizes=LARGE)
    server.start()
    before = changed_at(server.data)
    while changed_at(server.data) == before:
        crowd.talk(2)
    crowd.talk(4)
    server.end(signal.SIGKILL)
    record = await history.end(crowd)
    moved = [at for at, found in enumerate(record.operations) if isinstance(found, Write) and found.path == DATABASE]
    begin = next(at for at in moved if at > len(record.operations) // 2)
    passed(await walk(record, history.judge, Random(9), 3, start=begin - 20))


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_power_cut_at_any_moment_of_long_histories_loses_nothing_that_was_told(
    tmp_path: Path, history: History, seed: int
) -> None:
    """Every fourth seed has large texts."""
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
