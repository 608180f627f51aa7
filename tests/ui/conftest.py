"""One browser and one server for all tests of the page; every person must have left without a complaint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support.browser import ChromiumTab, Person, chromium
from tests.support.firefox import Firefox, Tab, firefox
from tests.support.modules import serving_modules
from tests.support.server import ServerProcess

Visit = Callable[..., Person]

AnyTab = ChromiumTab | Tab

Say = Callable[..., int]

SOON = "Math.random = () => 0.1;"
"""In a page: it is lucky, and tries again soon. What is drawn is how long it waits, and nothing else."""

Engine = Callable[..., Any]
"""Runs a JavaScript function in a browser, where `import("./links.js")` works; values pass as JSON."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def firefox_browser() -> Iterator[Firefox]:
    with firefox() as running:
        yield running


@pytest.fixture(scope="session")
def modules() -> Iterator[str]:
    with serving_modules() as address:
        yield address


@pytest.fixture(scope="session", params=["chromium", "firefox"])
def make(request: pytest.FixtureRequest) -> str:
    """The make of the browser. Of the session, so that the tests in Firefox come one after the other, in one worker."""
    make: str = request.param
    return make


@pytest.fixture
def tab(request: pytest.FixtureRequest, make: str) -> Iterator[AnyTab]:
    """A tab with a fresh profile, in each browser. At the end its console must have no errors."""
    if make == "firefox":
        running: Firefox = request.getfixturevalue("firefox_browser")
        with running.tab() as tab:
            yield tab
            assert tab.complaints == []
    else:
        person = Person(request.getfixturevalue("browser"))
        yield ChromiumTab(person)
        person.context.close()
        assert person.complaints == []


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest, make: str, modules: str) -> Iterator[Engine]:
    """One tab for all tests: what functions give does not depend on what was asked before."""
    with ExitStack() as stack:
        if make == "firefox":
            running: Firefox = request.getfixturevalue("firefox_browser")
            tab: AnyTab = stack.enter_context(running.tab())
        else:  # closed with its browser, where Playwright's loop runs
            tab = ChromiumTab(Person(request.getfixturevalue("browser")))
        tab.goto(modules)
        yield tab.evaluate
        assert tab.complaints == []


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server for one test, which may kill it."""
    server = ServerProcess(tmp_path / "data").start()
    try:
        yield server
    finally:
        server.kill()


def lose(server: ServerProcess, *people: Person) -> None:
    """Kill a server, and wait until the pages that these people look at say so, which they do after a second."""
    server.kill()
    for person in people:
        person.page.clock.run_for(1000)
        person.wait_for_line("retrying")


_rooms = count(1)


@pytest.fixture
def room() -> str:
    """A room that no other test uses."""
    return f"room-{next(_rooms)}"


@pytest.fixture
def say(server: ServerProcess) -> Iterator[Callable[..., int]]:
    """Send a message as somebody else's program: `say(room, text, name)` gives its seq."""
    with server.client() as client:

        def send(room: str, text: str, name: str = "curl") -> int:
            answer = client.post(f"/{room}", json={"text": text, "name": name})
            assert answer.status_code == 201, answer.text
            seq: int = answer.json()["seq"]
            return seq

        yield send


@pytest.fixture
def visit(browser: Browser, server: ServerProcess) -> Iterator[Visit]:
    """Open a page as a new person: `visit(path, **context options)`; waits until it is live if scripts are on.

    The clock of the page can be wound if `has_clock` is true. So can that of a page of another server than that of the
    session, which may be killed; such a page comes back soon.
    """
    people: list[Person] = []

    def go(
        path: str, *, at: ServerProcess = server, live: bool = True, has_clock: bool = False, **options: object
    ) -> Person:
        person = Person(browser, base_url=at.url, **options)
        people.append(person)
        if at is not server:
            person.context.add_init_script(SOON)
        if has_clock or at is not server:
            person.page.clock.install()
        person.page.goto(path)
        if live and options.get("java_script_enabled", True):
            person.wait_for_line("live")
        return person

    yield go
    for person in people:
        person.context.close()
    assert [complaint for person in people for complaint in person.complaints] == []
