"""The page on lines that are not ideal: it goes on by what passes, and people notice nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.support.bad_proxy import BadProxy
from tests.support.browser import Person
from tests.support.plain_nginx import plain_nginx
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S
from tests.ui.conftest import SOON, lose

Say = Callable[..., int]

STRIP_MS = 6000
"""Longer than it takes until something is said of a line that is down."""
STYLED = "() => getComputedStyle(document.body).display === 'grid'"
PATIENCE_MS = 2600
"""Longer than a way to the server may take to bring something before the next one is tried."""


Visitors = Callable[..., Person]


@pytest.fixture
def visitors(browser: Browser) -> Iterator[Visitors]:
    """Open a page as a new person, whose clock can be wound if `has_clock` is true, and who comes back soon.

    What the browser says of a refused handshake is left out.
    """
    people: list[Person] = []

    def go(address: str, *, has_clock: bool = False) -> Person:
        person = Person(browser)
        people.append(person)
        person.context.add_init_script(SOON)
        if has_clock:
            person.page.clock.install()
        person.page.goto(address)
        return person

    yield go
    for person in people:
        person.context.close()
    assert [words for person in people for words in person.complaints if "Failed to load resource" not in words] == []


@pytest.fixture
def own_room(server: ServerProcess, room: str) -> str:
    """The address of a room."""
    return f"{server.url}/{room}"


def _stored(server: ServerProcess, room: str) -> list[str]:
    page = httpx.get(f"{server.url}/{room}?format=json&limit=1000&since=0", timeout=TIMEOUT_S).json()
    return [event["text"] for event in page["events"]]


def test_page_behind_nginx_that_passes_no_websocket_is_live_and_says_nothing_of_it(
    visitors: Visitors, server: ServerProcess, say: Say, room: str, tmp_path: Path
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


@pytest.mark.parametrize(
    "upgrades",
    ["strip", "hang", *[pytest.param(way, marks=pytest.mark.long) for way in ("400", "403", "426", "502", "swallow")]],
)
def test_page_when_a_proxy_does_not_pass_its_websocket_is_live_without_and_remembers_it_for_the_visit(
    visitors: Visitors, server: ServerProcess, say: Say, room: str, upgrades: str
) -> None:
    with BadProxy(server.port, upgrades=upgrades) as proxy:
        alice = visitors(f"{proxy.url}/{room}", has_clock=True)
        if upgrades in ("hang", "swallow"):
            alice.page.clock.run_for(PATIENCE_MS)
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
    visitors: Visitors, server: ServerProcess, say: Say, room: str
) -> None:
    with BadProxy(server.port, upgrades="502", holds_streams=True) as proxy:
        alice = visitors("about:blank", has_clock=True)
        with alice.page.expect_request("**format=sse**"):
            alice.page.goto(f"{proxy.url}/{room}")
        alice.page.clock.run_for(PATIENCE_MS)
        alice.wait_for_line("live")
        for number in range(3):
            alice.write(f"there {number}", name="Alice")
            say(room, f"and back {number}")
        expect(alice.page.locator("#messages .text")).to_have_count(6)
        expect(alice.page.locator("#outbox li")).to_have_count(0)
        assert alice.texts == _stored(server, room)


def test_line_when_nothing_is_heard_for_forty_seconds_is_taken_up_again(
    visitors: Visitors, server: ServerProcess, say: Say, room: str
) -> None:
    with BadProxy(server.port) as proxy:
        alice = visitors(f"{proxy.url}/{room}", has_clock=True)
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


WAKING = {
    "visible": "document.dispatchEvent(new Event('visibilitychange'))",
    "resumed": "document.dispatchEvent(new Event('resume'))",
    "focused": "window.dispatchEvent(new Event('focus'))",
    "online": "window.dispatchEvent(new Event('online'))",
    "shown again": "window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))",
}


@pytest.mark.parametrize("upgrades", ["pass", "502"], ids=["socket", "stream"])
def test_page_when_it_is_woken_on_a_dead_line_finds_that_out_at_once(
    visitors: Visitors, server: ServerProcess, say: Say, room: str, upgrades: str
) -> None:
    with BadProxy(server.port, upgrades=upgrades) as proxy:
        alice = visitors(f"{proxy.url}/{room}", has_clock=True)
        said: list[str] = []
        for name, woken in WAKING.items():
            alice.wait_for_line("live")
            proxy.forget_lines()
            say(room, name)
            alice.page.clock.run_for(2000)
            assert alice.texts == said, f"nothing is found out before it is {name}"
            said.append(name)
            alice.page.evaluate(woken)
            if upgrades == "pass":
                alice.page.clock.run_for(1500)
                expect(alice.page.locator("#connection .words")).not_to_have_text("Live")
                alice.page.clock.run_for(4000)
            alice.see(*said)


@pytest.mark.parametrize("upgrades", ["pass", "502"], ids=["socket", "stream"])
def test_message_when_it_is_sent_on_a_dead_line_is_stored_once_and_soon(
    visitors: Visitors, server: ServerProcess, room: str, upgrades: str
) -> None:
    with BadProxy(server.port, upgrades=upgrades) as proxy:
        alice = visitors(f"{proxy.url}/{room}", has_clock=True)
        alice.wait_for_line("live")
        proxy.forget_lines()
        alice.write("into the dark", name="Alice")
        if upgrades == "pass":
            alice.page.clock.run_for(10_000)
        else:  # by a connection of its own it gets there, which is not seen; the clock must not outrun the network
            alice.page.wait_for_selector("#outbox .stored, #messages .text")
            alice.page.clock.run_for(5000)
        alice.see("into the dark")
        expect(alice.page.locator("#outbox li")).to_have_count(0)
    assert _stored(server, room) == ["into the dark"]


def test_strip_when_there_is_no_line_says_what_waits_after_five_seconds_and_goes_when_all_is_well(
    visit: Callable[..., Person], own_server: ServerProcess
) -> None:
    alice = visit("/lobby", at=own_server)
    page, strip = alice.page, alice.page.locator("#strip")
    page.evaluate(
        """() => {
            window.said = [];
            const node = document.getElementById("said");
            new MutationObserver(() => window.said.push(node.textContent)).observe(node, { childList: true });
        }"""
    )
    lose(own_server, alice)
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)
    expect(strip).to_be_hidden()
    page.clock.run_for(6000)
    expect(strip.locator(".words")).to_have_text("Can’t reach the server.")
    expect(strip.locator(".discard")).to_be_hidden()
    alice.write("one", name="Alice")
    expect(strip.locator(".words")).to_have_text("Can’t reach the server. 1 message waits.")
    alice.write("two")
    expect(strip.locator(".words")).to_have_text("Can’t reach the server. 2 messages wait.")
    expect(page.locator("#message")).to_be_enabled()
    assert page.evaluate("window.said") == ["Can’t reach the server."]
    own_server.start()
    page.clock.resume()
    strip.locator(".retry").click()
    alice.see("one", "two")
    expect(strip).to_be_hidden()
    assert page.evaluate("window.said") == ["Can’t reach the server.", "Connected again."]
    assert page.evaluate("document.activeElement.id") == "message"


def test_everything_that_waits_when_discarded_is_gone(visit: Callable[..., Person], own_server: ServerProcess) -> None:
    alice = visit("/lobby", at=own_server)
    lose(own_server, alice)
    alice.write("one", name="Alice")
    alice.write("two")
    alice.page.clock.run_for(STRIP_MS)
    alice.answers_dialogs = True
    alice.page.click("#strip .discard")
    expect(alice.page.locator("#outbox li")).to_have_count(0)
    assert alice.complaints.pop() == "dialog: Discard what has not been sent (2)?"
    assert alice.page.evaluate("Object.keys(localStorage).filter((name) => name.includes('outbox'))") == []
    own_server.start()
    alice.page.reload()
    alice.wait_for_line("live")
    alice.see()


def test_message_that_was_refused_stays_when_all_that_waits_is_discarded(
    visit: Callable[..., Person], own_server: ServerProcess
) -> None:
    alice = visit("/lobby", at=own_server)
    alice.write("line\n" * 401 + "end", name="Alice")
    expect(alice.page.locator("#outbox .failed")).to_have_count(1)
    lose(own_server, alice)
    alice.write("one")
    alice.page.clock.run_for(STRIP_MS)
    alice.answers_dialogs = True
    alice.page.click("#strip .discard")
    expect(alice.page.locator("#outbox li")).to_have_count(1)
    expect(alice.page.locator("#outbox .failed")).to_have_count(1)
    assert alice.complaints.pop() == "dialog: Discard what has not been sent (1)?"


@pytest.mark.parametrize(
    "width", [320, pytest.param(360, marks=pytest.mark.long), pytest.param(1440, marks=pytest.mark.long)]
)
def test_strip_when_it_is_shown_covers_nothing_and_fits(
    visit: Callable[..., Person], own_server: ServerProcess, width: int
) -> None:
    alice = visit("/lobby", at=own_server, viewport={"width": width, "height": 640})
    lose(own_server, alice)
    for number in range(12):
        alice.write(f"number {number}", name="Alice")
    alice.page.clock.run_for(STRIP_MS)
    alice.page.wait_for_selector("#strip:not([hidden])")
    strip, composer, scroller = (
        alice.page.locator(name).bounding_box() for name in ("#strip", "#composer", "#scroller")
    )
    assert strip is not None
    assert composer is not None
    assert scroller is not None
    assert scroller["y"] + scroller["height"] <= strip["y"]
    assert strip["y"] + strip["height"] <= composer["y"]
    assert composer["y"] + composer["height"] <= 640
    assert strip["x"] >= 0
    assert strip["x"] + strip["width"] <= width
    assert alice.page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("refusal", [429, 503])
def test_page_when_everything_is_refused_for_a_while_comes_back_by_itself(
    visitors: Visitors, server: ServerProcess, room: str, refusal: int
) -> None:
    with BadProxy(server.port) as proxy:
        proxy.refuses = (refusal, 1)
        alice = visitors(f"{proxy.url}/{room}", has_clock=True)
        alice.wait_for_line("connecting")
        alice.write("first", name="Alice")
        proxy.refuses = None
        alice.page.clock.run_for(1500)
        alice.see("first")
        alice.wait_for_line("live")


def test_page_when_its_script_and_style_are_refused_for_a_while_asks_for_them_again(
    visitors: Visitors, server: ServerProcess, room: str
) -> None:
    with BadProxy(server.port) as proxy:
        proxy.refuses_parts = (429, 1)
        alice = visitors(f"{proxy.url}/{room}", has_clock=True)
        expect(alice.page.locator("#connection")).to_contain_text("Not live.")
        assert alice.page.evaluate(STYLED) is False
        alice.page.fill("#message", "typed meanwhile")
        proxy.refuses_parts = None
        alice.page.clock.run_for(1500)
        alice.wait_for_line("live")
        alice.page.wait_for_function(STYLED)
        assert alice.page.input_value("#message") == "typed meanwhile"


@pytest.mark.long
def test_tabs_when_they_are_many_and_go_by_stream_leave_connections_for_the_one_that_is_looked_at(
    visitors: Visitors, server: ServerProcess, room: str
) -> None:
    with BadProxy(server.port, upgrades="502") as proxy:
        alice = visitors("about:blank")
        alice.context.add_init_script(
            "Object.defineProperty(document, 'hidden', { get: () => window.isHidden ?? false })"
        )
        for number in range(7):
            alice.page = alice.context.new_page()
            alice.page.goto(f"{proxy.url}/{room}")
            alice.wait_for_line("live")
            alice.page.evaluate("() => { window.isHidden = true; }")
            alice.page.wait_for_function(
                "() => performance.getEntriesByType('resource').some(({ name }) => name.includes('wait=0'))"
            )
            assert len(proxy.asked("format=sse")) == number + 1
        alice.page.evaluate("() => { window.isHidden = false; document.dispatchEvent(new Event('visibilitychange')); }")
        alice.write("there", name="Alice")
        alice.see("there")
