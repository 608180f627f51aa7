"""The record beside the database: what a start makes of it, whole, torn, older, gone, or another's."""

from __future__ import annotations

import asyncio
import itertools
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from parlour.store.errors import StoreError
from parlour.store.sqlite.check import check
from parlour.store.sqlite.record import SLOT_BYTES, End
from parlour.store.sqlite.store import SqliteStore
from tests.support.records import RECORD, as_image, ended, id_of, position_of, rewrite, set_ended
from tests.support.stores import CountedIds, HandClock, append, draft, open_sqlite

ROOT = Path(__file__).parents[3]
SAID = "a new epoch begins"
DATABASE = "parlour.db"


_starts = itertools.count(1000, 1000)  # the data in the fixtures have ids from 0 on


async def opened(directory: Path, clock: HandClock | None = None) -> SqliteStore:
    """A store of another process: its ids are others."""
    return await open_sqlite(directory, clock=clock, ids=CountedIds(next(_starts)))


async def made(directory: Path, texts: int = 3) -> str:
    """Store some messages and end; gives the epoch."""
    store = await opened(directory)
    for number in range(texts):
        await append(store, draft(f"text {number}", key=f"key-{number:04}"))
    await store.close()
    return store.epoch


async def epoch_after_a_start(directory: Path) -> str:
    store = await opened(directory)
    await store.close()
    assert check(directory).is_ok
    return store.epoch


async def test_a_record_says_how_the_run_ended_and_what_came_last(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    assert ended(tmp_path) is End.UNKNOWN
    await append(store, draft("one", "first"))
    await append(store, draft("two", "second"))
    await store.close()
    position = position_of(tmp_path)
    assert (position.epoch, position.event, position.end) == (store.epoch, 2, End.WHOLE)
    assert position.database == id_of(tmp_path / DATABASE)


async def test_a_run_that_stores_nothing_keeps_what_came_last(tmp_path: Path) -> None:
    await made(tmp_path)
    before = position_of(tmp_path)
    store = await opened(tmp_path)
    assert (await append(store, draft("text 2", key="key-0002"))).replay
    await store.close()
    assert position_of(tmp_path)[:3] == before[:3]


async def test_every_start_and_every_end_makes_a_new_file(tmp_path: Path) -> None:
    """A copy that is written into the old one would otherwise look like the old one."""
    found = []
    for _ in range(3):
        store = await opened(tmp_path)
        found.append(id_of(tmp_path / RECORD))
        await store.close()
        found.append(id_of(tmp_path / RECORD))
    assert len(set(found)) == 6 or found[0].generation == 0
    assert all(one != two for one, two in itertools.pairwise(found))


async def test_every_run_has_counts_of_its_own(tmp_path: Path) -> None:
    """A copy from before a run is older than the record after it, also if that run was killed or stored nothing."""
    counts = []
    for end in End:
        await made(tmp_path, 0)
        counts.append(position_of(tmp_path).checkpoints)
        set_ended(tmp_path, end)
    assert counts == sorted(set(counts))


@pytest.mark.parametrize("slot", [0, 1])
async def test_a_slot_that_was_torn_leaves_the_other(
    tmp_path: Path, slot: int, caplog: pytest.LogCaptureFixture
) -> None:
    epoch = await made(tmp_path / "data")
    rewrite(tmp_path / "data", position_of(tmp_path / "data"))
    rewrite(tmp_path / "data", position_of(tmp_path / "data"), slot=1)
    damage(tmp_path / "data", slot * SLOT_BYTES + 20)
    assert await epoch_after_a_start(tmp_path / "data") == epoch
    assert not caplog.records


def damage(directory: Path, at: int) -> None:
    with (directory / RECORD).open("r+b") as file:
        file.seek(at)
        file.write(b"\xff\xfe\xff")


GONE: dict[str, Callable[[Path], object]] = {
    "removed": lambda record: record.unlink(),
    "emptied": lambda record: record.write_bytes(b""),
    "cut": lambda record: record.write_bytes(record.read_bytes()[:40]),
    "rubbish": lambda record: record.write_bytes(b"rubbish" * 200),
    "zeros": lambda record: record.write_bytes(bytes(1024)),
}


@pytest.mark.parametrize("end", End)
@pytest.mark.parametrize("kind", GONE)
async def test_without_a_record_a_new_epoch_begins_and_that_is_said_once(
    tmp_path: Path, kind: str, end: End, caplog: pytest.LogCaptureFixture
) -> None:
    epoch = await made(tmp_path)
    set_ended(tmp_path, end)
    GONE[kind](tmp_path / RECORD)
    new = await epoch_after_a_start(tmp_path)
    assert new != epoch
    assert await epoch_after_a_start(tmp_path) == new
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{SAID}: there is no {RECORD}")


@pytest.mark.usefixtures("never_idle")
async def test_a_record_that_a_power_cut_left_behind_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    running = tmp_path / "running"
    store = await opened(running)
    record = (running / RECORD).read_bytes()
    for number in range(5):
        await append(store, draft(f"text {number}"))
    cut = as_image(running, tmp_path / "cut", record)
    kept = (running / DATABASE).read_bytes()
    await store.close()
    assert await epoch_after_a_start(cut) == store.epoch
    assert not caplog.records
    (cut / DATABASE).write_bytes(kept)
    assert await epoch_after_a_start(cut) != store.epoch, "it has caught up: an older copy is noticed from now on"


@pytest.mark.parametrize("end", End)
async def test_a_database_that_is_older_than_the_record_is_refused_or_begins_an_epoch(tmp_path: Path, end: End) -> None:
    """After a clean end there is no log that could be lost: then it is a copy that was put there."""
    epoch = await made(tmp_path)
    kept = (tmp_path / DATABASE).read_bytes()
    await made(tmp_path, 5)
    (tmp_path / DATABASE).write_bytes(kept)
    set_ended(tmp_path, end)
    if end is End.WHOLE:
        assert await epoch_after_a_start(tmp_path) != epoch
        return
    with pytest.raises(StoreError, match=r"lost stored messages, of which the last is event 5 of room"):
        await opened(tmp_path)


async def test_a_copy_in_another_file_begins_an_epoch_also_after_a_kill(tmp_path: Path) -> None:
    """Nobody has to say so: a database does not become another file by itself."""
    epoch = await made(tmp_path / "data")
    shutil.copyfile(tmp_path / "data" / DATABASE, tmp_path / "kept")
    await made(tmp_path / "data", 5)
    set_ended(tmp_path / "data", End.UNKNOWN)
    (tmp_path / "kept").rename(tmp_path / "data" / DATABASE)
    assert await epoch_after_a_start(tmp_path / "data") != epoch


async def test_a_database_that_was_removed_begins_anew_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    epoch = await made(tmp_path)
    (tmp_path / DATABASE).unlink()
    assert await epoch_after_a_start(tmp_path) != epoch
    assert [record.getMessage() for record in caplog.records] == [f"{SAID}: {DATABASE} was gone"]


async def test_a_start_that_was_cut_short_before_there_was_a_record_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await (await opened(tmp_path)).close()
    (tmp_path / RECORD).unlink()
    await epoch_after_a_start(tmp_path)
    assert not caplog.records


@pytest.mark.parametrize("is_left", [True, False])
async def test_data_of_the_first_schema_is_taken_up_with_a_new_epoch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, is_left: bool
) -> None:
    """Nothing beside it says whether it is as that server left it. Its messages, keys and guests are as they were."""
    database = apsw.Connection(str(tmp_path / DATABASE))
    database.execute((ROOT / "tests/fixtures/first_schema.sql").read_text())
    database.close()
    (tmp_path / DATABASE).chmod(0o600)
    if is_left:
        (tmp_path / "lock").write_text("clean\n")
    store = await opened(tmp_path, clock=HandClock())
    assert store.epoch != "nmr52b"
    assert store.secret.hex() == "c27b34b9046639fdd6dd2559e4a2927631210f04e149554be2e957a6d689e1a4"
    assert (await append(store, draft("text 2", key="key-0002"))).replay
    assert [event.seq for event in await store.after("lobby", 0, 10)] == [1, 2, 3]
    assert (await append(store, draft("new"))).seq == 4
    await store.close()
    assert check(tmp_path).is_ok
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert SAID in caplog.text
    assert await epoch_after_a_start(tmp_path) == store.epoch


async def test_an_altered_secret_of_the_first_schema_is_refused(tmp_path: Path) -> None:
    database = apsw.Connection(str(tmp_path / DATABASE))
    database.execute((ROOT / "tests/fixtures/first_schema.sql").read_text())
    database.execute("UPDATE meta SET value = randomblob(32) WHERE name = 'secret'")
    database.close()
    with pytest.raises(StoreError, match="lost its epoch or its secret"):
        await opened(tmp_path)


async def test_an_idle_server_empties_its_log(tmp_path: Path) -> None:
    """Nothing that is of no use any more is replayed, whatever becomes of it."""
    store = await opened(tmp_path)
    moved = position_of(tmp_path).checkpoints
    await append(store, draft("text"))
    while position_of(tmp_path).checkpoints == moved:
        await asyncio.sleep(0.01)
    assert not (tmp_path / f"{DATABASE}-wal").stat().st_size
    await store.close()
