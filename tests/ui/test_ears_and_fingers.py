"""The page for ears and fingers: what is spoken, what the Tab key stops at, where keys lead; in every engine."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.server import ServerProcess
from tests.ui.conftest import AnyTab, Say, Visit

SPOKEN = "() => [...document.querySelectorAll('#heard p')].map((node) => node.textContent)"
"""What went into the live region."""

LIVE = """() => {
    const spoken = "[aria-live]:not([aria-live=off]), [role=log], [role=status], [role=alert]";
    return [...document.querySelectorAll(spoken)].filter((node) => node.querySelector(".message")).length;
}"""
FOCUS = "() => document.activeElement.id || document.activeElement.className"
LINE = "() => document.getElementById('connection').dataset.state === 'live'"


def test_history_when_loaded_is_silent_and_what_is_new_is_said_once(visit: Visit, say: Say, room: str) -> None:
    for number in range(1, 121):
        say(room, f"number {number}", "Maya")
    alice = visit(f"/{room}")
    page = alice.page
    assert page.evaluate(LIVE) == 0, "what is rendered into the list is not spoken by itself"
    page.evaluate("document.getElementById('m73').scrollIntoView()")
    page.wait_for_selector("#m21", state="attached")
    assert page.evaluate(SPOKEN) == []
    say(room, "news", "Jonas")
    alice.page.wait_for_selector("#m121")
    alice.write("my own", name="Alice")
    alice.page.wait_for_selector("#m122")
    assert page.evaluate(SPOKEN) == ["Jonas: news", "Alice: my own"]


def test_many_messages_at_once_are_counted(visit: Visit, say: Say, room: str, server: ServerProcess) -> None:
    alice = visit(f"/{room}")
    alice.context.set_offline(True)
    alice.wait_for_line("offline")
    for number in range(9):
        say(room, f"number {number}")
    alice.page.evaluate("() => { window.requestAnimationFrame = (draw) => setTimeout(draw, 500); }")  # all in one go
    alice.context.set_offline(False)
    alice.page.wait_for_selector("#m9")
    spoken = alice.page.evaluate(SPOKEN)
    assert len(spoken) <= 5
    assert spoken[-1].endswith("new messages")


def test_message_when_refused_says_so(visit: Visit, room: str) -> None:
    alice = visit(f"/{room}")
    alice.write("line\n" * 401 + "end")
    expect(alice.page.locator("#heard p")).to_contain_text(["Not sent: "])
    alice.write("and go on")
    alice.see("and go on")
    assert len(alice.page.evaluate(SPOKEN)) == 2


def test_tab_stops_once_at_the_messages_and_once_at_the_rooms(
    tab: AnyTab, server: ServerProcess, say: Say, room: str
) -> None:
    for number in range(30):
        say(room, f"number {number} https://example.net/{number}", "Maya" if number % 3 else "Jonas")
        say(f"{room}-{number % 9}", "hello")
    tab.goto(f"{server.url}/{room}")
    tab.wait_for(LINE)
    stops = tab.evaluate(
        """() => [...document.querySelectorAll("a, button, input, textarea, [tabindex]")]
            .filter((node) => node.tabIndex >= 0 && node.checkVisibility())
            .map((node) => (node.closest(".rooms") ? "rooms" : (node.closest("#messages") ?? node).id))"""
    )
    assert stops.count("messages") == 3, "the newest message, its time and its link"
    assert stops.count("rooms") == 1
    assert "scroller" not in stops


def test_arrows_lead_through_the_messages_and_escape_leads_back(
    tab: AnyTab, server: ServerProcess, say: Say, room: str
) -> None:
    for number in range(1, 31):
        say(room, f"number {number} https://example.net/{number}", "Maya")
    tab.goto(f"{server.url}/{room}")
    tab.wait_for(LINE)
    assert tab.evaluate(FOCUS) == "message"
    tab.evaluate("() => document.getElementById('m30').focus()")
    for key, focus in [
        ("ArrowUp", "m29"), ("ArrowUp", "m28"), ("ArrowDown", "m29"), ("Home", "m1"), ("ArrowUp", "m1"), ("End", "m30"),
        ("ArrowDown", "m30"),
    ]:  # fmt: skip
        tab.press(key)
        assert tab.evaluate(FOCUS) == focus, key
        assert tab.evaluate(
            """() => {
                const { top, bottom } = document.activeElement.getBoundingClientRect();
                return top >= 0 && bottom <= innerHeight;
            }"""
        )
    label = tab.evaluate("() => document.activeElement.getAttribute('aria-label')")
    assert label.startswith("Maya, ")
    assert label.endswith(": number 30 https://example.net/30")
    tab.press("Tab", "Tab")
    assert tab.evaluate("() => document.activeElement.getAttribute('href')") == "https://example.net/30"
    tab.press("Escape")
    assert tab.evaluate(FOCUS) == "message"
    say(room, "newer")
    tab.wait_for("() => document.querySelector('#m31')?.tabIndex === 0")


def test_letters_typed_at_a_message_go_into_the_composer(
    tab: AnyTab, server: ServerProcess, say: Say, room: str
) -> None:
    say(room, "click me")
    tab.goto(f"{server.url}/{room}")
    tab.wait_for(LINE)
    x, y = tab.evaluate(
        """() => {
            const { left, top } = document.querySelector("#m1 .text").getBoundingClientRect();
            return [left + 9, top + 9];
        }"""
    )
    tab.click(x, y)
    assert tab.evaluate(FOCUS) != "message"
    tab.press("h", "i", "?")
    assert tab.evaluate("() => document.getElementById('message').value") == "hi?"
    tab.evaluate("() => { document.getElementById('message').value = ''; document.getElementById('m1').focus(); }")
    tab.press(" ", "Shift", "F")
    assert tab.evaluate("() => document.getElementById('message').value") == "F"
    tab.evaluate("() => { document.getElementById('room').focus(); }")
    tab.press("M", "e")
    assert tab.evaluate("() => document.getElementById('room').value") == "Me"


def test_keys_that_belong_to_others_are_left_alone(visit: Visit, say: Say, room: str) -> None:
    say(room, "select me")
    alice = visit(f"/{room}", viewport={"width": 360, "height": 640})
    page = alice.page
    focus = "document.activeElement.id"
    page.focus("#m1")
    stolen = """(init) => {
        const event = new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...init });
        return !document.activeElement.dispatchEvent(event) || document.activeElement.id === "message";
    }"""
    for init in (
        {"key": "c", "ctrlKey": True}, {"key": "f", "metaKey": True}, {"key": "d", "altKey": True}, {"key": "Shift"},
        {"key": " "}, {"key": "k", "isComposing": True}, {"key": "Process", "keyCode": 229}, {"key": "PageUp"},
        {"key": "F5"}, {"key": "Tab"}, {"key": "ArrowUp", "altKey": True}, {"key": "Home", "shiftKey": True},
    ):  # fmt: skip
        assert page.evaluate(stolen, init) is False, init
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#m1 .text'))")
    page.keyboard.press("Control+c")
    assert page.evaluate("getSelection().toString()") == "select me"
    page.click(".menu")
    page.focus(".close")
    page.keyboard.press("x")
    assert page.evaluate(focus) != "message", "a panel is open"


def test_page_keys_in_the_composer_scroll_the_messages(tab: AnyTab, server: ServerProcess, say: Say, room: str) -> None:
    for number in range(1, 46):
        say(room, f"number {number}", f"name {number}")
    tab.goto(f"{server.url}/{room}")
    tab.wait_for(LINE)
    top = "() => Math.round(document.getElementById('scroller').scrollTop)"
    assert tab.evaluate(top) == 0
    tab.press("PageUp")
    tab.wait_for("() => document.getElementById('scroller').scrollTop < -300")
    tab.press("PageUp", "PageDown", "PageDown")
    tab.wait_for("() => Math.abs(document.getElementById('scroller').scrollTop) < 2")
    tab.press("PageUp")
    tab.wait_for("() => document.getElementById('scroller').scrollTop < -300")
    tab.press("Escape")
    tab.wait_for("() => document.getElementById('scroller').scrollTop === 0")
    assert tab.evaluate(FOCUS) == "message"
    tab.evaluate(
        "() => { const text = document.getElementById('message'); text.value = 'line\\n'.repeat(80);"
        " text.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    tab.press("PageUp")
    assert tab.evaluate(top) == 0, "a long text scrolls by itself"


@pytest.mark.parametrize("path", ["", "?before=20"], ids=["live", "past"])
def test_list_when_scripts_are_off_can_be_reached_and_scrolled(visit: Visit, say: Say, room: str, path: str) -> None:
    for number in range(40):
        say(room, f"number {number}")
    alice = visit(f"/{room}{path}", java_script_enabled=False)
    alice.page.focus("#scroller")
    assert alice.page.evaluate("document.activeElement.id") == "scroller"
