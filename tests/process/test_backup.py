"""`parlour backup` and `parlour restore` as commands: one checked file, whole or not there, then a new epoch."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import apsw
import httpx
import pytest

from tests.support.commands import run_text
from tests.support.faulty_disk import small_disk
from tests.support.server import ROOT, ServerProcess
from tests.support.timeout import TIMEOUT_S

DAMAGED = 1
REFUSED = 2
ENVIRONMENT = {**{name: value for name, value in os.environ.items() if not name.startswith("PARLOUR_")}} | {
    "PYTHONPATH": str(ROOT / "src")
}


def parlour(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run_text(arguments)


def say(server: ServerProcess, *texts: str) -> None:
    with server.client() as http:
        for text in texts:
            http.post("/lobby", content=text).raise_for_status()


def texts(server: ServerProcess) -> list[str]:
    with server.client() as http:
        return [event["text"] for event in http.get("/lobby?format=json&since=0&limit=1000").json()["events"]]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a server that has ended, with three messages."""
    with ServerProcess(tmp_path_factory.mktemp("ended") / "data") as server:
        say(server, "1", "2", "3")
    return server.data


@pytest.fixture
def data(ended: Path, tmp_path: Path) -> Path:
    """A copy of that for one test."""
    return shutil.copytree(ended, tmp_path / "data")


def test_a_backup_of_a_running_server_is_restored_with_a_new_epoch(tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with ServerProcess(tmp_path / "data") as server:
        say(server, "1", "2", "3")
        done = parlour("backup", copy, "--data", server.data)
        assert (done.returncode, done.stderr) == (0, "")
        assert "1 rooms, 3 events" in done.stdout
        say(server, "4")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == ["copy.db"]
    assert parlour("restore", copy, "--data", tmp_path / "new").returncode == 0
    assert parlour("check", "--data", tmp_path / "new").returncode == 0
    with ServerProcess(tmp_path / "new") as server:
        say(server, "new 4")
        assert texts(server) == ["1", "2", "3", "new 4"]
    assert server.log.count("a new epoch begins") == 1


@pytest.mark.parametrize(
    "command",
    [
        ("tail", "--follow"),
        pytest.param(("tail", "--follow", "--json"), marks=pytest.mark.long),
        pytest.param(("chat", "--plain"), marks=pytest.mark.long),
    ],
)
def test_a_reader_that_was_there_before_reads_the_restored_room(tmp_path: Path, command: tuple[str, ...]) -> None:
    """While it waits for the server to come back, others speak already."""
    copy = tmp_path / "copy.db"
    server = ServerProcess(tmp_path / "data")
    with server:
        say(server, "m1", "m2", "m3")
        assert parlour("backup", copy, "--data", server.data).returncode == 0
        say(server, "m4", "m5", "m6")
        name, *options = command
        reader = subprocess.Popen(
            [sys.executable, "-m", "parlour", name, f"{server.url}/lobby", *options],
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert reader.stdout is not None
        try:
            shown = until(reader.stdout, "m6")
            server.stop()
            server.data = tmp_path / "new"
            assert parlour("restore", copy, "--data", server.data).returncode == 0
            server.start()
            say(server, "NEW4", "NEW5")
            shown = until(reader.stdout, "NEW5")
            say(server, "NEW6")
            shown += until(reader.stdout, "NEW6")
        finally:
            reader.kill()
            reader.communicate()
    said = [text for line in shown for text in ("m1", "m2", "m3", "m4", "NEW4", "NEW5", "NEW6") if text in line]
    assert said == ["m1", "m2", "m3", "NEW4", "NEW5", "NEW6"]
    assert sum("data was replaced" in line or '"epoch_changed"' in line for line in shown) == 1 + ("--json" in command)


def until(output: IO[str], text: str) -> list[str]:
    """The lines of a program up to the one that has the text."""
    lines = []
    for line in output:
        lines.append(line)
        if text in line:
            return lines
    raise AssertionError(f"ended without {text}: {lines}")


@contextmanager
def posts_going_on(server: ServerProcess) -> Iterator[list[int]]:
    """Somebody posts without a pause, and has begun; gives the numbers of what was acknowledged."""
    done: list[int] = []
    begun, stopped = threading.Event(), threading.Event()

    def post() -> None:
        with httpx.Client(base_url=server.url, timeout=TIMEOUT_S) as http:
            while not stopped.is_set():
                http.post("/lobby", content=f"{len(done) + 1} {'x' * 2000}").raise_for_status()
                done.append(len(done) + 1)
                begun.set()

    thread = threading.Thread(target=post)
    thread.start()
    try:
        assert begun.wait(TIMEOUT_S)
        yield done
    finally:
        stopped.set()
        thread.join()


def test_a_backup_under_load_is_of_one_moment_and_stops_nobody(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, posts_going_on(server) as done:
        for number in range(5):
            before = len(done)
            copy = tmp_path / f"copy-{number}.db"
            command = [sys.executable, "-m", "parlour", "backup", str(copy), "--data", str(server.data)]
            subprocess.run(command, env=ENVIRONMENT, timeout=TIMEOUT_S, check=True)  # long enough for some posts
            after = len(done)
            assert after > before, "posts go on"
            connection = apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READONLY)
            stored = connection.execute("SELECT count(*), max(id) & 0xfffff FROM events WHERE id >> 36").fetchone()
            connection.close()
            assert stored is not None
            assert stored[0] == stored[1]
            assert before <= stored[0] <= after + 1


def test_a_backup_that_is_killed_leaves_nothing_under_the_name(tmp_path: Path, data: Path) -> None:
    command = [sys.executable, "-m", "parlour", "backup", str(tmp_path / "copy.db"), "--data", str(data)]
    for name in ("pwrite64", "fsync", "rename"):
        done = subprocess.run(
            [
                "strace",
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                f"trace={name}",
                "-e",
                f"inject={name}:signal=KILL",
                *command,
            ],
            env=ENVIRONMENT,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL
        assert not (tmp_path / "copy.db").exists()
    assert parlour(*command[3:]).returncode == 0


def test_nothing_is_overwritten(tmp_path: Path, data: Path) -> None:
    there = tmp_path / "there"
    there.write_text("mine")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    for dest in (there, link, tmp_path, Path(os.devnull)):
        done = parlour("backup", dest, "--data", data)
        assert done.returncode == REFUSED
        assert "exists" in done.stderr
    assert there.read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()
    done = parlour("restore", there, "--data", data)
    assert (done.returncode, "is not empty" in done.stderr) == (REFUSED, True)


def test_a_directory_that_a_server_holds_is_not_restored_into(tmp_path: Path, data: Path) -> None:
    assert parlour("backup", tmp_path / "copy.db", "--data", data).returncode == 0
    with ServerProcess(tmp_path / "other") as server:
        done = parlour("restore", tmp_path / "copy.db", "--data", server.data)
        assert (done.returncode, "is not empty" in done.stderr) == (REFUSED, True)


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        say(server, *("x" * 15_000 for _ in range(150)))
    with small_disk(tmp_path / "disk") as disk:
        dest = disk.path / "copy.db"
        done = parlour("backup", dest, "--data", server.data)
        assert (done.returncode, "full" in done.stderr) == (REFUSED, True), done
        assert os.listdir(disk.path) == []
        disk.enlarge()
        assert parlour("backup", dest, "--data", server.data).returncode == 0, "also on another file system"
        assert parlour("restore", dest, "--data", tmp_path / "new").returncode == 0


def test_damage_is_not_copied(tmp_path: Path, data: Path) -> None:
    connection = apsw.Connection(str(data / "parlour.db"))
    connection.execute("UPDATE events SET checksum = checksum + 1 WHERE id >> 36 AND id & 0xfff = 2")
    connection.close()
    done = parlour("backup", tmp_path / "copy.db", "--data", data)
    assert done.returncode == DAMAGED
    assert "room lobby, event 2: its checksum does not match" in done.stderr
    assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == []


def test_what_a_lost_log_held_is_missed_and_nothing_is_copied(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data")
    with server:
        say(server, "1", "2", "3")
        server.kill()
    (server.data / "parlour.db-wal").write_bytes(b"")
    done = parlour("backup", tmp_path / "copy.db", "--data", server.data)
    assert (done.returncode, "has lost stored messages" in done.stderr) == (DAMAGED, True), done
    assert not (tmp_path / "copy.db").exists()


def test_a_directory_that_is_not_empty_is_named_with_what_is_there(tmp_path: Path, data: Path) -> None:
    assert parlour("backup", tmp_path / "copy.db", "--data", data).returncode == 0
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / ".left").touch()
    done = parlour("restore", tmp_path / "copy.db", "--data", tmp_path / "new")
    assert (done.returncode, "not empty (.left)" in done.stderr) == (REFUSED, True), done


@pytest.mark.parametrize("kind", ["rubbish", "empty", "another program's", "newer", "cut", "a log beside it"])
def test_what_is_no_backup_is_not_restored(tmp_path: Path, data: Path, kind: str) -> None:
    source, target = tmp_path / "source.db", tmp_path / "target"
    assert parlour("backup", source, "--data", data).returncode == 0
    if kind == "rubbish":
        source.write_bytes(b"rubbish" * 1000)
    elif kind == "empty":
        source.write_bytes(b"")
    elif kind == "cut":
        source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    elif kind == "a log beside it":
        (tmp_path / "source.db-wal").write_bytes(b"log")
    else:
        if kind == "another program's":
            source.unlink()
        connection = apsw.Connection(str(source))
        connection.execute(
            "CREATE TABLE mine (x)"
            if kind == "another program's"
            else "INSERT INTO migrations VALUES (99, 'later', 'x')"
        )
        connection.close()
    done = parlour("restore", source, "--data", target)
    assert done.returncode in (DAMAGED, REFUSED), done
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert not target.exists() or os.listdir(target) == []


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


@pytest.mark.parametrize("make", [os.mkfifo, make_socket, Path.mkdir])
def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path, make: Callable[[Path], object]) -> None:
    source = tmp_path / "source"
    make(source)
    done = parlour("restore", source, "--data", tmp_path / "target")
    assert (done.returncode, "is no file" in done.stderr) == (REFUSED, True)


def test_a_backup_of_the_first_schema_is_brought_forward(tmp_path: Path) -> None:
    source = tmp_path / "old.db"
    connection = apsw.Connection(str(source))
    connection.execute((ROOT / "tests/fixtures/first_schema.sql").read_text())
    connection.close()
    done = parlour("restore", source, "--data", tmp_path / "new")
    assert done.returncode == 0, done
    with ServerProcess(tmp_path / "new") as server:
        assert texts(server) == ["text 1", "text 2", "text 3"]


def test_there_has_to_be_something_to_copy(tmp_path: Path) -> None:
    done = parlour("backup", tmp_path / "copy.db", "--data", tmp_path / "nothing")
    assert (done.returncode, "There is no parlour.db" in done.stderr) == (REFUSED, True)
    done = parlour("restore", tmp_path / "copy.db", "--data", tmp_path / "new")
    assert (done.returncode, "is no file" in done.stderr) == (REFUSED, True)
