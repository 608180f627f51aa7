"""A copy that may not be written, with a log that the database does not have yet: a check calls nothing damaged."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from parlour.store.errors import StoreError
from parlour.store.sqlite.check import check
from tests.store.sqlite.test_damaged_files import killed

pytestmark = pytest.mark.usefixtures("never_idle")

NOBODY = 65534


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A directory that another user can reach, which pytest's own is not."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


def verdict(directory: Path) -> str:
    """What a check says to who may only read."""
    for path in directory.iterdir():
        path.chmod(0o444)
    directory.chmod(0o555)
    root = os.geteuid() == 0
    if root:  # whom no mode keeps from writing
        os.seteuid(NOBODY)
    try:
        problems = check(directory).problems
    except StoreError as error:
        return str(error)
    finally:
        if root:
            os.seteuid(0)
        directory.chmod(0o755)
    return f"{problems}"


@pytest.mark.parametrize("has_index", [True, False], ids=["with the WAL-index", "without"])
async def test_a_copy_that_may_not_be_written_is_not_called_damaged(open_to_all: Path, has_index: bool) -> None:
    directory = await killed(open_to_all, 10)
    if not has_index:
        (directory / "parlour.db-shm").unlink()
    assert ("[]" if has_index else "copy") in verdict(directory)
    assert check(directory).is_ok
