"""Two people talk alone in their browsers, from the card of one to a block of the other."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser

from tests.people.server import Town
from tests.support.browser import Person
from tests.support.server import ServerProcess


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with ServerProcess(tmp_path_factory.mktemp("village") / "data", "--rate-limits", "off") as running:
        town = Town(running)
        yield town
        town.close()


def signed_in(browser: Browser, town: Town, account: httpx.Client) -> Person:
    """Somebody at a phone whose browser has the session of another one of theirs."""
    person = Person(browser, base_url=town.url, viewport={"width": 360, "height": 740})
    cookie = account.cookies["parlour_session"]
    person.context.add_cookies([{"name": "parlour_session", "value": cookie, "url": town.url}])
    return person


def test_two_people_find_each_other_talk_live_and_one_of_them_blocks(browser: Browser, village: Town) -> None:
    ann, ben = (signed_in(browser, village, village.join(name)) for name in ("ann", "ben"))
    ben.page.goto("/@ann")
    ben.page.wait_for_selector("text=Nobody but you and ann reads what is written here.")
    ben.wait_for_line("live")
    ann.page.goto("/people?q=be")
    ann.page.click("text=ben")
    ann.page.click("text=Message")
    ann.wait_for_line("live")
    assert ann.page.url.endswith("/@ben")
    ann.write("Lunch at noon?")
    ben.see("Lunch at noon?")
    ben.write("Yes!")
    ann.see("Lunch at noon?", "Yes!")
    listed = ben.page.locator('[data-section="direct"] li')
    assert listed.get_attribute("data-room") == "@ann"
    for person in (ann, ben):
        assert "~" not in (person.page.text_content("body") or "")
    ben.page.goto("/people/ann")
    ben.page.click("summary:has-text('Block')")
    ben.page.click("text=Yes, block ann")
    ben.page.wait_for_selector("text=ann is blocked: they write to you no more.")
    ann.write("Still there?")
    ann.page.wait_for_selector("text=ben does not take messages from you.")
    assert ann.complaints == ben.complaints == []
    ann.context.close()
    ben.context.close()
