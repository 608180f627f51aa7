"""Clients of server-sent events that others wrote: the same events with the same ids, whatever happens to the line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from parlour.config import Settings
from parlour.core.limits import Limits
from tests.conformance.hostile_texts import HOSTILE
from tests.conformance.sse_clients import Follower, chromium_tab, httpx_sse, messages, npm_eventsource
from tests.support.browser import chromium
from tests.support.inprocess import InProcess
from tests.support.server import ServerProcess

CLOCK_MS = 10
"""So much earlier a timer may seem to ring: clocks are read in milliseconds, and rounded."""


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


class Story:
    """A server that is told messages, and the clients that follow it."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.followers: dict[str, Follower] = {}
        self.texts: list[str] = []
        self.epoch = ""

    def say(self, *texts: str) -> None:
        """Post messages, and wait until every client has shown the last."""
        with self.server.client() as client:
            for text in texts:
                answer = client.post("/story", json={"text": text})
                assert answer.status_code == 201, answer.text
            self.texts += texts
            self.epoch = client.get("/story", headers={"Accept": "application/json"}).json()["epoch"]
        self.wait("message", len(self.texts))

    def wait(self, name: str, count: int) -> None:
        """Wait until every client has shown so many of that name."""
        for follower in self.followers.values():
            follower.wait(name, count)


def test_hostile_texts_are_shown_once_in_order_and_unchanged_through_a_crash_and_a_stop(
    browser: Browser, tmp_path: Path
) -> None:
    with ServerProcess(tmp_path / "data") as server, ExitStack() as clients:
        story = Story(server)
        story.say(*HOSTILE)
        url = f"{server.url}/story?since=0"
        story.followers = {
            "Chromium": clients.enter_context(chromium_tab(browser, url)),
            "eventsource": clients.enter_context(npm_eventsource(url)),
            "httpx-sse": clients.enter_context(httpx_sse(url)),
        }
        story.wait("caught_up", 1)
        story.say(*HOSTILE)
        server.kill()
        server.start()
        story.say("after the crash", *HOSTILE)
        server.stop()
        story.wait("bye", 1)

        cursors = [f"{story.epoch}.{seq}" for seq in range(1, len(story.texts) + 1)]
        bytes_of_the_first = messages(story.followers["Chromium"])
        for name, follower in story.followers.items():
            found = messages(follower)
            assert [event_id for event_id, _ in found] == cursors, name
            assert [json.loads(data)["text"] for _, data in found] == story.texts, name
            assert found == bytes_of_the_first, name
            others = [item[0] for item in follower.shown() if item[0] not in ("message", "heartbeat", "error")]
            assert others == ["open", "caught_up", "open", "caught_up", "bye"], name


def cut_all(server: InProcess) -> None:
    for connection in server.server.drain.connections:
        connection.abort()


def test_after_a_cut_they_wait_as_long_as_they_were_told(browser: Browser, tmp_path: Path) -> None:
    told_ms = 3300  # both would come back after 3000 by themselves
    limits = Limits(sse_retry_s=told_ms / 1000, sse_retry_spread_s=0)
    with InProcess(settings=Settings(port=0, data=tmp_path / "data", rate_limits=False, limits=limits)) as server:
        url = f"http://127.0.0.1:{server.port}/retry"
        with chromium_tab(browser, url) as tab, npm_eventsource(url) as node:
            for follower in (tab, node):
                follower.wait("caught_up", 1)
            server.call(cut_all, server)
            for follower in (tab, node):
                follower.wait("caught_up", 2)
                lost, back = [int(item[1]) for item in follower.shown() if item[0] in ("error", "open")][1:]
                assert back - lost >= told_ms - CLOCK_MS
