"""What was written and not sent outlives the tab, is sent once, and is told of; what cannot be kept asks to stay."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import IS_LINE, Person
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S
from tests.ui.conftest import lose

Visit = Callable[..., Person]

FORBIDDEN = """for (const name of ["localStorage", "sessionStorage"]) {
    Object.defineProperty(window, name, { get() { throw new DOMException("no", "SecurityError"); } });
}"""
FULL = """{
    const set = Storage.prototype.setItem;
    Storage.prototype.setItem = function (name, value) {
        if (value.length > 3) throw new DOMException("full", "QuotaExceededError");
        set.call(this, name, value);
    };
}"""


def _log(server: ServerProcess, room: str = "lobby") -> list[str]:
    page = httpx.get(f"{server.url}/{room}?format=json&limit=1000&since=0", timeout=TIMEOUT_S).json()
    return [event["text"] for event in page["events"]]


def _waits(page: Page, count: int) -> None:
    expect(page.locator("#outbox li")).to_have_count(count)


def _another_tab(person: Person, path: str = "/lobby") -> Page:
    """A tab beside the person's own, which is from now on the one that the person looks at."""
    person.page = person.context.new_page()
    person.page.goto(path)
    return person.page


def test_messages_and_draft_when_the_tab_is_closed_come_back_with_the_next_and_are_sent_once(
    visit: Visit, own_server: ServerProcess
) -> None:
    alice = visit("/lobby", at=own_server)
    alice.call("Alice")
    lose(own_server, alice)
    for number in range(3):
        alice.write(f"number {number}")
    alice.page.locator("#message").press_sequentially("half a thought")
    first = alice.page
    other = alice.context.new_page()
    first.close()
    other.close()
    own_server.start()
    page = _another_tab(alice)
    alice.see("number 0", "number 1", "number 2")
    _waits(page, 0)
    assert page.input_value("#message") == "half a thought"
    assert page.evaluate("Object.keys(localStorage).filter((name) => name.includes('outbox'))") == []
    page.close()
    page = _another_tab(alice)
    alice.see("number 0", "number 1", "number 2")
    assert _log(own_server) == ["number 0", "number 1", "number 2"]


@pytest.mark.parametrize("says_so", [pytest.param(True, marks=pytest.mark.long), False])
def test_messages_when_their_tab_is_closed_are_taken_over_by_a_tab_that_is_open(
    visit: Visit, own_server: ServerProcess, *, says_so: bool
) -> None:
    alice = visit("/lobby", at=own_server)
    first = alice.page
    alice.call("Alice")
    second = _another_tab(alice)
    alice.wait_for_line("live")
    lose(own_server, alice)
    for tab in (first, second):
        tab.bring_to_front()
        tab.wait_for_function(IS_LINE, arg="retrying")
        tab.fill("#message", f"from tab {1 if tab is first else 2}")
        tab.press("#message", "Enter")
        _waits(tab, 1)
    if not says_so:  # a process that dies does not
        first.evaluate("BroadcastChannel.prototype.postMessage = () => {}")
    first.close()
    second.clock.run_for(6000)  # every five seconds it looks around
    _waits(second, 2)
    own_server.start()
    _waits(second, 0)
    assert sorted(_log(own_server)) == ["from tab 1", "from tab 2"]


def test_tabs_that_both_have_messages_waiting_send_each_of_them_once(visit: Visit, own_server: ServerProcess) -> None:
    alice = visit("/lobby", at=own_server)
    alice.call("Alice")
    tabs = [alice.page, _another_tab(alice)]
    alice.wait_for_line("live")
    lose(own_server, alice)
    for index, tab in enumerate(tabs):
        tab.bring_to_front()
        tab.wait_for_function(IS_LINE, arg="retrying")
        for number in range(4):
            tab.fill("#message", f"tab {index} number {number}")
            tab.press("#message", "Enter")
    kept = "Object.keys(localStorage).filter((name) => name.includes('outbox')).length"
    assert tabs[0].evaluate(kept) == 2
    own_server.start()
    for tab in tabs:
        _waits(tab, 0)
    log = _log(own_server)
    assert len(log) == 8
    for index in range(2):
        assert [text for text in log if text.startswith(f"tab {index}")] == [
            f"tab {index} number {n}" for n in range(4)
        ]


def test_message_when_it_has_waited_for_days_is_not_sent_before_somebody_looks(
    visit: Visit, server: ServerProcess, room: str
) -> None:
    alice = visit(f"/{room}")
    alice.page.evaluate(
        """(room) => {
            const item = (days) => ({key: `key-${days}-days-ago`, text: `${days} days ago`, name: "Alice",
                at: Date.now() - days * 86400000, status: "pending"});
            localStorage.setItem(`parlour:outbox:${room}:1-1`, JSON.stringify([item(40), item(2)]));
        }""",
        room,
    )
    alice.page.close()
    page = _another_tab(alice, f"/{room}")
    expect(page.locator("#outbox .failed .text")).to_have_text(["2 days ago"])
    assert _log(server, room) == []
    page.click("#outbox [data-act=retry]")
    alice.see("2 days ago")


@pytest.mark.parametrize(
    "value",
    ["{}", *[pytest.param(value, marks=pytest.mark.long) for value in ("5", '"abc"', "[null]")], '[{"at":9e15}]'],
)
def test_page_when_anything_else_stands_in_its_store_goes_live_and_sends(visit: Visit, room: str, value: str) -> None:
    alice = visit(f"/{room}")
    alice.page.evaluate(
        """([room, value]) => {
            const names = [`outbox:${room}:1-1`, "outbox:elsewhere:1-1", `draft:${room}`, "draft:elsewhere", "mine"];
            for (const name of names) localStorage.setItem(`parlour:${name}`, value);
            if (value !== '"abc"') localStorage.setItem("parlour:name", value);
            for (const name of ["transport", `draft:${room}`]) sessionStorage.setItem(`parlour:${name}`, value);
        }""",
        [room, value],
    )
    alice.page.reload()
    alice.wait_for_line("live")
    alice.page.fill("#message", "")
    alice.write("hello", name="Alice")
    alice.see("hello")
    assert alice.page.evaluate("Object.keys(localStorage).filter((name) => name.includes('outbox'))") == []


def test_browser_when_a_message_waits_asks_before_closing_and_not_before_or_after(
    visit: Visit, own_server: ServerProcess
) -> None:
    alice = visit("/lobby", at=own_server)
    alice.write("sent", name="Alice")
    alice.see("sent")
    alice.page.reload()
    alice.wait_for_line("live")
    assert alice.asked_to_stay == 0
    lose(own_server, alice)
    alice.write("waits")
    _waits(alice.page, 1)
    own_server.start()
    alice.see("sent", "waits")
    alice.page.reload()
    assert alice.asked_to_stay == 0
    lose(own_server, alice)
    alice.write("waits again")
    alice.page.close(run_before_unload=True)
    alice.page.wait_for_event("close")
    assert alice.asked_to_stay == 1


@pytest.mark.parametrize("storage", [FORBIDDEN, FULL], ids=["forbidden", "full"])
def test_page_when_the_browser_keeps_nothing_works_and_asks_before_a_draft_is_lost(
    browser: Browser, server: ServerProcess, room: str, storage: str
) -> None:
    alice = Person(browser, base_url=server.url)
    alice.context.add_init_script(storage)
    alice.page.clock.install()
    alice.page.goto(f"/{room}")
    alice.wait_for_line("live")
    alice.write("one", name="Alice")
    alice.see("one")
    alice.page.locator("#message").press_sequentially("half a thought")
    alice.page.clock.run_for(1000)
    alice.page.close(run_before_unload=True)
    alice.page.wait_for_event("close")
    assert alice.asked_to_stay == 1
    alice.context.close()
    assert alice.complaints == []


def test_draft_when_it_is_sent_in_one_tab_is_gone_in_the_other(visit: Visit, room: str) -> None:
    alice = visit(f"/{room}")
    first = alice.page
    first.locator("#message").press_sequentially("to be said once")
    first.wait_for_function("() => Object.keys(localStorage).some((name) => name.includes('draft'))")
    second = _another_tab(alice, f"/{room}")
    expect(second.locator("#message")).to_have_value("to be said once")
    alice.wait_for_line("live")
    alice.write("to be said once")
    alice.see("to be said once")
    second.close()
    alice.page = first
    alice.see("to be said once")
    assert first.input_value("#message") == "to be said once", "what was typed in a tab stays there"
    third = _another_tab(alice, f"/{room}")
    expect(third.locator("#message")).to_have_value("")


def test_name_when_it_is_refused_is_told_once_at_its_field_and_the_messages_wait_for_another(
    visit: Visit, own_server: ServerProcess
) -> None:
    alice = visit("/lobby", at=own_server)
    texts = [f"number {number}" for number in range(18)]
    lose(own_server, alice)
    alice.write(texts[0], name="admin")  # nobody can say that it is not to be had
    for text in texts[1:]:
        alice.write(text)
    own_server.start()
    field = alice.page.locator("#name")
    expect(alice.page.locator("#name-refused")).to_contain_text("choose another one")
    assert alice.page.locator("#name-refused").get_attribute("role") == "alert"
    assert field.get_attribute("aria-invalid") == "true"
    assert field.get_attribute("aria-errormessage") == "name-refused"
    expect(alice.page.locator("#outbox .nameless")).to_have_count(18)
    expect(alice.page.locator("#outbox .failed")).to_have_count(0)
    field.fill("guest-abcd")
    field.press("Enter")
    expect(alice.page.locator("#name-refused")).to_contain_text("guest-abcd")
    expect(alice.page.locator("#outbox .nameless")).to_have_count(18)
    field.fill("Adam")
    field.press("Enter")
    alice.see(*texts)
    expect(alice.page.locator("#name-refused")).to_be_empty()
    assert field.get_attribute("aria-invalid") is None
    assert set(alice.page.locator("#messages .name").all_text_contents()) == {"Adam"}
    alice.complaints[:] = [words for words in alice.complaints if "status of 400" not in words]
