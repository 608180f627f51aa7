"""Data that was restored, put over or copied back is told from data as the last run left it: old cursors are reset."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import apsw
import httpx
import pytest

from tests.support.commands import run_text
from tests.support.server import ROOT, ServerProcess
from tests.support.timeout import wait_until

DATABASE = "parlour.db"
SAID = "a new epoch begins"
CANNOT_START = 3
GAP = 5


def say(server: ServerProcess, *texts: str, room: str = "lobby") -> None:
    with server.client() as http:
        for text in texts:
            http.post(f"/{room}", content=text).raise_for_status()


def page(server: ServerProcess, since: str) -> httpx.Response:
    with server.client() as http:
        return http.get("/lobby", params={"format": "json", "since": since})


def epoch_of(server: ServerProcess) -> str:
    return str(page(server, "0").json()["epoch"])


def texts(server: ServerProcess) -> list[str]:
    return [event["text"] for event in page(server, "0").json()["events"]]


def is_reset(answer: httpx.Response) -> bool:
    problem = answer.json()
    return answer.status_code == 410 and problem["reason"] == "epoch_changed"


def backed_up(data: Path, to: Path) -> Path:
    """A copy of the database of a running server, made with SQLite's backup API."""
    source = apsw.Connection(str(data / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
    copy = apsw.Connection(str(to))
    with copy.backup("main", source, "main") as backup:
        backup.step(-1)
    copy.close()
    source.close()
    return to


def into_the_emptied_directory(copy: Path, data: Path) -> None:
    shutil.rmtree(data)
    data.mkdir(0o700)
    shutil.copyfile(copy, data / DATABASE)


def over_the_old_file(copy: Path, data: Path) -> None:
    shutil.copyfile(copy, data / DATABASE)  # into the file that is there, as cp does


def in_place_of_the_old_file(copy: Path, data: Path) -> None:
    fresh = data / "fresh"
    shutil.copyfile(copy, fresh)
    fresh.replace(data / DATABASE)


COPIES = [into_the_emptied_directory, over_the_old_file, in_place_of_the_old_file]


def test_a_copy_of_the_database_that_is_put_back_resets_every_old_cursor(tmp_path: Path) -> None:
    """Numbers are given out again, for other messages: who has read the old ones has to be told, each time."""
    server = ServerProcess(tmp_path / "data")
    with server:
        say(server, "1", "2", "3")
        copy = backed_up(server.data, tmp_path / "copy.db")
        say(server, "4", "5", "6")
        epoch = epoch_of(server)
    for times, put in enumerate(COPIES, 1):
        put(copy, server.data)
        with server:
            say(server, "new 4", "new 5", "new 6", "new 7")
            for seq in (1, 3, 4, 6, 7, 100):
                assert is_reset(page(server, f"{epoch}.{seq}")), (put.__name__, seq)
            assert texts(server) == ["1", "2", "3", "new 4", "new 5", "new 6", "new 7"], put.__name__
            epoch = epoch_of(server)
        assert server.log.count(SAID) == times, put.__name__
    with server:
        assert epoch_of(server) == epoch, "it was told once"
    assert server.log.count(SAID) == len(COPIES)


def copied_back(kept: Path, data: Path) -> None:
    shutil.rmtree(data)
    subprocess.run(["cp", "-r", kept, data], check=True)


def copied_over(kept: Path, data: Path) -> None:
    subprocess.run(["cp", "-r", f"{kept}/.", data], check=True)


def copied_over_with_all_attributes(kept: Path, data: Path) -> None:
    subprocess.run(["cp", "-a", f"{kept}/.", data], check=True)


def unpacked(kept: Path, data: Path) -> None:
    shutil.rmtree(data)
    data.mkdir(0o700)
    packed = subprocess.run(["tar", "-C", kept, "-c", "."], stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["tar", "-C", data, "-x"], input=packed, check=True)


DIRECTORIES = [copied_back, copied_over, copied_over_with_all_attributes, unpacked]


def test_a_copy_of_a_stopped_directory_that_is_put_back_resets_every_old_cursor(tmp_path: Path) -> None:
    server, kept = ServerProcess(tmp_path / "data"), tmp_path / "kept"
    with server:
        say(server, "1", "2", "3")
    subprocess.run(["cp", "-a", server.data, kept], check=True)
    with server:
        say(server, "4", "5", "6")
        epoch = epoch_of(server)
    for times, put in enumerate(DIRECTORIES, 1):
        put(kept, server.data)
        with server:
            say(server, "new 4")
            for seq in (6, 4):
                assert is_reset(page(server, f"{epoch}.{seq}")), (put.__name__, seq)
            assert texts(server) == ["1", "2", "3", "new 4"], put.__name__
            epoch = epoch_of(server)
        assert server.log.count(SAID) == times, put.__name__


def test_guests_stay_who_they_are_and_repeats_are_repeats(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data")
    with server:
        with server.client() as http:
            cookie = dict(http.put("/lobby/a-key-of-mine?name=Ann", content="once").raise_for_status().cookies)
        copy = backed_up(server.data, tmp_path / "copy.db")
    over_the_old_file(copy, server.data)
    (server.data / DATABASE).touch()
    with server, server.client(cookies=cookie) as http:
        again = http.put("/lobby/a-key-of-mine?name=Ann", content="once")
        assert again.headers["idempotent-replay"] == "true"
        assert texts(server) == ["once"]


def test_a_reader_that_comes_back_with_its_cursor_is_told(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data")
    with server:
        say(server, "1", "2", "3")
        copy = backed_up(server.data, tmp_path / "copy.db")
        say(server, "4", "5", "6")
        epoch = epoch_of(server)
    into_the_emptied_directory(copy, server.data)
    with server:
        say(server, "new 4", "new 5", "new 6", "new 7")
        for transport in ("sse", "tail", "long-poll"):
            assert told(server, transport, f"{epoch}.6"), transport


def told(server: ServerProcess, transport: str, cursor: str) -> bool:
    """Whether a reader with a cursor hears of the reset before it hears of any message."""
    if transport == "long-poll":
        with server.client() as http:
            return is_reset(http.get("/lobby", params={"format": "json", "since": cursor, "wait": "20"}))
    if transport == "tail":
        return parlour("tail", "--since", cursor, "--strict", f"{server.url}/lobby").returncode == GAP
    with (
        server.client() as http,
        http.stream("GET", "/lobby", headers={"Accept": "text/event-stream", "Last-Event-ID": cursor}) as stream,
    ):
        for line in stream.iter_lines():
            if line.startswith("data: "):
                first: dict[str, Any] = json.loads(line.removeprefix("data: "))
                return (first["type"], first["reason"]) == ("reset", "epoch_changed")
    return False


def parlour(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run_text(arguments)


def restarted(server: ServerProcess) -> None:
    assert server.stop() == 0


def killed(server: ServerProcess) -> None:
    server.kill()


def stopped_and_continued(server: ServerProcess) -> None:
    os.kill(server.pid, signal.SIGSTOP)
    os.kill(server.pid, signal.SIGCONT)
    say(server, "after the pause")
    assert server.stop() == 0


def moved(server: ServerProcess) -> None:
    """To another name, as a whole: the same files."""
    assert server.stop() == 0
    server.data = server.data.rename(server.data.with_name("moved"))


def read_by_another_program(server: ServerProcess) -> None:
    server.kill()
    other = apsw.Connection(str(server.data / DATABASE))
    assert other.execute("SELECT count(*) FROM events WHERE id >> 36").get >= 3
    other.close()


def checked(server: ServerProcess) -> None:
    server.kill()
    assert parlour("check", "--data", str(server.data)).returncode == 0


HEALTHY = [restarted, killed, stopped_and_continued, moved, read_by_another_program, checked]


def test_no_healthy_end_changes_the_epoch(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data")
    server.start()
    try:
        epoch = epoch_of(server)
        for end in HEALTHY:
            say(server, "1", "2", "3")
            end(server)
            server.start()
            assert epoch_of(server) == epoch, end.__name__
            assert page(server, f"{epoch}.3").status_code == 200
    finally:
        server.stop()
    assert SAID not in (tmp_path / "data.log").read_text()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_no_kill_at_any_moment_changes_the_epoch(tmp_path: Path) -> None:
    """Also a kill during a start."""
    random = Random(1)
    server = ServerProcess(tmp_path / "data")
    with server:
        say(server, "0")
        epoch = epoch_of(server)
    for number in range(50):
        if random.random() < 0.5:
            killed_during_its_start(server, random.uniform(0.0, 0.6))
        server.start()
        assert epoch_of(server) == epoch
        say(server, *(f"{number}.{each}" for each in range(random.randrange(4))))
        server.kill()
    with server:
        assert epoch_of(server) == epoch
    assert SAID not in server.log


def killed_during_its_start(server: ServerProcess, after_s: float) -> None:
    command = [sys.executable, "-m", "parlour", "serve", "--port", "0", "--data", str(server.data)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={"PYTHONPATH": str(ROOT / "src")}
    ) as process:
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.kill()


def test_retention_between_two_starts_changes_no_epoch(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", "--retention-days", "1")
    with server:
        say(server, "old", "newer", room="quiet")
        epoch = epoch_of(server)
    connection = apsw.Connection(str(server.data / DATABASE))
    connection.execute("UPDATE rooms SET first_seq = 2")
    connection.execute("DELETE FROM events WHERE id >> 36 AND id & 0xfff = 1")  # as retention drops what has expired
    connection.close()
    with server:
        assert epoch_of(server) == epoch
    assert SAID not in server.log


def test_a_log_that_was_put_beside_another_database_is_refused(tmp_path: Path) -> None:
    """After a kill the log of the old database lies there; SQLite would replay it into the copy, and ruin it."""
    server = ServerProcess(tmp_path / "data")
    with server:
        say(server, "1", "2", "3")
        copy = backed_up(server.data, tmp_path / "copy.db")
        say(server, *(f"{number} {'x' * 3000}" for number in range(20)))
        until_moved(server)
        say(server, "the last")
        server.kill()
        over_the_old_file(copy, server.data)
        before = contents(server.data)
        for _ in range(2):
            done = parlour("serve", "--port", "0", "--data", str(server.data))
            assert done.returncode == CANNOT_START
            assert "parlour.db-wal" in done.stderr
            assert contents(server.data) == before
        for name in ("parlour.db-wal", "parlour.db-shm", "parlour.position"):
            (server.data / name).unlink(missing_ok=True)
        server.start()
        assert texts(server) == ["1", "2", "3"]
    assert server.log.count(SAID) == 1


def contents(data: Path) -> dict[str, bytes]:
    left_out = ("lock", "operator.sock", "parlour.db-shm")
    return {path.name: path.read_bytes() for path in data.iterdir() if path.name not in left_out}


def until_moved(server: ServerProcess) -> None:
    """Wait until the idle server has moved its log into the database."""
    database = server.data / DATABASE
    before = database.stat().st_mtime_ns
    log = server.data / "parlour.db-wal"
    wait_until(lambda: database.stat().st_mtime_ns != before and log.stat().st_size == 0)


def test_messages_that_are_gone_after_a_kill_are_missed(tmp_path: Path) -> None:
    """Log and WAL-index removed together: nothing beside the record could tell."""
    server = ServerProcess(tmp_path / "data")
    with server:
        say(server, "1")
        until_moved(server)
        say(server, "2", "3")
        os.kill(server.pid, signal.SIGSTOP)  # before it is idle for a second
        (server.data / "parlour.db-wal").unlink()
        (server.data / "parlour.db-shm").unlink()
        server.kill()
        for _ in range(2):
            done = parlour("serve", "--port", "0", "--data", str(server.data))
            assert done.returncode == CANNOT_START
            (line,) = done.stderr.splitlines()
            assert "parlour.position" in line
        (server.data / "parlour.position").unlink()
        server.start()
        assert texts(server) == ["1"]
    assert server.log.count(SAID) == 1
