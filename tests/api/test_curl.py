"""curl is a full client: the call everybody knows, and every command that /help and /api tell people to type."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.people.server import Town
from tests.people.typed import Typed
from tests.support.server import ServerProcess

MESSAGES = 45
"""The commands speak of message 42."""

LIVE = ("follow=1", "event-stream", "/api/v1/stream")


@pytest.fixture
def shell(server: ServerProcess, tmp_path: Path) -> dict[str, str]:
    """An environment in which a refused request makes curl fail, without a change to the command."""
    (tmp_path / ".curlrc").write_text("silent\nshow-error\nfail-with-body\n")
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}


@pytest.fixture(scope="module")
def lobby(http: httpx.Client) -> str:
    """The lobby, spoken in."""
    for number in range(1, MESSAGES + 1):
        http.post("/lobby", content=f"message {number}")
    return "lobby"


@pytest.fixture(scope="module")
def typed(server: ServerProcess) -> Iterator[Typed]:
    town = Town(server)
    yield Typed(town)
    town.close()


def run(command: str, shell: dict[str, str]) -> str:
    done = subprocess.run(["bash", "-c", command], env=shell, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def until(command: str, mark: str, shell: dict[str, str]) -> str:
    """Run a command that does not end until a mark is in its output."""
    said = ""
    with subprocess.Popen(["bash", "-c", f"exec {command}"], env=shell, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if mark in said:
                break
        process.terminate()
    assert mark in said, (command, said)
    return said


def test_a_file_sent_to_a_folder_is_told_the_way(
    server: ServerProcess, http: httpx.Client, shell: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("from a file\n")
    wrong = f"cd {tmp_path} && curl -T notes.txt {server.url}/papers/ || true"
    hint = re.search(r"curl -T FILE -X POST \S+/papers\b", run(wrong, shell))
    assert hint is not None
    run(f"cd {tmp_path} && " + hint[0].replace("FILE", "notes.txt"), shell)
    (event,) = http.get("/papers?format=json").json()["events"]
    assert event["text"] == "from a file"


def commands(page: str) -> list[str]:
    """The commands in a page: indented lines with curl in them, without the remarks beside them."""
    joined = re.sub(r"\\\n +", " ", page)
    lines = [line.strip() for line in joined.splitlines() if re.match(r"  +(\w+ \| )?curl ", line)]
    return [re.split(r" {3,}(?![-h])", line)[0] for line in lines]


def test_the_call_everybody_knows(server: ServerProcess, shell: dict[str, str]) -> None:
    answer = run(f'curl -X POST http://127.0.0.1:{server.port}/send -d "message=Hello"', shell)
    assert re.fullmatch(r"lobby/\d+\n", answer)
    assert run(f"curl http://127.0.0.1:{server.port}/{answer.strip()}", shell).endswith(": Hello\n")


def test_every_command_of_the_help_does_what_it_says(
    server: ServerProcess, http: httpx.Client, lobby: str, typed: Typed, shell: dict[str, str]
) -> None:
    asked = commands(http.get("/help").text)
    assert len(asked) >= 15
    for command in map(typed.command, asked):
        assert server.url in command, command
        if any(mark in command for mark in LIVE):
            until(
                command, f"message {MESSAGES}" if "sse" not in command and "event" not in command else "retry:", shell
            )
        elif "-d" in command or "-T" in command:
            answer = run(command, shell)
            assert re.fullmatch(r'lobby/\d+\n|\{"room":"lobby",.*\}\n', answer), command
            assert ("Idempotency-Key" not in command) or run(command, shell) == answer
        else:
            mark = "alice" if "/account" in command else "lobby" if "/rooms" in command else "message"
            assert mark in run(command, shell), command


def test_a_file_is_a_message(server: ServerProcess, http: httpx.Client, tmp_path: Path, shell: dict[str, str]) -> None:
    (tmp_path / "notes.txt").write_text("one\ntwo\n")
    for number, arguments in enumerate(
        (
            "-T notes.txt {room}",
            "--data-binary @notes.txt {room}",
            "-F 'message=<notes.txt' {room}",
            "-T - {room} <notes.txt",
        ),
        1,
    ):
        answer = run(f"cd {tmp_path}; curl {arguments}".replace("{room}", f"{server.url}/files-said"), shell)
        assert answer == f"files-said/{number}\n", arguments
    events = http.get("/api/v1/rooms/files-said/messages").json()["events"]
    assert [event["text"] for event in events] == ["one\ntwo", "one\ntwo", "one\ntwo\n", "one\ntwo"]
