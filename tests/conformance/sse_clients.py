"""Three clients of server-sent events that others wrote, each following a URL and remembering all that it shows.

Two of them come back by themselves; the third leaves that to its user, and its loop here is the one that its manual
describes. Every one is a `Follower`.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeAlias

import httpx
from httpx_sse import connect_sse
from playwright.sync_api import Browser, Page

from tests.conformance.npm_packages import NPM, install
from tests.support.timeout import TIMEOUT_S

Shown: TypeAlias = tuple[str, ...]
"""An `open` or `error`, of an EventSource with its time in milliseconds; or an event: name, last event id, data."""


class Follower(Protocol):
    """A client that follows a stream."""

    def shown(self) -> list[Shown]:
        """Everything it has shown so far."""

    def wait(self, name: str, count: int) -> None:
        """Wait until it has shown so many of that name (`message` is what an event has without one)."""


class Log:
    """What a client in another thread has shown."""

    def __init__(self) -> None:
        self._items: list[Shown] = []
        self._changed = threading.Condition()

    def put(self, item: Shown) -> None:
        """Add to it."""
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    def shown(self) -> list[Shown]:
        """Everything so far."""
        with self._changed:
            return self._items[:]

    def wait(self, name: str, count: int) -> None:
        """Wait for events."""
        with self._changed:
            found = self._changed.wait_for(lambda: [item[0] for item in self._items].count(name) >= count, TIMEOUT_S)
            assert found, (name, count, self._items)


@contextmanager
def httpx_sse(url: str) -> Iterator[Follower]:
    """PyPI's httpx-sse. It does not reconnect: that is done for it, with what it has learned."""
    log, ended, last_id, retry_s = Log(), threading.Event(), "", 0.0

    def follow(client: httpx.Client) -> None:
        nonlocal last_id, retry_s
        fields = {"Last-Event-ID": last_id} if last_id else {}
        with connect_sse(client, "GET", url, headers=fields) as source:
            log.put(("open",))
            for event in source.iter_sse():
                last_id = event.id
                retry_s = retry_s if event.retry is None else event.retry / 1000
                log.put((event.event, event.id, event.data))
                if ended.is_set():
                    return

    def run() -> None:
        with httpx.Client(timeout=TIMEOUT_S) as client:
            while not ended.is_set():
                try:
                    follow(client)
                except httpx.TransportError:
                    log.put(("error",))
                ended.wait(retry_s)

    thread = threading.Thread(target=run, daemon=True)  # waits for the next event when the test has seen enough
    thread.start()
    yield log
    ended.set()


@contextmanager
def npm_eventsource(url: str) -> Iterator[Follower]:
    """npm's eventsource, in Node."""
    install()
    log = Log()
    with subprocess.Popen(["node", "follow.mjs", url], cwd=NPM, stdout=subprocess.PIPE, text=True) as node:
        output = node.stdout
        assert output is not None

        def run() -> None:
            for line in output:
                log.put(tuple(json.loads(line)))

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield log
        finally:
            node.kill()
            thread.join(TIMEOUT_S)


class Tab:
    """Chromium's own EventSource, on a page of the server that has no script."""

    def __init__(self, page: Page, url: str) -> None:
        self._page = page
        page.add_script_tag(content=(NPM / "record.js").read_text())
        page.evaluate(
            "url => { window.shown = []; window.source = record(EventSource, url, item => shown.push(item)); }", url
        )

    def shown(self) -> list[Shown]:
        """Everything so far."""
        return [tuple(item) for item in self._page.evaluate("shown")]

    def wait(self, name: str, count: int) -> None:
        """Wait for events."""
        self._page.wait_for_function(
            "([name, count]) => shown.filter((item) => item[0] === name).length >= count",
            arg=[name, count],
            timeout=TIMEOUT_S * 1000,
        )


@contextmanager
def chromium_tab(browser: Browser, url: str) -> Iterator[Follower]:
    """A tab of Chromium."""
    context = browser.new_context(bypass_csp=True)  # the policy of a page without scripts allows none
    page = context.new_page()
    page.goto(str(httpx.URL(url).join("/healthz")))
    yield Tab(page, url)
    context.close()


def messages(follower: Follower) -> list[tuple[str, str]]:
    """The id and the data of every durable event that was shown."""
    return [(item[1], item[2]) for item in follower.shown() if item[0] == "message"]
