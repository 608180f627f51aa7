"""Opening, closing and reopening a data directory."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from parlour.core.event import Appended, Log
from parlour.schema.events import decode_event
from parlour.store.errors import Damaged, StoreError
from parlour.store.rules import new_identity
from parlour.store.sqlite.check import check
from parlour.store.sqlite.connection import open_writer
from parlour.store.sqlite.errors import DirectoryInUse
from parlour.store.sqlite.record import End
from tests.support.records import ended, set_ended
from tests.support.stores import CountedIds, Fatal, HandClock, append, draft, open_sqlite

ROOT = Path(__file__).parents[3]


@contextmanager
def holder(directory: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.store.sqlite.holder", str(directory), *arguments]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            yield process
        finally:
            process.kill()


async def test_the_directory_is_private_and_made_when_needed(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    store = await open_sqlite(directory)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert (directory / "lock").read_text() == f"{os.getpid()}\n"
    assert ended(directory) is End.UNKNOWN
    await append(store, draft())
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    await store.close()
    assert sorted(path.name for path in directory.iterdir()) == ["lock", "parlour.db", "parlour.position"]


async def test_a_database_of_another_user_is_refused_not_opened_for_reading_only() -> None:
    with tempfile.TemporaryDirectory() as place:  # tmp_path is below a directory of this user alone
        directory = Path(place)
        store = await open_sqlite(directory)
        await append(store, draft())
        await store.close()
        (directory / "parlour.db").chmod(0o444)
        with powerless(directory), pytest.raises(StoreError, match=r"Permission denied: .*parlour\.db"):
            await open_sqlite(directory)
        assert sorted(os.listdir(place)) == ["lock", "parlour.db", "parlour.position"]


@contextmanager
def powerless(directory: Path) -> Iterator[None]:
    """Be somebody whom modes of files hold; what is in the directory stays as it is, but for the lock."""
    if os.geteuid() != 0:
        yield
        return
    nobody = 65534
    for path in (directory, directory / "lock", directory / "parlour.position"):
        os.chown(path, nobody, -1)
    os.seteuid(nobody)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    clock = HandClock()
    store = await open_sqlite(tmp_path, clock=clock)
    first = await append(store, draft("one", key="key-0001"))
    await append(store, draft("two", "dev"))
    before = (store.epoch, store.secret, await store.rooms(10), await store.after("lobby", 0, 10))
    await store.close()
    clock.ms -= 3_000_000
    store = await open_sqlite(tmp_path, clock=clock)
    assert (store.epoch, store.secret, await store.rooms(10), await store.after("lobby", 0, 10)) == before
    assert await append(store, draft("one", key="key-0001")) == Appended(first.seq, first.json, True)
    second = await append(store, draft("three"))
    assert second.seq == 2
    assert decode_event(second.json).at == decode_event(first.json).at, "time went back across a restart"
    await store.close()


@pytest.mark.usefixtures("never_idle", "short_lock_timeout")
@pytest.mark.parametrize("is_behind", [False, True])
async def test_an_end_is_clean_if_the_database_file_alone_has_everything(tmp_path: Path, is_behind: bool) -> None:
    """Another program that reads an older state keeps what is newer in the log."""
    store = await open_sqlite(tmp_path)
    await append(store, draft("one"))
    with reading(tmp_path):
        if is_behind:
            await append(store, draft("two"))
        head = (await store.log("lobby")).head_seq
        await store.close()
        assert ended(tmp_path) is (End.UNKNOWN if is_behind else End.WHOLE)
        assert is_behind or stored_without_log(tmp_path) == head
        if is_behind:
            with pytest.raises(StoreError, match=r"parlour\.db is in use by another program"):
                await open_sqlite(tmp_path)
    store = await open_sqlite(tmp_path)
    assert (await store.log("lobby")).head_seq == head
    await store.close()
    assert ended(tmp_path) is End.WHOLE
    assert stored_without_log(tmp_path) == head


@contextmanager
def reading(directory: Path) -> Iterator[None]:
    """Hold a read transaction, as another program may."""
    reader = apsw.Connection(str(directory / "parlour.db"), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM events").fetchall()
    try:
        yield
    finally:
        reader.close()


def stored_without_log(directory: Path) -> int:
    """How many events the database file has, whatever lies beside it."""
    address = f"file:{directory / 'parlour.db'}?immutable=1"
    alone = apsw.Connection(address, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    count = alone.execute("SELECT count(*) FROM events WHERE id >> 36").get
    alone.close()
    assert isinstance(count, int)
    return count


def test_other_data_has_another_epoch_and_secret() -> None:
    ids = CountedIds()
    made = [new_identity(ids) for _ in range(50)]
    assert len({epoch for epoch, _ in made}) == 50
    assert len({secret for _, secret in made}) == 50


async def test_a_second_process_is_told_who_holds_the_directory(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        with pytest.raises(DirectoryInUse, match=rf"process {process.pid}\b") as caught:
            await open_sqlite(tmp_path)
        assert caught.value.pid == process.pid
        assert check(tmp_path).is_ok
        process.communicate(input="")
        assert process.returncode == 0
    await (await open_sqlite(tmp_path)).close()


async def test_the_same_process_cannot_open_twice(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path)
    with pytest.raises(DirectoryInUse):
        await open_sqlite(tmp_path)
    await append(store, draft())
    await store.close()


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    await _altered(tmp_path, "INSERT INTO migrations VALUES (99, 'later', 'x')")
    with pytest.raises(StoreError, match="schema 99"):
        await open_sqlite(tmp_path)
    with pytest.raises(StoreError, match="schema 99"):
        check(tmp_path)


async def test_a_changed_migration_is_refused(tmp_path: Path) -> None:
    await _altered(tmp_path, "UPDATE migrations SET checksum = 'other' WHERE number = 1")
    with pytest.raises(StoreError, match="0001_log"):
        await open_sqlite(tmp_path)


async def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "parlour.db"))
    connection.execute("CREATE TABLE mine (x)")
    connection.close()
    before = (tmp_path / "parlour.db").read_bytes()
    with pytest.raises(StoreError, match="another program"):
        await open_sqlite(tmp_path)
    assert (tmp_path / "parlour.db").read_bytes() == before


async def test_rubbish_instead_of_a_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "parlour.db").write_bytes(b"rubbish" * 1000)
    with pytest.raises(Damaged, match="not a database"):
        await open_sqlite(tmp_path)


async def test_a_log_of_commits_that_cannot_be_read_is_refused_and_holds_nothing(tmp_path: Path) -> None:
    """The next start reads it for its newest row, also after a clean end."""
    store = await open_sqlite(tmp_path)
    await append(store, draft("hello"))
    await store.close()
    path = tmp_path / "parlour.db"
    connection = apsw.Connection(str(path))
    root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'events'").get
    connection.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    for _ in range(2):  # a refused start has let go of the directory
        with pytest.raises(Damaged, match=r"parlour\.db cannot be opened"):
            await open_sqlite(tmp_path)


async def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be used"):
        await open_sqlite(tmp_path / "file" / "data")


async def test_an_sqlite_that_corrupts_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    with pytest.raises(StoreError, match=r"3\.51\.3"):
        await open_sqlite(tmp_path)
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.10")
    await (await open_sqlite(tmp_path)).close()


def test_a_setting_that_does_not_take_is_refused() -> None:
    """`:memory:` keeps another journal mode; so does a file system without shared memory."""
    with pytest.raises(StoreError, match="journal_mode at 'memory' where 'wal'"):
        open_writer(Path(":memory:"))


async def test_a_damaged_tail_is_reported_at_the_start_after_a_bad_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = await open_sqlite(tmp_path)
    await asyncio.gather(*(append(store, draft(f"{i}")) for i in range(5)))
    await store.close()
    await _altered(tmp_path, "UPDATE events SET checksum = checksum + 1 WHERE id >> 36 AND id & 0xffff = 4")
    await (await open_sqlite(tmp_path)).close()
    assert not caplog.records
    set_ended(tmp_path, End.UNKNOWN)
    await (await open_sqlite(tmp_path)).close()
    assert [record.getMessage() for record in caplog.records] == ["room lobby, event 4: its checksum does not match"]


async def test_kill_9_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    """D1, D5, D14: three times; the long loop is in the crash tests."""
    answered: dict[str, tuple[str, int]] = {}
    for run in range(3):
        with holder(tmp_path, "append", f"run{run}") as process:
            assert process.stdout is not None
            for _ in range(20 + 37 * run):
                room, seq, key = process.stdout.readline().split()
                answered[key] = (room, int(seq))
            process.send_signal(signal.SIGKILL)
            for line in process.stdout:
                if line.endswith("\n"):
                    room, seq, key = line.split()
                    answered[key] = (room, int(seq))
    fatal = Fatal()
    store = await open_sqlite(tmp_path, fatal=fatal)
    stored: dict[str | None, tuple[str, int]] = {}
    for room in ("room0", "room1", "room2"):
        log = await store.log(room)
        last = 0
        while page := await store.after(room, last, 1000):
            stored.update((decode_event(event.json).key, (room, event.seq)) for event in page)
            last = page[-1].seq
        assert log == Log(1, last)
    assert len(stored) == sum([(await store.log(room)).head_seq for room in ("room0", "room1", "room2")])
    assert {key: stored.get(key) for key in answered} == answered
    await store.close()
    report = check(tmp_path)
    assert report.problems == []
    assert report.events == len(stored)


async def _altered(directory: Path, statement: str) -> None:
    await (await open_sqlite(directory)).close()
    connection = apsw.Connection(str(directory / "parlour.db"))
    connection.execute(statement)
    connection.close()
