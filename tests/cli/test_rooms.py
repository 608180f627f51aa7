"""`parlour rooms`: on a running server, in its directory when it does not run, and where neither works."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
from pathlib import Path

from parlour.net.operator_socket import NAME
from tests.support.commands import run_text
from tests.support.server import ServerProcess
from tests.support.terminal import clean_environment, parlour_command

DEADLINE_S = 60
LONG = "a" * 60


def rooms(*arguments: str | Path) -> tuple[int, str]:
    """The exit code, and what was written."""
    done = run_text(["rooms", *arguments])
    return done.returncode, done.stdout + done.stderr


def test_a_room_is_closed_and_opened_while_the_server_runs_and_when_it_does_not(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data) as server, server.client() as http:
        assert http.post("/lobby", content="hi").status_code == 201
        assert stat.S_IMODE((data / NAME).stat().st_mode) == 0o600
        assert rooms("close", "lobby", "--data", data) == (0, "lobby is closed to guests since event 2\n")
        assert rooms("close", "LOBBY", "--data", data) == (0, "lobby is closed to guests since event 2\n")
        assert http.get("/lobby").status_code == 401
        server.kill()
        assert (data / NAME).exists()  # left behind
        assert rooms("close", "new room", "--data", data)[0] == 2  # no room can have this name
        assert rooms("close", "Höhle", "--data", data) == (0, "höhle is closed to guests since event 1\n")
        assert rooms("open", "dev", "--data", data) == (0, "dev was never closed\n")
        server.start()
        assert [http.get(path).status_code for path in ("/lobby", "/höhle", "/dev")] == [401, 401, 200]
        assert rooms("open", "lobby", "--data", data) == (0, "lobby is open to guests since event 3\n")
        assert http.get("/lobby").status_code == 200
        server.stop()
        assert not (data / NAME).exists()


def test_a_server_is_told_also_where_the_path_is_longer_than_an_address_of_a_socket(tmp_path: Path) -> None:
    data = tmp_path / LONG / LONG / "data"
    data.parent.mkdir(parents=True)
    with ServerProcess(data) as server, server.client() as http:
        assert rooms("close", "lobby", "--data", data) == (0, "lobby is closed to guests since event 1\n")
        assert http.get("/lobby").status_code == 401
    assert not (data / NAME).exists()


def test_a_server_that_cannot_be_told_is_said_to_be_one(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert rooms("close", "lobby", "--data", data) == (
        3, f"parlour: There is no data in {data}: name the data directory with --data.\n",
    )  # fmt: skip
    with ServerProcess(data) as server:
        (data / NAME).unlink()
        code, text = rooms("close", "lobby", "--data", data)
        assert code == 3
        assert f"A server (process {server.pid}) runs on {data}" in text
        assert "no operator's socket" in text
    (data / NAME).mkdir()
    with ServerProcess(data) as server:
        assert "no_operator_socket" in server.log


def test_a_socket_that_a_killed_server_has_left_is_in_nobody_s_way(tmp_path: Path) -> None:
    """Nor is one that came along with a copy of its directory."""
    data, copy = tmp_path / "data", tmp_path / "copy"
    with ServerProcess(data) as server:
        with server.client() as http:
            http.post("/lobby", content="hello").raise_for_status()
        server.kill()
    subprocess.run(["cp", "-r", data, copy], check=True)
    for command in (["check"], ["backup", str(tmp_path / "backup.db")]):
        done = parlour_command(*command, "--data", str(data))
        subprocess.run(done, env=clean_environment(), check=True, capture_output=True, timeout=DEADLINE_S)
    for directory in (data, copy):
        assert (directory / NAME).is_socket()
        code, text = rooms("close", "lobby", "--data", directory)
        assert (code, text.splitlines()[0]) == (0, "lobby is closed to guests since event 2"), text
        with ServerProcess(directory):
            assert rooms("open", "lobby", "--data", directory) == (0, "lobby is open to guests since event 3\n")


def test_a_server_that_does_not_answer_leaves_it_open(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / NAME))
        listening.listen()
        with subprocess.Popen(
            parlour_command("rooms", "close", "lobby", "--data", str(tmp_path)),
            stderr=subprocess.PIPE,
            env=clean_environment(),
            text=True,
        ) as command:
            line, _ = listening.accept()
            line.close()
            _, text = command.communicate(timeout=DEADLINE_S)
        assert (command.returncode, "did not answer" in text) == (4, True)


def test_only_the_operator_s_socket_makes_an_operator(tmp_path: Path) -> None:
    """The Unix socket that proxies connect to does not."""
    with ServerProcess(tmp_path / "data", "--unix-socket", str(tmp_path / "proxy.sock")):
        found = {}
        for path in (tmp_path / "data" / NAME, tmp_path / "proxy.sock"):
            done = subprocess.run(
                ["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", "--unix-socket", str(path), "-X", "PATCH",
                 "-H", "Content-Type: application/json", "-d", '{"access":"members"}',
                 "http://evil.example/api/v1/rooms/lobby"],
                capture_output=True, check=True, text=True, timeout=DEADLINE_S,
            )  # fmt: skip
            found[path.name] = done.stdout
    assert found == {NAME: "200", "proxy.sock": "401"}
