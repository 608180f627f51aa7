"""Lynx, w3m and Links, as people have them: what a room looks like in them, and talking from them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from parlour.client import Client
from tests.support.server import ServerProcess
from tests.support.terminal import Terminal

DEADLINE_S = 60
BROWSERS = ("lynx", "w3m", "links")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("text") / "data") as process:
        yield process


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where a browser keeps its own: Links waits three seconds if it has nowhere to, Lynx after each message."""
    (tmp_path / "lynx.cfg").write_text("LOCALE_CHARSET:TRUE\nINFOSECS:0\nMESSAGESECS:0\nALERTSECS:0\n")
    return tmp_path


def dump(browser: str, url: str, home: Path) -> str:
    options = {"lynx": ["-display_charset=utf-8"], "w3m": ["-O", "UTF-8"], "links": ["-codepage", "utf-8"]}[browser]
    done = subprocess.run(
        [browser, *options, "-dump", url],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm", "HOME": str(home)},
    )
    return " ".join(done.stdout.split())


@pytest.mark.parametrize("browser", BROWSERS)
def test_room_is_a_page_with_a_form_and_links(server: ServerProcess, browser: str, home: Path) -> None:
    room = f"{browser}-reads"
    with Client(f"{server.url}/{room}", name="alice") as alice:
        for number in range(1, 61):
            alice.send(f"number {number}. 日本")
    shown = dump(browser, f"{server.url}/{room}", home)
    for words in (
        "number 60. 日本",
        "number 11.",
        "Older messages",
        "Message to",
        "Your name",
        "Go to a room",
        "alice",
    ):
        assert words in shown
    for words in ("number 10.", "Nothing here yet", "This is where", "Jump to latest", "Newer messages", "Discard"):
        assert words not in shown
    shown = dump(browser, f"{server.url}/{room}?before=11", home)
    for words in ("number 1.", "number 10.", "This is where", "Newer messages"):
        assert words in shown
    for words in ("Older messages", "Nothing here yet", "number 11."):
        assert words not in shown


def test_room_offers_no_link_that_is_for_machines(server: ServerProcess, home: Path) -> None:
    for browser in BROWSERS:
        shown = dump(browser, f"{server.url}/{browser}-machines", home)
        assert "modulepreload" not in shown
        assert not shown.startswith("Link:")


@pytest.mark.parametrize("browser", BROWSERS)
def test_empty_room_says_so_and_nothing_else(server: ServerProcess, browser: str, home: Path) -> None:
    shown = dump(browser, f"{server.url}/{browser}-empty", home)
    assert "Nothing here yet" in shown
    for words in ("Older messages", "This is where", "Jump to latest"):
        assert words not in shown


@pytest.mark.parametrize("browser", ["lynx", "links"])
def test_error_is_a_page_that_leads_on(server: ServerProcess, browser: str) -> None:
    done = subprocess.run(
        [browser, "-source", f"{server.url}/a%20b"], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert done.stdout.startswith("<!doctype html>")
    assert "bad_room_name" not in done.stdout


def wait_for(terminal: Terminal, words: str) -> None:
    """Wait until the words are on the screen, wherever the cursor is."""
    terminal.wait_for(lambda: any(words in row for row in terminal.screen.display))


def browse(browser: str, url: str, home: Path, *, types: str = "") -> Terminal:
    """A browser with a room open. The editor that w3m calls for a text area writes `types`."""
    editor = home / "editor"
    editor.write_text(f"#!/bin/sh\nprintf %s '{types}' >\"$1\"\n")
    editor.chmod(0o755)
    environment = {"LANG": "C.UTF-8", "TERM": "vt100", "HOME": str(home), "EDITOR": str(editor), "LINES": "120"}
    options = ["-accept_all_cookies", f"-cfg={home}/lynx.cfg"] if browser == "lynx" else []
    terminal = Terminal([browser, *options, url], environment, rows=120)
    if browser == "links":
        wait_for(terminal, "Welcome to links")
        terminal.type("\r")
    wait_for(terminal, "Your name")
    return terminal


END, UP, DOWN = "\x1b[4~", "\x1b[A", "\x1b[B"
_TO_MESSAGE = {"lynx": "\x058\x1bOA", "w3m": "G\x1b\t", "links": END + UP * 2}
"""From the start of the page to the box for a message, which stands before those for the name and the button."""


def write(terminal: Terminal, browser: str, text: str, name: str = "") -> None:
    terminal.type(_TO_MESSAGE[browser])
    if browser == "w3m":
        terminal.type("\r")  # the editor has put the text there
        terminal.type("G\x1b\t\t")
        if name:
            terminal.type(f"\r{name}\r")
        terminal.type("\t\r")
    else:
        down = "\t" if browser == "lynx" else DOWN
        terminal.type(f"{text}{down}{name}{down}\r")


@pytest.mark.parametrize("browser", BROWSERS)
def test_message_is_sent_by_the_form_and_seen(server: ServerProcess, browser: str, home: Path) -> None:
    room = f"{browser}-sends"
    with Client(f"{server.url}/{room}", name="alice") as alice:
        alice.send("hello")
        with browse(browser, f"{server.url}/{room}", home, types="hi there") as terminal:
            write(terminal, browser, "hi there", name="ted")
            terminal.wait_for(lambda: len(alice.history().events) == 2)
        assert "ted" in dump(browser, f"{server.url}/{room}", home)
        assert [(event.by.name, event.text) for event in alice.history().events][1] == ("ted", "hi there")


@pytest.mark.parametrize("browser", BROWSERS)
def test_messages_have_no_numbers_that_are_not_theirs(server: ServerProcess, browser: str, home: Path) -> None:
    with Client(f"{server.url}/{browser}-counts", name="alice") as alice:
        for text in ("hello", "and again"):
            alice.send(text)
    shown = dump(browser, f"{server.url}/{browser}-counts", home).partition("References")[
        0
    ]  # Lynx numbers links, at the end
    assert "and again" in shown
    assert re.findall(r"(?<!\w)\d+\. ", shown) == []


@pytest.mark.parametrize("browser", BROWSERS)
def test_refused_message_comes_back_with_the_reason(server: ServerProcess, browser: str, home: Path) -> None:
    room = f"{browser}-refused"
    with browse(browser, f"{server.url}/{room}", home, types="kept words") as terminal:
        write(terminal, browser, "kept words", name="admin")
        wait_for(terminal, f"Not sent · {room}")
        wait_for(terminal, "taken for the server")
        wait_for(terminal, "kept words")
    with Client(f"{server.url}/{room}") as client:
        assert client.history().events == []
