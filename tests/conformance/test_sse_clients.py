"""Clients of server-sent events that others wrote: the same events with the same ids, whatever happens to the line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from parlour.config import Settings
from tests.conformance.sse_clients import Follower, chromium_tab, httpx_sse, messages, npm_eventsource
from tests.support.browser import chromium
from tests.support.inprocess import InProcess
from tests.support.server import ServerProcess

CLIENTS = ("chromium", "eventsource", "httpx-sse")

CLOCK_MS = 10
"""So much earlier a timer may seem to ring: clocks are read in milliseconds, and rounded."""

HOSTILE = (
    "two\nlines",
    "old\rMac",
    "DOS\r\nand\n\rthe other way round",
    "ends in a line break\n",
    "\n\nempty lines\n\n\nbetween and after\n\n",
    "VT \v FF \f FS \x1c GS \x1d RS \x1e NEL \x85 LS \u2028 PS \u2029 end",
    "data: forged\n\ndata: twice\n\n",
    "\nid: 999\nevent: reset\nretry: 1\ndata: {}\n\n",
    ": a comment\n:\n",
    " space before and after ",
    "\ufeffbyte order marks\ufeff",
    "every control character: " + "".join(map(chr, [*range(1, 32), *range(127, 160)])),
    "\u202eright to left\u202c \u2066isolated\u2069 \u200f\u200e\u061c",
    "😀 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 \U0001f3f4\U000e0067\U000e0062\U000e007f",
    "e\u0301 and \u00e9, \ufffd, \ufffe, \uffff, \U0010ffff",
    '\\u0000 \\n "quoted" \\',
    "z" * 16384,
)


class Story:
    """What happened to a server, and what each client saw of it."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.followers: dict[str, Follower] = {}
        self.texts: list[str] = []
        self.epoch = ""

    def say(self, *texts: str) -> None:
        """Post messages, and wait until every client has shown the last."""
        with httpx.Client(base_url=self.server.url) as client:
            for text in texts:
                answer = client.post("/story", json={"text": text})
                assert answer.status_code == 201, answer.text
            self.texts += texts
            self.epoch = client.get("/story", headers={"Accept": "application/json"}).json()["epoch"]
        for follower in self.followers.values():
            follower.wait("message", len(self.texts))

    def run(self, browser: Browser, clients: ExitStack) -> None:
        """Hostile texts, replayed and live; a crash; a graceful stop."""
        self.say(*HOSTILE)
        url = f"{self.server.url}/story?since=0"
        self.followers = {
            "chromium": clients.enter_context(chromium_tab(browser, url)),
            "eventsource": clients.enter_context(npm_eventsource(url)),
            "httpx-sse": clients.enter_context(httpx_sse(url)),
        }
        for follower in self.followers.values():
            follower.wait("caught_up", 1)
        self.say(*HOSTILE)
        self.server.kill()
        self.server.start()
        self.say("after the crash", *HOSTILE)
        self.server.stop()
        for follower in self.followers.values():
            follower.wait("bye", 1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def story(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with ServerProcess(tmp_path_factory.mktemp("sse") / "data") as server, ExitStack() as clients:
        story = Story(server)
        story.run(browser, clients)
        yield story


@pytest.mark.parametrize("client", CLIENTS)
def test_every_event_is_shown_once_in_order_with_its_cursor_across_a_crash(story: Story, client: str) -> None:
    found = messages(story.followers[client])
    assert [event_id for event_id, _ in found] == [f"{story.epoch}.{seq}" for seq in range(1, len(story.texts) + 1)]


@pytest.mark.parametrize("client", CLIENTS)
def test_hostile_texts_are_shown_unchanged(story: Story, client: str) -> None:
    events = [json.loads(data) for _, data in messages(story.followers[client])]
    assert [event["text"] for event in events] == story.texts
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))


def test_all_clients_show_the_same_bytes(story: Story) -> None:
    first, *others = [messages(follower) for follower in story.followers.values()]
    assert others == [first] * len(others)


@pytest.mark.parametrize("client", CLIENTS)
def test_nothing_else_is_shown_than_events_and_control_items(story: Story, client: str) -> None:
    names = [item[0] for item in story.followers[client].shown() if item[0] not in ("message", "heartbeat", "error")]
    assert names == ["open", "caught_up", "open", "caught_up", "bye"]


def cut_all(server: InProcess) -> None:
    for connection in server.server.drain.connections:
        connection.abort()


def test_after_a_cut_they_wait_as_long_as_they_were_told(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_ms = 3300  # both would come back after 3000 by themselves
    monkeypatch.setattr("parlour.api.streams.RETRY_MS", (told_ms, told_ms))
    with InProcess(settings=Settings(port=0, data=tmp_path / "data", rate_limits=False)) as server:
        url = f"http://127.0.0.1:{server.port}/retry"
        with chromium_tab(browser, url) as tab, npm_eventsource(url) as node:
            for follower in (tab, node):
                follower.wait("caught_up", 1)
            server.call(cut_all, server)
            for follower in (tab, node):
                follower.wait("caught_up", 2)
                lost, back = [int(item[1]) for item in follower.shown() if item[0] in ("error", "open")][1:]
                assert back - lost >= told_ms - CLOCK_MS
