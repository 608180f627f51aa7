"""Reading: links lead to what they name, copying takes what was said, paper has all of it, the day goes on."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.server import ServerProcess
from tests.support.ui import sample_page, text_of
from tests.ui.conftest import AnyTab, Say, Visit, lose


@pytest.fixture(scope="session")
def long_room(server: ServerProcess) -> str:
    with server.client() as client:
        for number in range(1, 121):
            body = {"text": f"number {number}", "name": "Maya" if number < 100 else "Jonas"}
            client.post("/long-talk", json=body).raise_for_status()
    return "/long-talk"


@pytest.mark.parametrize("seq", [30, pytest.param(66, marks=pytest.mark.long), 108])
def test_link_to_a_message_shows_it_in_the_middle_under_its_author(
    tab: AnyTab, server: ServerProcess, long_room: str, seq: int
) -> None:
    tab.goto(f"{server.url}{long_room}/{seq}")
    place = """(seq) => {
        const [message, name, area] = [`#m${seq}`, `#m${seq} .name`, "#scroller"].map(
            (selector) => document.querySelector(selector).getBoundingClientRect());
        const [from, to] = [message.top, message.bottom].map((edge) => (edge - area.top) / area.height);
        return { from, to, name: name.height };
    }"""
    tab.wait_for(f"(seq) => {{ const {{ from }} = ({place})(seq); return from > 0 && from < 1; }}", seq)
    found = tab.evaluate(place, seq)
    assert 0.2 < found["from"] < found["to"] < 0.8
    assert found["name"] > 10, "a message in the middle of a group has its author at it"


def test_gutter_when_nothing_is_shown_there_leads_nowhere(visit: Visit, long_room: str) -> None:
    finger = visit(long_room, has_touch=True, is_mobile=True, viewport={"width": 360, "height": 640})
    box = finger.page.locator("#m119 .when").bounding_box()
    assert box is not None
    place = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    assert finger.page.evaluate("([x, y]) => document.elementFromPoint(x, y).closest('a')", place) is None
    mouse = visit(long_room)
    mouse.page.hover("#m119 .text")
    mouse.page.click("#m119 .when")
    mouse.page.wait_for_url("**#m119")


def test_copy_of_messages_takes_what_was_said_and_no_pictures(
    tab: AnyTab, server: ServerProcess, say: Say, room: str
) -> None:
    say(room, "first", "Zoe")
    say(room, "second", "Zoe")
    tab.goto(f"{server.url}/{room}")
    copied = tab.evaluate(
        """() => {
            getSelection().selectAllChildren(document.getElementById("messages"));
            return getSelection().toString();
        }"""
    )
    lines = [line.strip() for line in copied.splitlines() if line.strip()]
    assert "Z" not in lines
    assert [line for line in lines if line in ("first", "second")] == ["first", "second"]
    assert copied.count("Zoe") == 2


def test_page_when_printed_has_all_messages_and_nothing_to_press(visit: Visit, long_room: str) -> None:
    reader = visit(long_room)
    reader.page.emulate_media(media="print")
    shown = reader.page.evaluate(
        """() => {
            const page = document.documentElement.scrollHeight;
            const boxes = [...document.querySelectorAll(".message")].map((node) => node.getBoundingClientRect());
            const controls = [...document.querySelectorAll("button, input, textarea")];
            return {
                count: boxes.length,
                fit: boxes.every((box) => box.top >= 0 && box.bottom <= page),
                pressed: controls.some((node) => node.checkVisibility()),
            };
        }"""
    )
    assert shown == {"count": 50, "fit": True, "pressed": False}
    reader.page.emulate_media(media=None)
    sheets = re.findall(rb"/Type\s*/Page\b", reader.page.pdf(format="A5"))
    assert len(sheets) > 1


def test_day_when_it_has_passed_is_called_yesterday(visit: Visit, say: Say, room: str) -> None:
    say(room, "late")
    reader = visit(f"/{room}", has_clock=True)
    day = reader.page.locator("#messages .day")
    expect(day).to_have_text("Today")
    reader.page.clock.fast_forward(24 * 3600 * 1000)
    expect(day).to_have_text("Yesterday")


def test_message_when_the_window_is_in_sight_but_not_looked_at_is_counted(visit: Visit, say: Say, room: str) -> None:
    reader = visit(f"/{room}")
    say(room, "seen")
    reader.see("seen")
    expect(reader.page).to_have_title(f"{room} · Parlour")
    reader.page.evaluate("document.hasFocus = () => false; window.dispatchEvent(new Event('blur'))")
    say(room, "not seen")
    expect(reader.page).to_have_title(f"(1) {room} · Parlour")
    reader.page.evaluate("delete document.hasFocus; window.dispatchEvent(new Event('focus'))")
    expect(reader.page).to_have_title(f"{room} · Parlour")
    expect(reader.page.locator("#messages .new + li .text")).to_have_text("not seen")


def test_page_says_nothing_that_is_not_so() -> None:
    """Text browsers show what is `hidden`, too: what is not so is not there."""
    full, empty = text_of(sample_page()), text_of(sample_page(events=[], head_seq=0))
    assert "Nothing here yet" not in full
    assert "Older messages" not in full
    assert "begins" in full
    assert "Nothing here yet" in empty
    assert "begins" not in empty
    older = text_of(sample_page(older=1))
    assert "Older messages" in older
    assert "begins" not in older
    for document in (sample_page(), sample_page(events=[], head_seq=0), sample_page(can_post=False)):
        assert "Jump to latest" not in text_of(document)
    emptied = text_of(sample_page(events=[], head_seq=7))
    assert "Nothing here yet" not in emptied


def test_empty_room_when_somebody_has_written_in_it_is_not_called_empty(
    visit: Visit, own_server: ServerProcess
) -> None:
    alice = visit("/lobby", at=own_server)
    expect(alice.page.locator("#empty")).to_be_visible()
    lose(own_server, alice)
    alice.write("on its way")
    expect(alice.page.locator("#outbox li")).to_have_count(1)
    expect(alice.page.locator("#empty")).to_have_count(0)
    own_server.start()
    alice.see("on its way")
    expect(alice.page.locator("#start")).to_be_visible()


def test_scrollbar_in_the_dark_is_dark(tab: AnyTab, server: ServerProcess) -> None:
    tab.goto(f"{server.url}/lobby")
    colours = "() => getComputedStyle(document.getElementById('scroller')).scrollbarColor"
    assert "rgba(0, 0, 0, 0)" in tab.evaluate(colours), "nothing of its own behind it"
