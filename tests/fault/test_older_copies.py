"""An older copy that is put back begins a new epoch, whatever the clock showed and however the file system counts."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fault.clocks import WallClock
from tests.fault.volumes import LAYERED
from tests.process.test_restored import DATABASE, SAID, parlour, until_moved
from tests.support.server import ServerProcess

DAY_S = 24 * 3600


@pytest.fixture
def clock(tmp_path: Path) -> Iterator[WallClock]:
    with WallClock(tmp_path) as clock:
        yield clock


def say(server: ServerProcess, room: str, *texts: str) -> str:
    """Gives the epoch."""
    with server.client() as http:
        for text in texts:
            http.post(f"/{room}", content=text).raise_for_status()
        return str(http.get(f"/{room}", params={"format": "json", "limit": 1}).json()["epoch"])


def is_reset(server: ServerProcess, room: str, cursor: str) -> bool:
    with server.client() as http:
        answer = http.get(f"/{room}", params={"format": "json", "since": cursor})
    return answer.status_code == 410 and answer.json()["reason"] == "epoch_changed"


def copied(server: ServerProcess, to: Path) -> None:
    """Of a server that has stopped."""
    shutil.copyfile(server.data / DATABASE, to)


def backed_up(server: ServerProcess, to: Path) -> None:
    done = parlour("backup", str(to), "--data", str(server.data))
    assert done.returncode == 0, done.stderr


CASES = [(backed_up, 400 * DAY_S, False)]
"""How the copy is made, how far the clock was ahead before it, whether the log is moved into the database after it."""

LONG_CASES = [
    pytest.param(make, ahead_s, is_idle, marks=pytest.mark.long)
    for make in (copied, backed_up)
    for ahead_s in (60, 400 * DAY_S, -400 * DAY_S)
    for is_idle in (True, False)
    if (make, ahead_s, is_idle) not in CASES
]


@pytest.mark.parametrize(("make", "ahead_s", "is_idle"), [*CASES, *LONG_CASES])
def test_a_copy_that_is_put_back_after_a_kill_and_a_start_is_told_whatever_the_clock_showed(
    tmp_path: Path, clock: WallClock, make: Callable[[ServerProcess, Path], None], ahead_s: int, is_idle: bool
) -> None:
    """The room that is the latest by the clock is another one than that of the lost messages."""
    server, copy = ServerProcess(tmp_path / "data"), tmp_path / "copy"
    clock.shift(ahead_s)
    clock.start(server)
    try:
        say(server, "x", "from another time")
        assert server.stop() == 0
        clock.shift(0)
        clock.start(server)
        epoch = say(server, "y", "1", "2", "3")
        assert server.stop() == 0
        make(server, copy)
        clock.start(server)
        say(server, "y", "lost 4", "lost 5", "lost 6")
        if is_idle:
            until_moved(server)
        server.kill()
        clock.start(server)
        assert not is_reset(server, "y", f"{epoch}.6")
        assert server.stop() == 0
        shutil.copyfile(copy, server.data / DATABASE)
        clock.start(server)
        say(server, "y", "new 4", "new 5", "new 6", "new 7")
        assert is_reset(server, "y", f"{epoch}.6")
    finally:
        server.stop()
    assert server.log.count(SAID) == 1


@pytest.mark.parametrize(
    ("kind", "is_over"),
    [
        pytest.param(kind, is_over, marks=marks, id=f"{kind}-{'over' if is_over else 'afresh'}")
        for kind in LAYERED
        for is_over in (True, False)
        for marks in [() if (kind, is_over) in (("tmpfs", True), ("overlay", False)) else pytest.mark.long]
    ],
)
def test_a_directory_that_is_copied_back_is_told_on_every_file_system(tmp_path: Path, kind: str, is_over: bool) -> None:
    """Also where the file that comes next gets the number of the one that was removed, as on an overlay."""
    kept = tmp_path / "kept"
    with LAYERED[kind](tmp_path / "disk") as disk:
        server = ServerProcess(disk.path / "data")
        with server:
            epoch = say(server, "r", "1", "2", "3")
        subprocess.run(["cp", "-a", server.data, kept], check=True)
        for number in range(2):
            with server:
                assert say(server, "r", f"lost {number}") == epoch, "to start again is no reason for another epoch"
        if not is_over:
            shutil.rmtree(server.data)
        subprocess.run(["cp", "-r", "-T", kept, server.data], check=True)
        with server:
            say(server, "r", "new 4", "new 5", "new 6")
            assert is_reset(server, "r", f"{epoch}.5")
        assert server.log.count(SAID) == 1
