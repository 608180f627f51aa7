"""What the SQLite store says and does when the disk fails (D2, D15, D16)."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import apsw
import pytest

from parlour.chat.ports import Commit
from parlour.core.errors import Refusal
from parlour.core.event import Appended, Draft
from parlour.schema.events import decode_event
from parlour.store.sqlite.check import check
from parlour.store.sqlite.checkpoints import Checkpoints
from parlour.store.sqlite.record import End
from parlour.store.sqlite.store import SqliteStore
from tests.support.faulty_disk import FaultyDisk, small_disk
from tests.support.records import ended
from tests.support.stores import Fatal, append, draft, open_sqlite
from tests.support.timeout import TIMEOUT_S


def outcome(answer: Appended | BaseException) -> str:
    if isinstance(answer, Refusal):
        return answer.code
    assert isinstance(answer, Appended)
    return "replay" if answer.replay else "stored"


async def send(store: SqliteStore, *drafts: Draft) -> list[str]:
    futures = [append(store, each) for each in drafts]
    return [outcome(answer) for answer in await asyncio.gather(*futures, return_exceptions=True)]


@pytest.mark.usefixtures("never_idle")
@pytest.mark.parametrize("reopened", [False, True])
async def test_a_failed_sync_ends_all_storing(tmp_path: Path, reopened: bool) -> None:
    """D16: the batch is unknown, nothing is shown, nothing is stored any more, and the next start verifies."""
    heard: list[Commit] = []
    fatal = Fatal()
    with FaultyDisk() as disk:
        store = await open_sqlite(tmp_path, fatal=fatal)
        store.on_commit(heard.extend)
        assert await send(store, draft("good", key="key-good")) == ["stored"]
        if reopened:
            await store.close()
            store = await open_sqlite(tmp_path, fatal=fatal)
            store.on_commit(heard.extend)
        disk.sync_fails["-wal"] = apsw.SQLITE_IOERR_FSYNC
        struck = [append(store, draft(f"struck {i}", key=f"struck-{i}")) for i in range(3)]
        await asyncio.sleep(0)  # the batch is with the writer; what comes now is queued behind it
        queued = append(store, draft("queued", key="key-queued"))
        answers = await asyncio.gather(*struck, queued, return_exceptions=True)
        assert [outcome(answer) for answer in answers] == ["outcome_unknown"] * 4
        assert not store.is_ready()
        disk.heal()
        syncs = len(disk.syncs)
        assert await send(store, draft("later")) == ["storage_unavailable"]
        # Nobody can look any more whether these are stored: to say that they are not could be a lie.
        assert await send(store, draft("good", key="key-good")) == ["outcome_unknown"]
        assert await send(store, draft("struck 0", key="struck-0")) == ["outcome_unknown"]
        assert [decode_event(event.json).text for event in await store.after("lobby", 0, 10)] == ["good"]
        await store.close()
        assert len(disk.syncs) == syncs, "a sync was tried again"
    assert len(fatal.errors) == 1
    assert isinstance(fatal.errors[0], apsw.IOError)
    assert [event.seq for commit in heard for event in commit.events] == [1]
    assert ended(tmp_path) is End.UNKNOWN

    store = await open_sqlite(tmp_path)
    retried = await send(store, *(draft(f"struck {i}", key=f"struck-{i}") for i in range(3)))
    assert set(retried) <= {"stored", "replay"}
    events = await store.after("lobby", 0, 10)
    assert [event.seq for event in events] == [1, 2, 3, 4]
    assert [decode_event(event.json).text for event in events] == ["good", "struck 0", "struck 1", "struck 2"]
    await store.close()
    assert check(tmp_path).is_ok
    assert ended(tmp_path) is End.WHOLE


@pytest.mark.usefixtures("never_idle")
async def test_what_a_failed_sync_left_is_written_anew_before_it_is_served(tmp_path: Path) -> None:
    """Pages that a failed sync left in the system's cache look clean: a later sync alone would not save them."""
    with FaultyDisk() as disk:
        store = await open_sqlite(tmp_path, fatal=Fatal())
        assert await send(store, draft("good")) == ["stored"]  # with which the log begins
        disk.sync_fails["-wal"] = apsw.SQLITE_IOERR_FSYNC
        assert await send(store, draft("struck")) == ["outcome_unknown"]
        await store.close()
        disk.heal()
        disk.syncs.clear()
        store = await open_sqlite(tmp_path)
        assert any(name.endswith("parlour.db") for name in disk.syncs)
        assert not (tmp_path / "parlour.db-wal").stat().st_size
        await store.close()


async def test_a_failed_checkpoint_stops_the_store_without_an_append(tmp_path: Path) -> None:
    fatal = Fatal()
    with FaultyDisk() as disk:
        store = await open_sqlite(tmp_path, fatal=fatal)
        await send(store, draft())
        disk.sync_fails[".db"] = apsw.SQLITE_IOERR_FSYNC
        await fatal.happened.wait()  # the checkpoint comes when the writer is idle
        assert await send(store, draft()) == ["storage_unavailable"]
        await store.close()
    assert len(fatal.errors) == 1
    assert ended(tmp_path) is End.UNKNOWN


@pytest.mark.usefixtures("never_idle")
async def test_an_unknown_write_error_is_not_called_a_full_disk(tmp_path: Path) -> None:
    fatal = Fatal()
    with FaultyDisk() as disk:
        store = await open_sqlite(tmp_path, fatal=fatal)
        disk.write_fails["-wal"] = apsw.SQLITE_IOERR_WRITE
        assert await send(store, draft()) == ["outcome_unknown"]
        disk.heal()
        await store.close()
    assert len(fatal.errors) == 1


@pytest.mark.usefixtures("never_idle")
async def test_a_full_disk_refuses_and_recovers_by_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """D15: 507 and `stored: false` while it lasts, reads go on, the first append that fits makes it ready again."""
    heard: list[Commit] = []
    stored: list[int] = []
    refused: list[int] = []
    with small_disk(tmp_path / "disk") as disk:
        store = await open_sqlite(disk.path / "data")
        store.on_commit(heard.extend)
        for number in range(400):
            text = f"{number:04}" + "x" * 4000
            (answer,) = await send(store, draft(text, key=f"key-{number:06}"))
            (stored if answer == "stored" else refused).append(number)
            assert answer in ("stored", "storage_full")
            if len(refused) == 5:
                break
        assert len(stored) > 20
        assert len(refused) == 5
        assert not store.is_ready()
        assert len([record for record in caplog.records if "a batch" in record.getMessage()]) == 1
        assert (await store.log("lobby")).head_seq == len(stored)
        assert len(await store.after("lobby", 0, 1000, 10_000_000)) == len(stored)

        disk.enlarge()
        assert await send(store, draft("fits again")) == ["stored"]
        assert store.is_ready()
        assert await send(store, draft("x", key=f"key-{refused[0]:06}")) == ["stored"]  # truly never stored
        texts = [decode_event(event.json).text or "" for event in await store.after("lobby", 0, 1000, 10_000_000)]
        assert [text[:4] for text in texts] == [f"{number:04}" for number in stored] + ["fits", "x"]
        assert sum(len(commit.events) for commit in heard) == len(texts)
        await store.close()
        assert check(disk.path / "data").is_ok


async def test_a_disk_with_room_again_is_noticed_without_a_send(tmp_path: Path) -> None:
    """Whoever stopped sending because the store was not ready would otherwise wait for ever."""
    with FaultyDisk() as disk:
        store = await open_sqlite(tmp_path)
        disk.write_fails["-wal"] = apsw.SQLITE_FULL
        assert await send(store, draft("lost")) == ["storage_full"]
        assert not store.is_ready()
        syncs = len(disk.syncs)
        disk.heal()
        async with asyncio.timeout(TIMEOUT_S):
            while not store.is_ready():
                await asyncio.sleep(0.01)
        assert len(disk.syncs) > syncs, "ready without having written"
        assert (await store.log("lobby")).head_seq == 0
        assert await send(store, draft("1")) == ["stored"]
        await store.close()
    assert check(tmp_path).is_ok


@pytest.mark.usefixtures("never_idle")
async def test_a_batch_that_met_a_full_disk_leaves_no_hole(tmp_path: Path) -> None:
    """What is new in a batch is refused, in the fast and the slow way, and its numbers are given out again.

    What is a repeat is answered from the log: `stored: false` would be a lie.
    """
    with FaultyDisk() as disk:
        store = await open_sqlite(tmp_path)
        await send(store, draft("1", key="key-0001"))
        disk.write_fails["-wal"] = apsw.SQLITE_FULL
        assert await send(store, *(draft(f"lost {i}") for i in range(3))) == ["storage_full"] * 3
        mixed = [
            draft("1", key="key-0001"),
            draft("lost", "new"),
            draft("2", key="key-0001"),
            draft("x", key="key-0002"),
        ]
        assert await send(store, *mixed) == ["replay", "storage_full", "key_reused", "storage_full"]
        disk.heal()
        assert await send(store, draft("2"), draft("1", "new")) == ["stored"] * 2
        assert [event.seq for event in await store.after("lobby", 0, 9)] == [1, 2]
        assert [event.seq for event in await store.after("new", 0, 9)] == [1]
        await store.close()
    assert check(tmp_path).is_ok


@pytest.mark.usefixtures("never_idle")
async def test_a_foreign_lock_refuses_without_ending_the_store(tmp_path: Path) -> None:
    """Another program that holds the database longer than the busy timeout costs a refusal, not the server."""
    with FaultyDisk() as disk:
        store = await open_sqlite(tmp_path)
        await send(store, draft("1"))
        disk.write_fails["-wal"] = apsw.SQLITE_BUSY
        assert await send(store, draft("2")) == ["storage_unavailable"]
        disk.heal()
        assert store.is_ready()
        assert await send(store, draft("2")) == ["stored"]
        await store.close()


async def test_a_mistake_in_the_writer_ends_all_storing_and_hangs_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever ends the thread's work is told like a failed disk: the process ends instead of looking alive."""

    def broken(_checkpoints: Checkpoints, _record: object) -> None:
        raise ValueError("broken on purpose")

    fatal = Fatal()
    async with asyncio.timeout(TIMEOUT_S):
        store = await open_sqlite(tmp_path, fatal=fatal, idle_s=0.0)
        monkeypatch.setattr(Checkpoints, "empty", broken)
        assert await send(store, draft("good")) == ["stored"]
        await fatal.happened.wait()
        assert not store.is_ready()
        answers = await send(store, draft("later"), draft("keyed", key="key-0001"))
        assert answers == ["storage_unavailable", "outcome_unknown"]
        await store.close()
    assert [str(error) for error in fatal.errors] == ["broken on purpose"]
    assert "broken on purpose" in caplog.text
    assert ended(tmp_path) is End.UNKNOWN
    monkeypatch.undo()
    store = await open_sqlite(tmp_path)
    assert (await store.log("lobby")).head_seq == 1
    await store.close()


class BrokenLog(logging.Handler):
    """Raises where the writer's thread says what went wrong."""

    def emit(self, record: logging.LogRecord) -> None:
        raise ValueError("broken on purpose")


async def test_a_mistake_with_a_batch_in_hand_leaves_it_unknown(tmp_path: Path) -> None:
    """The batch is answered too, and not as if it were certain that nothing was stored."""
    fatal, handler, log = Fatal(), BrokenLog(), logging.getLogger("parlour.store")
    bad = draft("bad")
    bad.author = None  # type: ignore[assignment]  # which makes it log
    log.addHandler(handler)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            store = await open_sqlite(tmp_path, fatal=fatal)
            assert await send(store, draft("good")) == ["stored"]
            assert await send(store, bad) == ["outcome_unknown"]
            await fatal.happened.wait()
            assert await send(store, draft("later")) == ["storage_unavailable"]
            await store.close()
    finally:
        log.removeHandler(handler)
