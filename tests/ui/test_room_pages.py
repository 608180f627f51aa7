"""The pages of rooms in a browser, and what the page of a room says of it while it changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.people.server import Town
from tests.support.axe import violations, violations_in_both_schemes
from tests.support.browser import Person
from tests.support.server import ServerProcess
from tests.ui.test_fits import EACH_WIDTH_OR_SIZE, OUTSIDE

LONG = "an-extraordinarily-long-name-WWW"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with ServerProcess(tmp_path_factory.mktemp("rooms") / "data", "--rate-limits", "off") as running:
        town = Town(running)
        yield town
        town.close()


@pytest.fixture(scope="module")
def ada(town: Town) -> httpx.Client:
    return town.join("ada")


@pytest.fixture(scope="module")
def bob(town: Town) -> httpx.Client:
    return town.join("bob")


def ask(browser: httpx.Client, method: str, path: str, body: object = None) -> Any:
    answer = browser.request(method, path, json=body, headers={"Accept": "application/json"})
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else None


def made(browser: httpx.Client, **settings: object) -> str:
    room: str = ask(browser, "POST", "/api/v1/rooms", {"access": "private", "title": "Leads", **settings})["room"]
    return room


@pytest.fixture
def open_as(browser: Browser, town: Town) -> Iterator[Callable[..., Person]]:
    """Somebody's browser at a path: `open_as(ada, path, **context options)`."""
    people: list[Person] = []

    def go(who: httpx.Client | None, path: str, **options: object) -> Person:
        person = Person(browser, base_url=town.url, **options)
        people.append(person)
        if who is not None:
            cookie = {"name": "parlour_session", "value": who.cookies["parlour_session"], "url": town.url}
            person.context.add_cookies([cookie])  # type: ignore[list-item]
        person.page.goto(path)
        return person

    yield go
    for person in people:
        person.context.close()
    complaints = [words for person in people for words in person.complaints]
    assert [words for words in complaints if "status of 4" not in words] == []


@EACH_WIDTH_OR_SIZE
def test_page_of_rooms_in_every_state_has_nothing_that_axe_finds_and_fits(
    town: Town, ada: httpx.Client, bob: httpx.Client, open_as: Callable[..., Person], sizes: list[tuple[int, int]]
) -> None:
    town.join(LONG)
    room = made(ada, title="T" * 40 + " and more " + "t" * 30, topic="What " * 50 + "x" * 40)
    plain = made(ada, room="r" * 64, access="open", title=None, read_only=True)
    made(ada, title="Over", access="open", room="over")
    ask(ada, "PATCH", "/api/v1/rooms/over", {"archived": True})
    for name in ("bob", LONG):
        ask(ada, "PUT", f"/api/v1/rooms/{room}/members/{name}", {})
    link = ask(ada, "POST", f"/api/v1/rooms/{room}/invitations", {"uses": 5})["url"]
    found: dict[str, list[str]] = {}

    def judge(state: str, person: Person) -> None:
        person.page.set_viewport_size({"width": 360, "height": 700})
        found[state] = violations_in_both_schemes(person)
        for width, height in sizes:
            person.page.set_viewport_size({"width": width, "height": height})
            found[state] += [f"{what} at {width} × {height}" for what in person.page.evaluate(OUTSIDE)]

    owner = open_as(ada, f"/{room}")
    owner.wait_for_line("live")
    judge("the room", owner)
    for state, path in {
        "list": "/rooms", "settings": f"/rooms/{room}", "announcements": f"/{plain}", "archived": "/over",
        "settings without a name": f"/rooms/{plain}", "already in": link,
    }.items():  # fmt: skip
        owner.page.goto(path)
        judge(state, owner)
    owner.page.goto(f"/rooms/{room}")
    for summary in owner.page.query_selector_all("summary"):
        summary.click()
    judge("settings, unfolded", owner)
    owner.page.click("text=Make a link")
    owner.page.wait_for_selector(".copy-once")
    judge("new link", owner)
    owner.page.fill("#name", "nobody-at-all")
    owner.page.click("button:text-is('Add')")
    owner.page.wait_for_selector("[aria-invalid]")
    judge("nobody", owner)
    owner.page.goto("/rooms")
    owner.page.fill("#title", "x" * 81)
    owner.page.click("text=Make the room")
    owner.page.wait_for_selector("[aria-invalid]")
    judge("refused", owner)
    owner.page.goto("/~not-there-zzzzzz")
    judge("not there", owner)
    for who, states in (
        (bob, {"announcements for a member": f"/{plain}", "settings of a member": f"/rooms/{room}"}),
        (None, {"list of a guest": "/rooms", "link of a guest": link}),
        (
            town.owner,
            {"administration": "/admin", "settings for who runs the server": f"/rooms/{room}", "invited": link},
        ),
    ):
        person = open_as(who, "/help")
        for state, path in states.items():
            person.page.goto(path)
            judge(state, person)
    assert {state: what for state, what in found.items() if what} == {}


def test_page_when_its_room_changes_follows_without_being_loaded_again(
    ada: httpx.Client, bob: httpx.Client, open_as: Callable[..., Person]
) -> None:
    room = made(ada)
    ask(ada, "PUT", f"/api/v1/rooms/{room}/members/bob", {})
    person = open_as(bob, f"/{room}")
    page = person.page
    person.wait_for_line("live")
    page.evaluate("window.isTheSame = true")

    def change(**values: object) -> None:
        ask(ada, "PATCH", f"/api/v1/rooms/{room}", values)

    page.fill("#message", "half a sen")
    change(title="The Leads", topic="Who does what")
    expect(page.locator("h1")).to_have_text("The Leads")
    expect(page.locator(".topic")).to_have_text("Who does what")
    expect(page).to_have_title("The Leads · Parlour")
    expect(page.locator(".rooms [aria-current] bdi")).to_have_text("The Leads")
    change(archived=True)
    expect(page.locator("#closed")).to_have_text("This room is archived: it can be read, and nothing is added to it.")
    expect(page.locator("#message")).to_have_value("half a sen")
    expect(page.locator("#message")).to_be_visible()
    expect(page.locator("#message")).not_to_be_editable()
    expect(page.locator(".send")).to_be_hidden()
    expect(page.locator(".title-line")).to_contain_text("archived")
    change(archived=False)
    expect(page.locator("#message")).to_be_editable()
    expect(page.locator("#message")).to_have_value("half a sen")
    expect(page.locator("#composer")).to_be_visible()
    expect(page.locator("#closed")).to_have_count(0)
    change(read_only=True)
    expect(page.locator("#closed")).to_have_text("Only the moderators of this room write in it.")
    ask(ada, "PUT", f"/api/v1/rooms/{room}/members/bob", {"role": "moderator"})
    expect(page.locator("#composer")).to_be_visible()
    ask(ada, "PUT", f"/api/v1/rooms/{room}/members/olga", {})
    expect(page.locator(".members .number")).to_have_text("3")
    expect(page.locator("#messages .notice").last).to_contain_text("ada added olga")
    change(title="")
    expect(page.locator("h1")).to_have_text(f"/{room}")
    assert page.evaluate("window.isTheSame") is True


def test_page_that_came_without_a_place_to_write_gets_one_when_the_room_takes_messages(
    ada: httpx.Client, bob: httpx.Client, open_as: Callable[..., Person]
) -> None:
    room = made(ada, access="open", room="later", read_only=True)
    member, guest = open_as(bob, f"/{room}"), open_as(None, f"/{room}")
    for person in (member, guest):
        person.wait_for_line("live")
        expect(person.page.locator("#composer")).to_have_count(0)
    ask(ada, "PATCH", f"/api/v1/rooms/{room}", {"read_only": False})
    member.page.wait_for_selector("#composer")
    member.write("from bob")
    member.see("from bob")
    assert member.page.locator(".bar .me").get_attribute("title") == "Signed in as bob"
    guest.page.wait_for_selector("#composer")
    guest.write("from a guest", name="maya")
    member.see("from bob", "from a guest")
    assert violations(guest) == []


@pytest.mark.parametrize("transport", ["socket", pytest.param("stream", marks=pytest.mark.long), "poll"])
def test_page_of_who_is_removed_says_so_and_offers_the_list_of_rooms(
    ada: httpx.Client, bob: httpx.Client, open_as: Callable[..., Person], transport: str
) -> None:
    room = made(ada)
    ask(ada, "PUT", f"/api/v1/rooms/{room}/members/bob", {})
    person = open_as(bob, "/rooms")
    person.page.evaluate("(name) => sessionStorage.setItem('parlour:transport', JSON.stringify(name))", transport)
    person.page.goto(f"/{room}")
    person.wait_for_line("live")
    ask(ada, "DELETE", f"/api/v1/rooms/{room}/members/bob")
    ask(ada, "POST", f"/{room}", {"text": "said after that"})
    closed = person.page.locator("#closed")
    expect(closed).to_have_text("You are not in this room any more. See your rooms")
    expect(person.page.locator("#composer")).to_be_hidden()
    expect(person.page.locator("#connection .words")).to_have_text("Closed")
    expect(person.page.locator("#strip")).to_be_hidden()
    assert person.texts == []
    closed.locator("a").click()
    person.page.wait_for_url("**/rooms")
    person.page.goto(f"/{room}")
    person.page.click("text=See the rooms there are")
    person.page.wait_for_url("**/rooms")


@pytest.mark.parametrize("width", [360, pytest.param(1440, marks=pytest.mark.long)])
def test_reader_who_goes_to_the_page_of_the_room_comes_back_to_the_same_message(
    ada: httpx.Client, open_as: Callable[..., Person], width: int
) -> None:
    room = made(ada)
    for number in range(120):
        ask(ada, "POST", f"/{room}", {"text": f"number {number}"})
    person = open_as(ada, f"/{room}", viewport={"width": width, "height": 700})
    page = person.page
    person.wait_for_line("live")
    page.click("h1 a")
    page.wait_for_url(f"**/rooms/{room}")
    assert page.locator(".back a").get_attribute("href") == f"/{room}", "from the end back to the end"
    page.click(".back a")
    person.wait_for_line("live")
    page.evaluate("document.getElementById('scroller').scrollTop = -1e6")
    page.wait_for_selector("text=number 30")
    page.evaluate("document.querySelector('[data-seq=\"35\"]').scrollIntoView({ block: 'center' })")
    page.click("h1 a")
    page.wait_for_url(re.compile(r"/rooms/.*\?at=3[4-6]$"))
    seen = page.url.rpartition("=")[2]
    is_in_sight = """(seq) => {
        const { top, bottom } = document.getElementById(`m${seq}`).getBoundingClientRect();
        return top > 0 && bottom < innerHeight;
    }"""
    page.go_back()
    page.wait_for_selector(f"#m{seen}")
    page.wait_for_function(is_in_sight, arg=seen)
    page.go_forward()
    page.fill("#topic", "kept the way back")
    page.click("text=Save")
    page.wait_for_selector(".done")
    page.click(".back a")
    page.wait_for_selector(f"#m{seen}")
    page.wait_for_function(is_in_sight, arg=seen)


def test_private_rooms_are_in_the_list_at_the_side_with_a_lock(
    ada: httpx.Client, open_as: Callable[..., Person]
) -> None:
    room = made(ada, title="With a lock")
    ask(ada, "POST", f"/{room}", {"text": "https://chat.example/~with-a-lock-abcdef."})
    for scripts in (True, False):
        person = open_as(ada, "/lobby", java_script_enabled=scripts)
        row = person.page.locator(f'.rooms [data-room="{room}"]')
        expect(row.locator("bdi")).to_have_text("With a lock")
        expect(row.locator(".unseen")).to_have_text("private")
        row.locator("a").click()
        person.page.wait_for_url(f"**/{room}")
        address = person.page.locator("#messages .text a")
        expect(address).to_have_attribute("href", "https://chat.example/~with-a-lock-abcdef")
        person.page.fill("#room", f"#{room}")
        if scripts:
            person.wait_for_line("live")
            person.write("by the script")
            expect(person.page.locator("#messages .text").last).to_have_text("by the script")


def test_new_link_is_copied_with_one_press(ada: httpx.Client, open_as: Callable[..., Person]) -> None:
    room = made(ada)
    person = open_as(ada, f"/rooms/{room}", permissions=["clipboard-read", "clipboard-write"])
    person.page.click("text=Make a link")
    person.page.click(".copy-once")
    expect(person.page.locator(".copy-once")).to_have_text("Copied")
    shown = person.page.locator("[data-copy]").text_content()
    assert person.page.evaluate("navigator.clipboard.readText()") == shown


def test_head_on_a_phone_leaves_the_name_its_place_however_the_line_is(
    ada: httpx.Client, open_as: Callable[..., Person]
) -> None:
    page = open_as(ada, f"/{made(ada, title='Plans for the summer')}", viewport={"width": 360, "height": 640}).page
    page.locator("#connection[data-state=live]").wait_for(state="attached")
    for state, word in [("retrying", "Reconnecting…"), ("out", "Signed out"), ("closed", "Closed")]:
        page.evaluate(
            """([state, word]) => {
                const node = document.getElementById("connection");
                node.dataset.state = state;
                node.querySelector(".words").textContent = word;
            }""",
            [state, word],
        )
        name, lock, dot = (page.locator(each).bounding_box() for each in (".room-name", ".title-line .is", ".dot"))
        assert name is not None
        assert lock is not None
        assert dot is not None
        assert name["width"] > 100, state
        assert lock["x"] + lock["width"] <= dot["x"], state


def test_lists_on_a_phone_have_round_avatars_and_two_lines_of_a_topic(
    ada: httpx.Client, open_as: Callable[..., Person]
) -> None:
    room = made(ada, title="Long", topic="What it is about, " * 16)
    page = open_as(ada, "/rooms", viewport={"width": 360, "height": 640}).page
    gist = page.locator(f"li:has([href='/{room}']) .gist").bounding_box()
    assert gist is not None
    assert gist["height"] < 45
    page.goto(f"/rooms/{room}")
    avatar = page.locator(".people .avatar").first.bounding_box()
    assert avatar is not None
    assert avatar["width"] == avatar["height"]


def test_moderator_mutes_a_guest_by_the_card_and_nobody_else_can(
    ada: httpx.Client, bob: httpx.Client, open_as: Callable[..., Person]
) -> None:
    room = made(ada, access="open", room="calm")
    guest, member, owner = open_as(None, f"/{room}"), open_as(bob, f"/{room}"), open_as(ada, f"/{room}")
    for person in (guest, member, owner):
        person.wait_for_line("live")
    guest.write("spam", name="Eve")
    for person in (member, owner):
        person.see("spam")
        person.page.click("#messages .message .name")
        mute = person.page.get_by_role("menuitem", name="Mute for 10 minutes")
        expect(mute).to_have_count(1 if person is owner else 0)
    owner.page.get_by_role("menuitem", name="Mute for 10 minutes").click()
    expect(owner.page.locator("#said")).to_have_text("Eve cannot write here for 10 minutes.")
    closed = guest.page.locator("#closed")
    expect(closed).to_contain_text("You can read this room, and not write in it until")
    guest.page.reload()
    expect(closed).to_contain_text("You can read this room, and not write in it until")
    expect(closed).not_to_contain_text("UTC")  # as somebody here says it, from the beginning on
