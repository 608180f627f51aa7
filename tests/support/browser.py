"""Chromium for tests: one process, a fresh profile per person, and a list of all errors in it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.support.timeout import TIMEOUT_S

_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first one that is there runs: it has the same engine and no windows around it, and costs a third less."""

_WITHOUT = [
    # Chromium heeds the last list of these only, so that those which Playwright names are here again.
    "AimEnabled", "AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "LensOverlay", "MediaRouter",
    "NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding", "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
    # Two pages behind the address bar of every window, which cost as much as the page of a room.
    "WebUIOmniboxPopup", "WebUIOmniboxAimPopup",
]  # fmt: skip

_ARGUMENTS = [
    f"--disable-features={','.join(_WITHOUT)}",
    "--no-sandbox",
    "--disable-gpu",
    # On a busy machine its GPU process is slow: it would be killed, and after the third time the browser ends itself.
    "--disable-gpu-watchdog",
    "--disable-gpu-process-crash-limit",
    # A tenth less for every page: no process for drawing, and none that waits for the next page.
    "--in-process-gpu",
    "--renderer-process-limit=1",
    "--disable-site-isolation-trials",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

_LINE_IS_DOWN = (
    "net::ERR_CONNECTION_REFUSED",
    "net::ERR_CONNECTION_RESET",
    "net::ERR_EMPTY_RESPONSE",
    "net::ERR_INCOMPLETE_CHUNKED_ENCODING",
    "net::ERR_INTERNET_DISCONNECTED",
    "WebSocket connection to",
)
"""What Chromium itself writes to the console while a server is away."""


IS_LINE = "(state) => document.getElementById('connection')?.dataset.state === state"
"""Whether the page says that its line is in a state. Functions are asked again in each frame, selectors less often."""

_IS_ASKED = "document.querySelector('#join:popover-open') !== null"
"""Whether the page asks for a name."""

_running: list[Browser] = []
"""The running browser, if there is one: Playwright cannot run two in one thread."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser; nested calls share it. Raises AssertionError if the machine has none."""
    path = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    assert path is not None, "these tests need Chromium"
    if _running:
        yield _running[0]
        return
    expect.set_options(1000 * TIMEOUT_S)
    with sync_playwright() as playwright:
        loop = asyncio.get_running_loop()
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        _running.append(browser)
        try:
            yield browser
        finally:
            _running.clear()
            asyncio._set_running_loop(loop)  # the test that ends may have had one of its own (tests/support/loops.py)
            browser.close()


class Person:
    """Somebody with a browser: a profile of their own with one page, which `page` is.

    `complaints` collects errors on the console, uncaught exceptions, dialogs and violations of the page's policy;
    what the browser says about a server that is away is left out. Dialogs are answered with "no", or with "yes" if
    `answers_dialogs` is true. `asked_to_stay` counts the times that leaving a page asked first; the person leaves.
    `options` are those of a Playwright context.
    """

    def __init__(self, browser: Browser, **options: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1000, "height": 700}, "locale": "en-GB", **options})
        self.context.set_default_timeout(1000 * TIMEOUT_S)
        self.complaints: list[str] = []
        self.answers_dialogs = False
        self.asked_to_stay = 0
        self.context.on("page", self._opened)
        self.page: Page = self.context.new_page()

    def _opened(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        page.on("dialog", self._dialog)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(words in message.text for words in _LINE_IS_DOWN):
            self.complaints.append(f"{message.type}: {message.text}")

    def _dialog(self, dialog: Any) -> None:
        if dialog.type == "beforeunload":
            self.asked_to_stay += 1
            dialog.accept()
            return
        self.complaints.append(f"dialog: {dialog.message}")
        if self.answers_dialogs:
            dialog.accept()
        else:
            dialog.dismiss()

    def wait_for_line(self, state: str) -> None:
        """Wait until the page says that its line is in this state."""
        self.page.wait_for_function(IS_LINE, arg=state)

    def write(self, text: str, name: str | None = None) -> None:
        """Write a message as with the keyboard, and send it with Enter, under a name if it is to be another one.

        A guest who is asked for a name before the first message, and has none, sends without one.
        """
        entry = self.page.locator(".bar button.me")
        if name is not None and entry.count() and entry.get_attribute("title") not in (name, "Your name"):
            self.call(name)
        self.page.fill("#message", text)
        self.page.press("#message", "Enter")
        if self.page.evaluate(_IS_ASKED):
            self._answer(name or "")

    def call(self, name: str) -> None:
        """Be called by another name from now on, by one's own entry in the bar."""
        self.page.click(".bar .me")
        self._answer(name)

    def _answer(self, name: str) -> None:
        self.page.fill("#name", name)
        self.page.press("#name", "Enter")
        self.page.wait_for_function(f"() => !({_IS_ASKED})")

    def see(self, *texts: str) -> None:
        """Wait until the messages in the log are these, in this order, each once."""
        self.page.wait_for_function(
            """(expected) => {
                const shown = [...document.querySelectorAll("#messages .text")].map((node) => node.textContent);
                return JSON.stringify(shown) === JSON.stringify(expected);
            }""",
            arg=list(texts),
        )

    @property
    def texts(self) -> list[str]:
        """The texts of the messages in the log now."""
        return [text or "" for text in self.page.locator("#messages .text").all_text_contents()]


class ChromiumTab:
    """A tab of Chromium with the methods that one of Firefox has (`tests/support/firefox.py`), for tests of both."""

    def __init__(self, person: Person) -> None:
        self._page = person.page
        self.complaints = person.complaints

    def resize(self, width: int, height: int) -> None:
        self._page.set_viewport_size({"width": width, "height": height})

    def goto(self, url: str) -> None:
        self._page.goto(url)

    def evaluate(self, function: str, *arguments: Any) -> Any:
        return self._page.evaluate(f"(values) => ({function})(...values)", list(arguments))

    def wait_for(self, function: str, *arguments: Any) -> None:
        self._page.wait_for_function(f"(values) => ({function})(...values)", arg=list(arguments))

    def press(self, *keys: str) -> None:
        for key in keys:
            self._page.keyboard.press(key)

    def click(self, x: float, y: float) -> None:
        self._page.mouse.click(x, y)

    def screenshot(self, path: Path) -> None:
        self._page.screenshot(path=path)
