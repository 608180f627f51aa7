"""Lynx, w3m and Links, as people have them: what a room looks like in them, and talking from them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from parlour.client import Client
from tests.support.server import ServerProcess
from tests.support.terminal import Terminal

DEADLINE_S = 60
BROWSERS = ("lynx", "w3m", "links")

broken = pytest.mark.xfail(strict=True, reason="gets lines without a form, or is told what is not so")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("text") / "data") as process:
        yield process


def dump(browser: str, url: str) -> str:
    options = {"lynx": ["-display_charset=utf-8"], "w3m": ["-O", "UTF-8"], "links": ["-codepage", "utf-8"]}[browser]
    done = subprocess.run(
        [browser, *options, "-dump", url],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm"},
    )
    return " ".join(done.stdout.split())


@broken
@pytest.mark.parametrize("browser", BROWSERS)
def test_room_is_a_page_with_a_form_and_links(server: ServerProcess, browser: str) -> None:
    room = f"{browser}-reads"
    with Client(f"{server.url}/{room}", name="alice") as alice:
        for number in range(1, 61):
            alice.send(f"number {number}. 日本")
    shown = dump(browser, f"{server.url}/{room}")
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
    for words in ("number 10.", "Nothing here yet", "This is where", "Jump to latest", "Newer messages"):
        assert words not in shown
    shown = dump(browser, f"{server.url}/{room}?before=11")
    for words in ("number 1.", "number 10.", "This is where", "Newer messages"):
        assert words in shown
    for words in ("Older messages", "Nothing here yet", "number 11."):
        assert words not in shown


@broken
@pytest.mark.parametrize("browser", BROWSERS)
def test_empty_room_says_so_and_nothing_else(server: ServerProcess, browser: str) -> None:
    shown = dump(browser, f"{server.url}/{browser}-empty")
    assert "Nothing here yet" in shown
    for words in ("Older messages", "This is where", "Jump to latest"):
        assert words not in shown


@broken
@pytest.mark.parametrize("browser", ["lynx", "links"])
def test_error_is_a_page_that_leads_on(server: ServerProcess, browser: str) -> None:
    done = subprocess.run(
        [browser, "-source", f"{server.url}/a%20b"], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert done.stdout.startswith("<!doctype html>")
    assert "bad_room_name" not in done.stdout
