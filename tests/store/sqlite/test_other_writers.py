"""What others may write to, or what is no plain file, is refused with a sentence: not written to, nor waited for."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from parlour.store.errors import StoreError
from parlour.store.sqlite.check import check
from tests.support.records import as_image
from tests.support.server import ROOT
from tests.support.stores import append, draft, open_sqlite
from tests.support.timeout import TIMEOUT_S

FILES = ["lock", "parlour.db", "parlour.db-shm", "parlour.db-wal", "parlour.position", "parlour.position-new"]
CANNOT_START = 3
NOBODY = 65534


@pytest.fixture
async def killed(tmp_path: Path) -> Path:
    """A directory as a kill leaves it."""
    store = await open_sqlite(tmp_path / "running")
    await append(store, draft())
    copy = as_image(tmp_path / "running", tmp_path / "killed")
    await store.close()
    return copy


def make_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path.name)
    os.chdir(here)


STRANGE: dict[str, Callable[[Path], object]] = {
    "a named pipe": os.mkfifo,
    "a socket": make_socket,
    "a directory": Path.mkdir,
}


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("name", FILES)
async def test_what_is_no_plain_file_is_refused_without_waiting(killed: Path, name: str, kind: str) -> None:
    path = killed / name
    path.unlink(missing_ok=True)
    STRANGE[kind](path)
    for _ in range(2):
        with pytest.raises(StoreError, match=f"{name} is {kind}: put the file itself there"):
            await open_sqlite(killed)
        with pytest.raises(StoreError, match=f"is {kind}"):
            check(killed)


@pytest.mark.parametrize("name", FILES)
async def test_a_file_with_a_second_name_is_refused_and_not_written_to(tmp_path: Path, killed: Path, name: str) -> None:
    """Somebody's file could be put there under the name of ours: what is written would be lost there."""
    other = tmp_path / "somebodys"
    other.write_bytes(b"somebody's")
    (killed / name).unlink(missing_ok=True)
    os.link(other, killed / name)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"has 2 names \(hard links\)"):
            await open_sqlite(killed)
    assert other.read_bytes() == b"somebody's"


def set_mode(path: Path, mode: int) -> None:
    path.chmod(mode)


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757, 0o722, 0o1777, 0o2770])
async def test_a_directory_that_others_may_write_to_is_refused_and_left_alone(killed: Path, mode: int) -> None:
    before = sorted(os.listdir(killed))
    set_mode(killed, mode)
    with pytest.raises(StoreError, match=r"Others may write to .*: take that from them \(chmod go-w .*killed\)"):
        await open_sqlite(killed)
    assert sorted(os.listdir(killed)) == before
    assert check(killed).is_ok, "who only looks is not in danger"
    set_mode(killed, mode & ~0o022)
    await (await open_sqlite(killed)).close()


@pytest.mark.parametrize("name", ["", "lock", "parlour.db", "parlour.position"] if os.geteuid() == 0 else [])
async def test_what_belongs_to_somebody_else_is_refused(killed: Path, name: str) -> None:
    os.chown(killed / name, NOBODY, -1)
    with pytest.raises(StoreError, match=rf"belongs to the user with the id {NOBODY}.*chown"):
        await open_sqlite(killed)
    os.chown(killed / name, 0, -1)
    await (await open_sqlite(killed)).close()


def test_a_server_says_it_in_one_line(killed: Path) -> None:
    killed.chmod(0o777)
    done = subprocess.run(
        [sys.executable, "-m", "parlour", "serve", "--port", "0", "--data", str(killed)],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (CANNOT_START, "")
    assert [line for line in done.stderr.splitlines() if "chmod go-w" in line] == done.stderr.splitlines()[-1:]
