"""The list of rooms shows what needs the reader, on all their devices, and what they have read is read there, too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.people.server import Town
from tests.people.test_inbox import change, made, say
from tests.support.server import ServerProcess
from tests.ui.test_direct import signed_in


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with ServerProcess(tmp_path_factory.mktemp("inbox") / "data", "--rate-limits", "off") as running:
        made = Town(running)
        yield made
        made.close()


def _quiet_now(who: httpx.Client, is_so: bool) -> None:
    """From an hour ago to an hour ahead, or not at all."""
    now, hour = datetime.now(UTC), timedelta(hours=1)
    hours = f"{now - hour:%H:%M}-{now + hour:%H:%M}" if is_so else ""
    assert who.patch("/api/v1/me/inbox", json={"quiet_hours": hours}).status_code == 200


def _titles(who: httpx.Client, *paths: str) -> list[str]:
    """The titles of pages."""
    pages = [who.get(path, headers={"Accept": "text/html"}).text for path in paths]
    return [page.partition("<title>")[2].partition("</title>")[0] for page in pages]


def test_the_list_says_what_needs_the_reader_until_it_is_read(browser: Browser, town: Town) -> None:
    ada, bob = town.join("ada"), town.join("bob")
    for room in ("here", "crew", "quiet", "liked"):
        made(bob, room, "ada")
        say(bob, room, "hello")
    change(ada, "here", read=99)
    change(ada, "quiet", level="nothing")
    change(ada, "liked", favourite=True)
    person = signed_in(browser, town, ada)
    page = person.page
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/here")
    person.wait_for_line("live")
    crew, quiet = page.locator('[data-room="crew"]'), page.locator('[data-room="quiet"]')
    expect(crew).to_have_class("unread")
    expect(quiet).to_have_class("muted")
    expect(page.locator('[data-section="favourites"] [data-room="liked"]')).to_be_visible()
    expect(page.locator(".ways .reports")).to_have_count(0)
    made(ada, "mine")
    seq = say(bob, "mine", "pills")["seq"]
    report = bob.post(f"/api/v1/rooms/mine/messages/{seq}/report", json={"reason": "spam"}).json()["id"]
    expect(page.locator(".ways .reports")).to_have_text("Reports1 open")
    ada.patch(f"/api/v1/reports/{report}", json={"state": "closed"})
    expect(page.locator(".ways .reports")).to_have_text("Reports")
    change(ada, "mine", read=99)
    say(bob, "crew", "look @ada")
    expect(crew.locator(".count")).to_have_text("1 for you")
    expect(page).to_have_title("(1) here · Parlour")
    expect(page.locator(".bar .menu")).to_have_attribute("data-calls", "1")
    assert _titles(ada, "/me", "/people") == ["(1) For you · Parlour", "(1) People · Parlour"]
    _quiet_now(ada, True)
    assert _titles(ada, "/me", "/people") == ["For you · Parlour", "People · Parlour"]
    expect(page).to_have_title("here · Parlour")
    expect(page.locator(".bar .menu")).to_have_attribute("data-calls", "1")
    _quiet_now(ada, False)
    expect(page).to_have_title("(1) here · Parlour")
    change(ada, "crew", read=99)  # another device
    expect(crew).to_have_class("")
    expect(page).to_have_title("here · Parlour")
    expect(page.locator(".bar .menu[data-calls]")).to_have_count(0)

    say(bob, "here", "one", "two")
    expect(page.locator(".message")).to_have_count(3)
    page.wait_for_function(
        "fetch('/api/v1/me/rooms').then((answer) => answer.json())"
        ".then(({ rooms }) => rooms.find(({ room }) => room === 'here').unread === 0)"
    )
    page.locator(".message", has_text="two").hover()
    page.locator(".message", has_text="two").get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Mark unread from here").click()
    expect(page.locator("li.new + .message")).to_contain_text("two")
    expect(page.locator('li[data-room="here"]')).to_have_class("unread")
    page.goto("/crew")
    person.wait_for_line("live")
    expect(page.locator(".for-me")).to_have_text(re.compile("look @ada"))
    say(bob, "crew", "and @ada again", "not for you")
    expect(page.locator(".message")).to_have_count(4)
    expect(page.locator(".for-me")).to_have_count(2)
    page.goto("/here")
    expect(page.locator("li.new + .message")).to_contain_text("two")
    assert person.complaints == []
    person.context.close()


def test_a_page_without_a_websocket_is_told_what_needs_the_reader_too(browser: Browser, town: Town) -> None:
    eve, fay = town.join("eve"), town.join("fay")
    for room in ("near", "far"):
        made(fay, room, "eve")
    person = signed_in(browser, town, eve)
    person.context.add_init_script("sessionStorage.setItem('parlour:transport', '\"stream\"')")
    page = person.page
    page.goto("/near")
    person.wait_for_line("live")
    say(fay, "far", "look @eve")
    expect(page.locator(".bar .menu")).to_have_attribute("data-calls", "1")
    say(fay, "near", "and here")
    person.see("and here")
    change(eve, "far", read=99)
    expect(page.locator(".bar .menu[data-calls]")).to_have_count(0)
    assert person.complaints == []
    person.context.close()
