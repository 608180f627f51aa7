"""One room as a new user tries it: two browsers, `parlour chat` and curl, with the server killed and started again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.server import ServerProcess
from tests.support.terminal import Terminal, parlour_command
from tests.ui.conftest import Visit, lose


def test_people_with_browser_terminal_and_curl_when_the_server_is_killed_lose_nothing(
    visit: Visit, own_server: ServerProcess, tmp_path: Path
) -> None:
    url = own_server.url
    chat = parlour_command("chat", f"{url}/lobby", "--name", "carol")
    with Terminal(chat) as carol, following(url, tmp_path / "first"):
        alice, bob = visit("/lobby", at=own_server), visit("/lobby", at=own_server)
        carol.wait_for("/help for help")
        texts: list[str] = []

        def everyone_sees(text: str) -> None:
            texts.append(text)
            alice.see(*texts)
            bob.see(*texts)
            carol.wait_for(lambda: shown(carol) == texts)

        alice.write("good morning", "alice")
        everyone_sees("good morning")
        carol.type("hello from a terminal\r")
        everyone_sees("hello from a terminal")
        assert curl("-X", "POST", f"{url}/send", "-d", "message=Hello") == "lobby/3\n"
        everyone_sees("Hello")
        carol.wait_for(lambda: "Hello" in (tmp_path / "first").read_text(encoding="utf-8"))  # and curl has been told

        lose(own_server, bob)
        bob.write("written while nobody was there", "bob")
        own_server.start()
        everyone_sees("written while nobody was there")
        carol.type("and we are back\r")
        everyone_sees("and we are back")
        assert curl(f"{url}/lobby?format=ndjson&limit=10").count("\n") == len(texts)

        carol.type("/quit\r")
        assert carol.wait_for_end() == 0
        assert alice.complaints == bob.complaints == []
    # Whoever followed with curl was cut off by the crash; until then it had seen everything, once.
    followed = (tmp_path / "first").read_text(encoding="utf-8")
    assert [followed.count(text) for text in texts] == [1, 1, 1, 0, 0]


def shown(terminal: Terminal) -> list[str]:
    """The texts on the screen: lines such as `12:34 alice: hello`."""
    return [line[6:].partition(": ")[2] for line in terminal.lines if line[2:3] == ":" and line[5:6] == " "]


def curl(*arguments: str) -> str:
    """What curl prints."""
    done = subprocess.run(["curl", "-sS", "-m", "20", *arguments], check=True, capture_output=True, text=True)
    return done.stdout


@contextmanager
def following(url: str, output: Path) -> Iterator[None]:
    """`curl -N <room>?follow=1`, for as long as its connection lasts."""
    with output.open("wb") as out:
        process = subprocess.Popen(["curl", "-sSN", f"{url}/lobby?follow=1"], stdout=out, stderr=subprocess.DEVNULL)
        try:
            yield
            process.wait(20)
        finally:
            process.kill()
            process.wait()
