"""The files in a data directory are files of its own, and nobody's but their owner's."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from parlour.store.errors import StoreError
from parlour.store.sqlite.check import check
from tests.support.records import adopt
from tests.support.stores import append, draft, open_sqlite

FILES = ["lock", "parlour.db", "parlour.db-shm", "parlour.db-wal", "parlour.position"]


async def killed(directory: Path) -> Path:
    """A directory as a kill leaves it."""
    store = await open_sqlite(directory / "running")
    await append(store, draft())
    copy = Path(shutil.copytree(directory / "running", directory / "killed"))
    adopt(copy)
    await store.close()
    assert sorted(os.listdir(copy)) == FILES
    return copy


def modes(directory: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}


async def test_what_others_could_read_is_made_private_and_that_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = await killed(tmp_path)
    directory.chmod(0o755)
    for number, path in enumerate(directory.iterdir()):
        path.chmod((0o644, 0o640, 0o604, 0o666, 0o777)[number])
    store = await open_sqlite(directory)
    assert modes(directory) <= {0o600, 0o700}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o755, "that is for who made it to say"
    (record,) = caplog.records
    assert all(name in record.getMessage() for name in FILES if name.startswith("parlour.db"))
    await store.close()
    await (await open_sqlite(directory)).close()
    assert caplog.records == [record]


async def test_a_held_directory_is_left_as_it_is(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path)
    (tmp_path / "parlour.db").chmod(0o644)
    with pytest.raises(StoreError, match="is in use by"):
        await open_sqlite(tmp_path)
    assert modes(tmp_path) == {0o600, 0o644}
    await store.close()


@pytest.mark.parametrize("name", FILES)
async def test_a_link_in_place_of_a_file_is_refused_and_what_it_leads_to_left_alone(tmp_path: Path, name: str) -> None:
    directory = await killed(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    shutil.move(directory / name, elsewhere)
    elsewhere.chmod(0o644)
    (directory / name).symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    for _ in range(2):
        with pytest.raises(StoreError, match=rf"{directory}/{name} is a symbolic link: .* link to the directory"):
            await open_sqlite(directory)
        with pytest.raises(StoreError, match="is a symbolic link"):
            check(directory)
    assert elsewhere.read_bytes() == before
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o644


async def test_a_link_that_leads_nowhere_makes_nothing_there(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    for name in FILES:
        (directory / name).symlink_to(tmp_path / "elsewhere")
        with pytest.raises(StoreError, match="is a symbolic link"):
            await open_sqlite(directory)
        (directory / name).unlink()
    assert os.listdir(tmp_path) == ["data"]
    assert os.listdir(directory) == []


async def test_the_directory_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "there")
    store = await open_sqlite(tmp_path / "link")
    await append(store, draft())
    await store.close()
    assert check(tmp_path / "link").is_ok
    store = await open_sqlite(tmp_path / "there")
    assert (await store.log("lobby")).head_seq == 1
    await store.close()
