"""The examples do what they say, against the real server."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from parlour.client import Client, Event
from tests.support.server import ServerProcess
from tests.support.terminal import ROOT, clean_environment

DEADLINE_S = 60
EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("examples") / "data") as process:
        yield process


def answers(room: Client, count: int) -> list[str | None]:
    """Wait until the bot has said so many things; give them all."""
    said: list[str | None] = []
    for item in room.follow(last=1000):
        if isinstance(item, Event) and item.by.name == "echo":
            said.append(item.text)
            if len(said) == count:
                break
    return said


def test_bot_answers_every_message_once_although_it_is_killed(server: ServerProcess, tmp_path: Path) -> None:
    url, cursor = f"{server.url}/bots", tmp_path / "bot.cursor"
    command = [sys.executable, str(EXAMPLES / "bot.py"), url, str(cursor)]
    expected: list[str | None] = []
    with Client(url, name="alice") as alice:
        for text in ("one", "two", "three"):
            # As if it had died after its last answer and before it remembered anything.
            cursor.write_text("0")
            alice.send(text)
            expected.append(f"alice said: {text}")
            bot = subprocess.Popen(command, env=clean_environment())
            try:
                assert answers(alice, len(expected)) == expected
            finally:
                bot.kill()
                bot.wait()
        events = alice.history().events
    assert [event.text for event in events if event.by.name == "echo"] == expected
    assert [event.text for event in events if event.by.name == "alice"] == ["one", "two", "three"]


def test_curl_tour(server: ServerProcess) -> None:
    tour = subprocess.run(
        ["sh", str(EXAMPLES / "curl.sh"), server.url],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env=clean_environment(),
        check=False,
    )
    assert (tour.returncode, tour.stderr) == (0, "")
    plain = re.sub(
        r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", "", re.sub(r"tour-\d+", "tour", tour.stdout), flags=re.MULTILINE
    )
    steps = [step.partition("\n")[2].strip() for step in plain.split("\n# ")[1:]]
    hello, who, program, key, read, some, link, ndjson, live, mistake, _ = steps
    assert hello == "tour/1"
    first, second = who.splitlines()
    assert first == "tour/2"
    assert json.loads(second)["text"] == "Hi alice"
    assert program == "tour/4"
    assert key == "tour/5\ntour/5"
    assert "alice: It is me & my ampersand\nbob: Hi alice\ncron: two lines\n  in one message\nguest-" in read
    assert some.count("backup done") == 2
    assert link.endswith(": Hello, room")
    assert ndjson.startswith('{"room":"tour","seq":5,')
    assert [line.partition(": ")[2] for line in live.splitlines()] == ["backup done", "live from the other side"]
    assert mistake.startswith("error: ")
