"""A file that lost what it held is told from one that is new or was cut short: the start refuses it, and says why."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from parlour.store.sqlite import StoreError
from parlour.store.sqlite.check import check
from parlour.store.sqlite.wal import WriteAheadLog
from tests.support.stores import append, draft, open_sqlite

pytestmark = pytest.mark.usefixtures("never_idle")  # what is in the log stays there

DATABASE = "parlour.db"
FRAME = 24 + 4096


async def killed(directory: Path, texts: int) -> Path:
    """A directory as a kill leaves it, every message in a transaction of its own and none in the database yet."""
    store = await open_sqlite(directory / "running")
    for number in range(texts):
        await append(store, draft(f"text {number}"))
    copy = directory / "killed"
    shutil.copytree(directory / "running", copy)
    (copy / "lock").unlink()
    await store.close()
    return copy


async def opens_with(directory: Path) -> int:
    """The head after a start."""
    store = await open_sqlite(directory)
    head = (await store.log("lobby")).head_seq
    await store.close()
    return head


def change(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def transactions(log: bytes) -> list[int]:
    """Where the frames begin that end a transaction."""
    return [at for at in range(32, len(log), FRAME) if log[at + 4 : at + 8] != bytes(4)]


async def test_a_log_that_was_not_damaged_is_taken_as_it_is(tmp_path: Path) -> None:
    directory = await killed(tmp_path, 10)
    assert check(directory).is_ok
    assert await opens_with(directory) == 10
    assert check(directory).is_ok


async def test_a_log_whose_last_transaction_was_cut_short_is_taken_up_to_there(tmp_path: Path) -> None:
    """A power cut amid a write: nobody was told that it is stored. The WAL-index of before it may be there, or none."""
    directory = await killed(tmp_path, 10)
    log = directory / f"{DATABASE}-wal"
    last = transactions(log.read_bytes())[-1]
    change(log, last + 24, bytes(100))
    (directory / f"{DATABASE}-shm").unlink()
    assert check(directory).is_ok
    assert await opens_with(directory) == 9


DAMAGE: dict[str, Callable[[bytes], tuple[int, bytes]]] = {
    "a page amid it": lambda log: (transactions(log)[4] + 24, bytes(100)),
    "the head of a frame": lambda log: (transactions(log)[4] + 8, b"\xff"),
    "its first bytes": lambda log: (0, bytes(32)),
    "its salts": lambda log: (16, b"\xff\xff"),
    "its first page": lambda log: (0, bytes(4096)),
}


@pytest.mark.parametrize("kind", DAMAGE)
async def test_a_damaged_log_is_refused_again_and_again_and_left_alone(tmp_path: Path, kind: str) -> None:
    directory = await killed(tmp_path, 10)
    (directory / f"{DATABASE}-shm").unlink()
    log = directory / f"{DATABASE}-wal"
    change(log, *DAMAGE[kind](log.read_bytes()))
    before = log.read_bytes()
    for _ in range(2):
        (problem,) = check(directory).problems
        assert problem.what.startswith(f"{log} is damaged at frame ")
        with pytest.raises(StoreError, match=r"is damaged at frame .* move parlour.db-wal and parlour.db-shm out"):
            await open_sqlite(directory)
        assert log.read_bytes() == before
    log.unlink()
    (directory / f"{DATABASE}-shm").unlink()
    assert await opens_with(directory) == 0, "what had been moved into the database by then"


@pytest.mark.parametrize("torn", range(13, 32))
async def test_a_head_that_was_torn_when_the_log_was_begun_anew_costs_nothing(tmp_path: Path, torn: int) -> None:
    """All that is behind it is in the database by then."""
    directory = await torn_at(tmp_path, torn)
    assert check(directory).is_ok
    assert await opens_with(directory) == 10


async def torn_at(tmp_path: Path, torn: int) -> Path:
    """A directory whose log a power cut left amid the header of a new one."""
    directory = await killed(tmp_path, 10)
    connection = apsw.Connection(str(directory / DATABASE))
    connection.pragma("schema_version")
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
    log = directory / f"{DATABASE}-wal"
    before = log.read_bytes()
    connection.execute("INSERT INTO meta VALUES ('new', 1)")
    after = log.read_bytes()
    assert before[:32] != after[:32]
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.close()
    log.write_bytes(after[:torn] + before[torn:])
    (directory / f"{DATABASE}-shm").unlink()
    return directory


async def test_a_look_at_a_torn_head_leaves_sqlite_its_locks(tmp_path: Path) -> None:
    """Without them another program thinks that it is the last to close the database, and removes the log."""
    directory = await torn_at(tmp_path, 20)
    store = await open_sqlite(directory)
    assert is_locked(directory / DATABASE)
    await store.close()
    assert not is_locked(directory / DATABASE)


def is_locked(database: Path) -> bool:
    """Whether another process could not lock what SQLite locks to close it as the last one (SHARED_FIRST, os.h)."""
    lock = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)"
    return b"BlockingIOError" in subprocess.run([sys.executable, "-c", lock, database], capture_output=True).stderr


@pytest.mark.parametrize(
    ("size", "message"), [(-1, "is damaged at frame"), (-FRAME, "is damaged at frame"), (32, "holds nothing")]
)
async def test_what_the_index_knows_of_is_missed(tmp_path: Path, size: int, message: str) -> None:
    """SQLite writes the WAL-index after the sync; a kill leaves it."""
    directory = await killed(tmp_path, 10)
    log = directory / f"{DATABASE}-wal"
    log.write_bytes(log.read_bytes()[:size])
    for _ in range(2):
        assert not check(directory).is_ok
        with pytest.raises(StoreError, match=message):
            await open_sqlite(directory)


EMPTY: dict[str, Callable[[Path], object]] = {
    "removed": lambda log: log.unlink(),
    "no byte of it": lambda log: log.write_bytes(b""),
    "less than its head": lambda log: log.write_bytes(log.read_bytes()[:20]),
    "zeros": lambda log: log.write_bytes(bytes(log.stat().st_size)),
}


@pytest.mark.parametrize("kind", EMPTY)
async def test_a_log_that_holds_nothing_any_more_is_refused_again_and_again(tmp_path: Path, kind: str) -> None:
    directory = await killed(tmp_path, 10)
    log = directory / f"{DATABASE}-wal"
    EMPTY[kind](log)
    for _ in range(2):
        (problem,) = check(directory).problems
        assert problem.what.startswith(f"{log} holds nothing")
        with pytest.raises(StoreError, match=r"holds nothing.* move parlour.db-wal and parlour.db-shm out"):
            await open_sqlite(directory)
    log.unlink(missing_ok=True)
    (directory / f"{DATABASE}-shm").unlink()
    assert await opens_with(directory) == 0, "what had been moved into the database by then"


@pytest.mark.parametrize("kind", EMPTY)
async def test_a_log_of_which_the_database_has_everything_is_not_missed(tmp_path: Path, kind: str) -> None:
    directory = await killed(tmp_path, 10)
    connection = apsw.Connection(str(directory / DATABASE))
    connection.pragma("schema_version")
    connection.wal_checkpoint()
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.close()
    EMPTY[kind](directory / f"{DATABASE}-wal")
    assert check(directory).is_ok
    assert await opens_with(directory) == 10


async def test_a_database_that_another_program_has_closed_has_no_log_and_misses_none(tmp_path: Path) -> None:
    """SQLite moves the log into the database and removes it, whoever closes it last."""
    directory = await killed(tmp_path, 10)
    connection = apsw.Connection(str(directory / DATABASE))
    connection.pragma("schema_version")
    connection.close()
    assert sorted(path.name for path in directory.iterdir()) == [DATABASE, "verify-at-start"]
    assert await opens_with(directory) == 10


async def test_an_index_of_another_log_says_nothing(tmp_path: Path) -> None:
    directory = await killed(tmp_path, 10)
    index = directory / f"{DATABASE}-shm"
    other = bytearray(index.read_bytes())
    other[32] = other[80] = other[32] ^ 0xFF
    other[16:20] = other[64:68] = (10_000).to_bytes(4, "little")
    index.write_bytes(other)
    assert await opens_with(directory) == 10


async def test_a_log_that_a_server_is_writing_is_whole(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path)
    for number in range(50):
        await append(store, draft(f"text {number}"))
        log = WriteAheadLog(tmp_path / DATABASE)
        connection = apsw.Connection(str(tmp_path / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
        assert log.damage(connection) == ""
        connection.close()
    await store.close()


async def test_an_emptied_database_is_refused_again_and_again(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path)
    await append(store, draft("text"))
    await store.close()
    (tmp_path / DATABASE).write_bytes(b"")
    for _ in range(2):
        assert [problem.what for problem in check(tmp_path).problems] == ["it is empty"]
        with pytest.raises(StoreError, match="is empty and was not"):
            await open_sqlite(tmp_path)


async def test_an_emptied_database_whose_log_is_there_is_refused(tmp_path: Path) -> None:
    """SQLite would remove the log."""
    directory = await killed(tmp_path, 3)
    (directory / "lock").touch()
    log = (directory / f"{DATABASE}-wal").read_bytes()
    (directory / DATABASE).write_bytes(b"")
    with pytest.raises(StoreError, match="is empty and was not"):
        await open_sqlite(directory)
    assert (directory / f"{DATABASE}-wal").read_bytes() == log


async def test_a_first_start_that_failed_can_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise apsw.FullError

    with monkeypatch.context() as patch:
        patch.setattr("parlour.store.sqlite.database.open_writer", fail)
        with pytest.raises(StoreError):
            await open_sqlite(tmp_path)
    assert (tmp_path / DATABASE).stat().st_size == 0
    assert await opens_with(tmp_path) == 0


ROWS = {
    "the secret": ("UPDATE meta SET value = randomblob(32) WHERE name = 'secret'", "lost its epoch or its secret"),
    "the name of the secret": ("UPDATE meta SET name = 'sacret' WHERE name = 'secret'", "lost its epoch or its secret"),
    "the epoch": ("UPDATE meta SET value = 'abcdef' WHERE name = 'epoch'", "lost its epoch or its secret"),
}


@pytest.mark.parametrize("kind", ROWS)
async def test_another_identity_is_refused(tmp_path: Path, kind: str) -> None:
    statement, what = ROWS[kind]
    store = await open_sqlite(tmp_path)
    await append(store, draft("text"))
    await store.close()
    connection = apsw.Connection(str(tmp_path / DATABASE))
    connection.execute(statement)
    connection.close()
    assert "the epoch or the secret is damaged" in [problem.what for problem in check(tmp_path).problems]
    with pytest.raises(StoreError, match=what):
        await open_sqlite(tmp_path)


async def test_an_identity_without_a_checksum_gets_one(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path)
    await append(store, draft("text"))
    await store.close()
    connection = apsw.Connection(str(tmp_path / DATABASE))
    connection.execute("DELETE FROM meta WHERE name = 'identity'")
    assert check(tmp_path).is_ok
    assert await opens_with(tmp_path) == 1
    assert connection.execute("SELECT count(*) FROM meta WHERE name = 'identity'").get == 1
    connection.close()


@pytest.mark.parametrize("value", ["CAST(body AS TEXT)", "NULL", "7", "1.5"])
async def test_a_value_whose_type_was_damaged_is_a_damaged_event(tmp_path: Path, value: str) -> None:
    """A flipped bit in the head of a row makes text of bytes."""
    store = await open_sqlite(tmp_path)
    for number in range(5):
        await append(store, draft(f"text {number}"))
    await store.close()
    connection = apsw.Connection(str(tmp_path / DATABASE))
    connection.pragma("writable_schema", 1)
    connection.execute(
        "UPDATE sqlite_schema SET sql = replace(replace(sql, ') STRICT', ')'), 'NOT NULL', '') WHERE name = 'events'"
    )
    connection.close()
    connection = apsw.Connection(str(tmp_path / DATABASE))
    connection.execute(f"UPDATE events SET body = {value} WHERE id & 0xff = 3")  # noqa: S608
    connection.close()
    assert 3 in [problem.seq for problem in check(tmp_path).problems]
    (tmp_path / "verify-at-start").touch()
    store = await open_sqlite(tmp_path)
    assert [event.seq for event in await store.after("lobby", 0, 2)] == [1, 2]
    await store.close()
