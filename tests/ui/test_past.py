"""A page of the past has the composer of the live one: its name, draft and keys; what it sends is seen at the end."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.browser import Person
from tests.ui.conftest import Say, Visit
from tests.ui.test_outbox import FORBIDDEN

ROWS = 3


@pytest.fixture
def zoe(visit: Visit, say: Say, room: str) -> Person:
    """Somebody whose browser knows her name, on the page of the first message of a room."""
    for number in range(1, ROWS + 1):
        say(room, f"number {number}")
    person = visit(f"/{room}")
    person.call("Zoe")
    person.page.goto(f"/{room}?before=2")
    person.wait_for_line("past")
    person.page.wait_for_selector("html.scripted")
    return person


def _everything() -> list[str]:
    return [f"number {number}" for number in range(1, ROWS + 1)]


def test_message_when_it_is_written_in_the_past_is_sent_under_the_same_name_and_seen_at_the_end(
    zoe: Person, room: str
) -> None:
    assert zoe.page.input_value("#name") == "Zoe"
    zoe.write("back then")
    zoe.page.wait_for_url(f"**/{room}")
    zoe.see(*_everything(), "back then")
    assert zoe.page.locator("#messages .name").all_text_contents()[-1] == "Zoe"
    assert zoe.page.input_value("#message") == ""
    assert zoe.asked_to_stay == 0


def test_draft_when_it_was_begun_in_the_past_is_there_at_the_end_and_back_again(zoe: Person, room: str) -> None:
    zoe.page.keyboard.type("half a thought")
    assert zoe.page.input_value("#message") == "half a thought"
    zoe.page.click("#connection a")
    zoe.wait_for_line("live")
    assert zoe.page.input_value("#message") == "half a thought"
    zoe.page.goto(f"/{room}?before=2")
    expect(zoe.page.locator("#message")).to_have_value("half a thought")
    assert zoe.asked_to_stay == 0


def test_message_when_the_browser_keeps_nothing_is_sent_from_the_past_all_the_same(
    visit: Visit, say: Say, room: str
) -> None:
    for number in range(1, ROWS + 1):
        say(room, f"number {number}")
    alice = visit("/healthz", live=False)
    alice.context.add_init_script(FORBIDDEN)
    alice.page.goto(f"/{room}?before=2")
    alice.page.wait_for_selector("html.scripted")
    alice.write("back then", name="Alice")
    alice.page.wait_for_url(f"**/{room}*")
    alice.see(*_everything(), "back then")
    assert alice.page.locator("#messages .name").all_text_contents()[-1] == "Alice"
    assert alice.asked_to_stay == 0


def test_enter_in_an_empty_composer_says_nothing(visit: Visit, room: str) -> None:
    alice = visit(f"/{room}")
    alice.page.evaluate("() => document.addEventListener('invalid', () => { window.scolded = true; }, true)")
    alice.page.press("#message", "Enter")
    alice.page.click(".send")
    assert alice.page.evaluate("window.scolded") is None
