"""A lesson: thirty phones behind one address come in by a link, and nobody can spoil it for them or their teacher."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.people.house import PASSWORD
from tests.people.server import Town
from tests.support.browser import Person
from tests.support.server import ServerProcess

PUPILS = 30
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
FLOOD = 1000
"""Messages as fast as they are answered, which nobody gets through."""


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with ServerProcess(tmp_path / "data", "--access", "members", rate_limits=True) as running:
        town = Town(running)
        yield town
        town.close()


def make_room(page: Page) -> str:
    """A private room, by the form for it; its name."""
    page.goto("/rooms")
    page.fill("form[action$='/rooms#new'] input[name=title]", "Class 7B")
    page.check("input[name=access][value=private]")
    page.click("form[action$='/rooms#new'] button.primary")
    page.wait_for_selector("#connection[data-state=live]")
    return page.url.rpartition("/")[2].partition("#")[0]


def make_link(page: Page, room: str) -> str:
    """A guest link, by the form for it; its path, as it stands on the wall."""
    page.goto(f"/rooms/{room}/guests")
    page.click("text=Make the link")
    page.click("text=Show it on the wall")
    code = page.locator(".wall .address b").inner_text()
    return f"/join/{code}"


def come_in(phone: Person, path: str, name: str) -> None:
    """Give a name behind the link; what comes then is another matter."""
    phone.page.goto(path)
    phone.page.fill("input[name=name]", name)
    phone.page.click("button.primary")


def say(phone: Person, text: str) -> None:
    """Write a message as on a phone, where Enter begins a line."""
    phone.page.fill("#message", text)
    phone.page.tap("button.send")


def remove(page: Page, room: str, name: str) -> None:
    """Take a guest out, by the page that lists them."""
    page.goto(f"/rooms/{room}/guests")
    row = page.locator("section[aria-labelledby=guests] li", has_text=name)
    row.locator("summary.danger").click()
    row.locator("button", has_text="Yes, remove").click()
    page.wait_for_selector("section[aria-labelledby=removed] li")


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_lesson_goes_on_whatever_one_pupil_does(town: Town, browser: Browser) -> None:
    town.join("teacher")
    teacher = Person(browser, base_url=town.url)
    teacher.page.goto("/login")
    teacher.page.fill("input[name=name]", "teacher")
    teacher.page.fill("input[name=password]", PASSWORD)
    teacher.page.click("button.primary")
    room = make_room(teacher.page)
    path = make_link(teacher.page, room)

    pupils = [Person(browser, base_url=town.url, **PHONE) for _ in range(PUPILS)]
    for number, pupil in enumerate(pupils):
        come_in(pupil, path, f"Pupil {number:02}")
    for number, pupil in enumerate(pupils):
        pupil.wait_for_line("live")
        say(pupil, f"I am {number:02}")
    for pupil in pupils:
        pupil.page.wait_for_function(
            "(count) => document.querySelectorAll('#messages .text').length === count", arg=PUPILS
        )
    assert [pupil.page.evaluate("document.documentElement.scrollWidth") for pupil in pupils] == [360] * PUPILS

    impersonator = Person(browser, base_url=town.url, **PHONE)
    for name in ("teacher", "Teacher", "t\u0435acher", "Pupil 07", "pupil07"):
        come_in(impersonator, path, name)
        impersonator.page.wait_for_selector("[role=alert], .error, .trouble")
        assert impersonator.page.url.endswith(path)
    come_in(impersonator, path, "Boss")
    impersonator.wait_for_line("live")

    messages = f"/api/v1/rooms/{room}/messages"
    ask = impersonator.context.request
    taken = 0
    while taken < FLOOD and ask.post(messages, data={"text": f"flood {taken}"}).status == 201:
        taken += 1
    assert taken < FLOOD, "nobody stops the flood"
    teacher.page.goto(f"/{room}")
    teacher.wait_for_line("live")
    teacher.write("Boss, stop it")
    say(pupils[3], "I can still write")
    for person in (pupils[0], teacher):
        person.page.wait_for_selector("#messages .text:has-text('I can still write')")

    remove(teacher.page, room, "Boss")
    impersonator.page.wait_for_selector("text=/removed|out of/i")
    impersonator.page.goto(path)
    impersonator.page.wait_for_selector("text=The host has removed you")
    private_window = Person(browser, base_url=town.url, **PHONE)
    come_in(private_window, path, "Somebody else")
    private_window.page.wait_for_selector("text=The host has to let you in")
    assert private_window.context.request.get(f"/{room}").status >= 400

    teacher.page.goto(f"/rooms/{room}")
    teacher.page.click("button:has-text('Lock this room')")
    teacher.page.wait_for_selector("button:has-text('Unlock this room')")
    for pupil in pupils:
        pupil.page.wait_for_selector("#closed")
    assert pupils[5].context.request.post(f"/{room}", data="after the bell").status == 403
    exported = town.browser()
    exported.cookies.update({each["name"]: each["value"] for each in teacher.context.cookies()})
    lesson = exported.get(f"/rooms/{room}/export?format=text").text
    assert [f"I am {number:02}" in lesson for number in range(PUPILS)] == [True] * PUPILS
    assert lesson.count("flood ") == taken
    assert "after the bell" not in lesson
    assert [person.complaints for person in (teacher, *pupils)] == [[]] * (PUPILS + 1)
    for person in (teacher, impersonator, private_window, *pupils):
        person.context.close()
