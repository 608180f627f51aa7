"""The images of a power cut show what they should: whoever syncs less, or answers before it, loses what was told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.fault.power.crowd import Crowd
from tests.fault.power.history import a_failed_sync, first_life, recorded
from tests.fault.power.judge import Verdict, walk
from tests.fault.power.operations import Operation, Record, Sync, Told
from tests.fault.power.server import DATA, PLAIN

LOST = "was told and is not there"
WAL = f"{DATA}/parlour.db-wal"
DATABASE = f"{DATA}/parlour.db"

_log = logging.getLogger("parlour.power")


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


async def test_a_record_of_a_server_that_syncs_less_or_later_is_found_out(tmp_path: Path) -> None:
    found = {}
    with recorded(tmp_path / "disk") as history:
        crowd = Crowd(history.server, Random(6))
        first_life(history.server, crowd)
        record = await history.end(crowd)
        for name, broken in BROKEN.items():
            lossy = broken(record)
            verdict = await walk(lossy, history.judge, Random(6), 1, start=lossy.first_told, until=LOST)
            found[name] = is_found_out(verdict)
    assert found == dict.fromkeys(BROKEN, True)


def is_found_out(verdict: Verdict) -> bool:
    _log.info("%d images, %d violations, such as %s", verdict.images, len(verdict.violations), verdict.violations[-1:])
    return any(LOST in violation for violation in verdict.violations)


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
async def test_a_server_that_was_changed_to_sync_less_is_found_out(tmp_path: Path, change: str) -> None:
    with recorded(tmp_path / "disk", change + PLAIN) as history:
        crowd = Crowd(history.server, Random(7))
        first_life(history.server, crowd)
        assert is_found_out(await walk(await history.end(crowd), history.judge, Random(7), 4, until=LOST))


@pytest.mark.long
async def test_a_server_that_trusts_the_log_after_a_failed_sync_is_found_out(tmp_path: Path) -> None:
    change = "import parlour.store.sqlite.database as d; d._recover = lambda *everything: None; "
    with recorded(tmp_path / "disk", change + PLAIN) as history:
        assert is_found_out(await walk(await a_failed_sync(history), history.judge, Random(5), 4, until=LOST))
