"""A file that lost what it held is told from one that is new or was cut short: the start refuses it, and says why."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from parlour.store.errors import StoreError
from parlour.store.sqlite.check import check
from parlour.store.sqlite.record import End
from parlour.store.sqlite.store import SqliteStore
from tests.support.records import RECORD, adopt, position_of, set_ended
from tests.support.stores import append, draft, open_sqlite
from tests.support.timeout import TIMEOUT_S

pytestmark = pytest.mark.usefixtures("never_idle")  # what is in the log stays there

DATABASE = "parlour.db"
FRAME = 24 + 4096


async def killed(directory: Path, texts: int, recorded: int | None = None) -> Path:
    """A directory as a kill leaves it, every message in a transaction of its own and none in the database yet.

    With `recorded` the record is that of so many messages, as a power cut may leave it.
    """
    running, copy = directory / "running", directory / "killed"
    store = await open_sqlite(running)
    records = []
    for number in range(texts):
        await append(store, draft(f"text {number}"))
        records.append(await read_record_of(store, running))
    shutil.copytree(running, copy)
    (copy / "lock").unlink()
    (copy / RECORD).write_bytes(records[(recorded or texts) - 1])
    adopt(copy)
    await store.close()
    return copy


async def read_record_of(store: SqliteStore, directory: Path) -> bytes:
    """The bytes of the record, once it has the newest message."""
    head = (await store.log("lobby")).head_seq
    async with asyncio.timeout(TIMEOUT_S):
        while position_of(directory).event & 0xFFF != head:  # senders do not wait for it
            await asyncio.sleep(0)
    return (directory / RECORD).read_bytes()


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
    """A power cut amid a write: nobody was told that it is stored, and the record does not speak of it."""
    directory = await killed(tmp_path, 10, recorded=9)
    log = directory / f"{DATABASE}-wal"
    last = transactions(log.read_bytes())[-1]
    change(log, last + 24, bytes(100))
    (directory / f"{DATABASE}-shm").unlink()
    assert check(directory).is_ok
    assert await opens_with(directory) == 9


def inverted(log: bytes, at: int) -> tuple[int, bytes]:
    """Another byte than is there, whatever that is."""
    return at, bytes([log[at] ^ 0xFF])


DAMAGE: dict[str, tuple[int, Callable[[bytes], tuple[int, bytes]]]] = {
    "a page amid it": (4, lambda log: (transactions(log)[4] + 24, bytes(100))),
    "the head of a frame": (4, lambda log: inverted(log, transactions(log)[4] + 8)),
    "its last page": (9, lambda log: (transactions(log)[-1] + 24, bytes(100))),
    "its first bytes": (0, lambda log: (0, bytes(32))),
    "its salts": (0, lambda log: inverted(log, 16)),
    "its first page": (0, lambda log: (0, bytes(4096))),
}
"""How many messages lie before it, and what is written where."""


@pytest.mark.parametrize("kind", DAMAGE)
async def test_a_damaged_log_is_refused_again_and_again_and_left_alone(tmp_path: Path, kind: str) -> None:
    directory = await killed(tmp_path, 10)
    log = directory / f"{DATABASE}-wal"
    left, damage = DAMAGE[kind]
    change(log, *damage(log.read_bytes()))
    await is_refused_and_left_alone(directory)
    (directory / RECORD).unlink()
    assert await opens_with(directory) == left, "what lies before the damage"
    assert check(directory).is_ok


async def is_refused_and_left_alone(directory: Path) -> None:
    """Again and again, by a start and by a check, with a sentence that says what to do."""
    before = contents(directory)
    for _ in range(2):
        (problem,) = check(directory).problems
        assert problem.what.startswith(f"{directory / DATABASE} has lost stored messages")
        with pytest.raises(
            StoreError, match=r"the last is event 10 of (room lobby|a lost room): .* move parlour.position out"
        ):
            await open_sqlite(directory)
        assert contents(directory) == before


def contents(directory: Path) -> dict[str, bytes]:
    """All that counts: SQLite makes its index anew, and a log without a byte."""
    others = ("lock", f"{DATABASE}-shm")
    files = (path for path in directory.iterdir() if path.name not in others and path.stat().st_size)
    return {path.name: path.read_bytes() for path in files}


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


@pytest.mark.parametrize("size", [-1, -FRAME, 32])
async def test_a_log_that_was_cut_short_is_refused_again_and_again(tmp_path: Path, size: int) -> None:
    directory = await killed(tmp_path, 10)
    log = directory / f"{DATABASE}-wal"
    log.write_bytes(log.read_bytes()[:size])
    await is_refused_and_left_alone(directory)


EMPTY: dict[str, Callable[[Path], object]] = {
    "removed": lambda log: log.unlink(),
    "no byte of it": lambda log: log.write_bytes(b""),
    "less than its head": lambda log: log.write_bytes(log.read_bytes()[:20]),
    "zeros": lambda log: log.write_bytes(bytes(log.stat().st_size)),
}


@pytest.mark.parametrize("has_index", [True, False], ids=["beside its index", "with its index"])
@pytest.mark.parametrize("kind", EMPTY)
async def test_a_log_that_holds_nothing_any_more_is_refused_again_and_again(
    tmp_path: Path, kind: str, has_index: bool
) -> None:
    directory = await killed(tmp_path, 10)
    EMPTY[kind](directory / f"{DATABASE}-wal")
    if not has_index:
        (directory / f"{DATABASE}-shm").unlink()
    await is_refused_and_left_alone(directory)
    (directory / RECORD).unlink()
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
    assert sorted(path.name for path in directory.iterdir()) == [DATABASE, RECORD]
    assert await opens_with(directory) == 10


async def test_a_log_that_a_server_is_writing_is_whole(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path)
    for number in range(50):
        await append(store, draft(f"text {number}"))
        assert check(tmp_path).is_ok
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
    (directory / RECORD).unlink()
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
    connection.execute(f"UPDATE events SET body = {value} WHERE id >> 36 AND id & 0xff = 3")  # noqa: S608
    connection.close()
    assert 3 in [problem.seq for problem in check(tmp_path).problems]
    set_ended(tmp_path, End.UNKNOWN)
    store = await open_sqlite(tmp_path)
    assert [event.seq for event in await store.after("lobby", 0, 2)] == [1, 2]
    await store.close()
