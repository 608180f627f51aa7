"""The page on lines that are not ideal: it goes on by what passes, and people notice nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.support.bad_proxy import BadProxy
from tests.support.browser import Person
from tests.support.patience import PATIENCE_S
from tests.support.plain_nginx import plain_nginx
from tests.support.server import ServerProcess

Say = Callable[..., int]


@pytest.fixture
def visitors(browser: Browser) -> Iterator[Callable[[str], Person]]:
    """Open a page as a new person, in a browser of its own. What it says of a refused handshake is left out."""
    people: list[Person] = []

    def go(address: str, **options: object) -> Person:
        person = Person(browser, **options)
        people.append(person)
        person.page.goto(address)
        return person

    yield go
    for person in people:
        person.context.close()
    assert [words for person in people for words in person.complaints if "Failed to load resource" not in words] == []


def _stored(server: ServerProcess, room: str) -> list[str]:
    page = httpx.get(f"{server.url}/{room}?format=json&limit=1000&since=0", timeout=PATIENCE_S).json()
    return [event["text"] for event in page["events"]]


def test_page_behind_nginx_that_passes_no_websocket_is_live_and_says_nothing_of_it(
    visitors: Callable[[str], Person], server: ServerProcess, say: Say, room: str, tmp_path: Path
) -> None:
    with plain_nginx(tmp_path / "nginx", server.port) as address:
        alice = visitors(f"{address}/{room}")
        alice.wait_for_line("live")
        bob = visitors(f"{server.url}/{room}")
        bob.wait_for_line("live")
        for number in range(5):
            alice.write(f"from Alice {number}", name="Alice")
            bob.write(f"from Bob {number}", name="Bob")
        said = {f"from {who} {number}" for who in ("Alice", "Bob") for number in range(5)}
        expect(alice.page.locator("#messages .text")).to_have_count(10)
        expect(alice.page.locator("#outbox li")).to_have_count(0)
        assert alice.texts == _stored(server, room)
        assert set(alice.texts) == said
        expect(alice.page.locator("#strip")).to_be_hidden()


@pytest.mark.parametrize("upgrades", ["strip", "400", "403", "426", "502", "swallow", "hang"])
def test_page_when_a_proxy_does_not_pass_its_websocket_is_live_without_and_remembers_it_for_the_visit(
    visitors: Callable[[str], Person], server: ServerProcess, say: Say, room: str, upgrades: str
) -> None:
    with BadProxy(server.port, upgrades=upgrades) as proxy:
        alice = visitors(f"{proxy.url}/{room}")
        alice.wait_for_line("live")
        alice.write("there", name="Alice")
        alice.see("there")
        say(room, "and back")
        alice.see("there", "and back")
        tries = len(proxy.asked("GET", "since="))
        alice.page.reload()
        alice.wait_for_line("live")
        alice.see("there", "and back")
        assert len(proxy.asked("GET", "since=")) == tries + 1, "the WebSocket is not tried again"
    assert _stored(server, room) == ["there", "and back"]


def test_page_when_a_proxy_holds_streams_back_too_asks_again_and_again(
    visitors: Callable[[str], Person], server: ServerProcess, say: Say, room: str
) -> None:
    with BadProxy(server.port, upgrades="502", holds_streams=True) as proxy:
        alice = visitors(f"{proxy.url}/{room}")
        alice.wait_for_line("live")
        for number in range(3):
            alice.write(f"there {number}", name="Alice")
            say(room, f"and back {number}")
        expect(alice.page.locator("#messages .text")).to_have_count(6)
        expect(alice.page.locator("#outbox li")).to_have_count(0)
        assert alice.texts == _stored(server, room)


def test_line_when_nothing_is_heard_for_forty_seconds_is_taken_up_again(
    visitors: Callable[[str], Person], server: ServerProcess, say: Say, room: str
) -> None:
    with BadProxy(server.port) as proxy:
        alice = visitors(proxy.url)
        alice.page.clock.install()
        alice.page.goto(f"{proxy.url}/{room}")
        alice.wait_for_line("live")
        say(room, "before")
        alice.see("before")
        proxy.forget_lines()
        say(room, "meanwhile")
        alice.page.clock.run_for(20_000)  # the clock goes on by itself, too: some seconds for a slow machine
        assert len(proxy.asked("GET", f"{room}?since=")) == 1
        alice.page.clock.run_for(25_000)
        alice.see("before", "meanwhile")
        alice.wait_for_line("live")
        first, second = proxy.asked("GET", f"{room}?since=")
        assert first.partition(" HTTP")[0].endswith(".0")
        assert second.partition(" HTTP")[0].endswith(".1"), "resumed after the first message"
