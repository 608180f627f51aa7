"""The pages of rooms: the list, a new one, settings and members, links into a room, and the rooms of administration.

Everything here is what a browser without scripts, or curl, sends and gets.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
from collections.abc import Iterator
from html import unescape

import httpx
import pytest

from tests.people.house import PASSWORD
from tests.people.server import Town, page_after
from tests.people.test_rooms import add, make, remove, say
from tests.support.server import ServerProcess
from tests.support.terminal import clean_environment, parlour_command
from tests.support.timeout import TIMEOUT_S
from tests.support.ui import parse, text_of


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with ServerProcess(tmp_path_factory.mktemp("pages") / "data", "--rate-limits", "off") as running:
        town = Town(running)
        yield town
        town.close()


@pytest.fixture(scope="module")
def ada(town: Town) -> httpx.Client:
    return town.join("ada")


@pytest.fixture(scope="module")
def bob(town: Town) -> httpx.Client:
    return town.join("bob")


OWN = ("date", "content-length")
"""Header fields that two answers may have of their own: names of other letters are compressed to another length."""


def made(browser: httpx.Client, **settings: object) -> str:
    """A room made by a program."""
    browser.headers["Accept"] = "application/json"
    try:
        return make(browser, **settings)
    finally:
        browser.headers["Accept"] = "text/html,*/*;q=0.8"


def words(answer: httpx.Response) -> str:
    return re.sub(r"\s+", " ", text_of(answer.text))


def sent(browser: httpx.Client, room: str, do: str, **fields: str) -> httpx.Response:
    return browser.post(f"/rooms/{room}", data={"do": do, **fields})


def forms_of(answer: httpx.Response) -> set[str]:
    """What the forms of a page do."""
    return {attributes["value"] for tag, attributes in parse(answer.text) if attributes.get("name") == "do"}


def values_of(answer: httpx.Response) -> dict[str, str]:
    return {
        attributes["name"]: attributes.get("value", "")
        for tag, attributes in parse(answer.text)
        if tag == "input" and attributes.get("type") == "text"
    }


def sections(answer: httpx.Response) -> list[str]:
    """The headings of the lists and the links to rooms in them, in order."""
    return [
        unescape(found[1] or found[2])
        for found in re.finditer(r'<h2[^>]*>([^<]*)</?(?:h2|span)|<a class="room-link" href="([^"]*)"', answer.text)
    ]


def test_list_has_ones_own_rooms_first_then_the_others_and_archived_ones_behind_a_fold(
    town: Town, ada: httpx.Client, bob: httpx.Client
) -> None:
    private = made(ada, title="Secret plans", topic="Hush", access="private")
    made(ada, room="kitchen", title="Kitchen")
    made(ada, room="attic", title="Attic")
    made(bob, room="workshop", read_only=True)
    ada.patch("/api/v1/rooms/attic", json={"archived": True})
    page = ada.get("/rooms")
    assert sections(page)[:2] == ["Yours", "/kitchen"]
    assert sections(page)[2:7] == [f"/{private}", "Direct", "Other rooms", "/workshop", "/attic"]
    assert "Archived (1)" in words(page)
    assert "Secret plans private /~secret-plans" in words(page)
    assert "workshop announcements" in words(page)
    assert "Hush" in words(page)
    others = bob.get("/rooms")
    assert f"/{private}" not in others.text
    assert sections(others)[:2] == ["Yours", "/workshop"]
    with town.server.client() as guest:
        seen = guest.get("/rooms", headers={"Accept": "text/html"})
        assert sections(seen)[0] == "All rooms"
        assert "/kitchen" in sections(seen)
        assert "Secret" not in seen.text
        assert forms_of(seen) == set()
        assert "/login?next=/rooms" in seen.text


def test_room_that_was_made_by_the_form_has_what_the_form_said(ada: httpx.Client) -> None:
    answer = ada.post(
        "/rooms",
        data={"do": "new", "title": "Release party", "topic": "Cake", "access": "private", "history": "joined"},
    )
    assert answer.status_code == 303, answer.text
    room = answer.headers["Location"].removeprefix("/").removesuffix("#latest")
    assert room.startswith("~release-party-")
    info = ada.get(f"/api/v1/rooms/{room}").json()
    assert (info["title"], info["topic"], info["access"], info["history"]) == (
        "Release party",
        "Cake",
        "private",
        "joined",
    )
    public = ada.post("/rooms", data={"do": "new", "title": "Class 7B", "access": "members", "read_only": "1"})
    assert public.headers["Location"] == "/class-7b#latest"
    assert ada.get("/api/v1/rooms/class-7b").json()["read_only"] is True


@pytest.mark.parametrize(
    ("form", "status", "field", "sentence"),
    [
        ({"title": "Two", "address": "~two", "access": "open"}, 400, "address", "is not chosen"),
        ({"title": "Two", "address": "login"}, 400, "address", "choose another one"),
        ({"title": "Two", "address": "a b"}, 400, "address", "letters, digits"),
        ({"title": "Two", "address": "taken"}, 409, "address", "There is a room taken already."),
        ({"title": "x" * 81}, 400, "title", "at most 80 characters"),
        ({"title": "Two", "topic": "x" * 301}, 400, "topic", "at most 300 characters"),
        ({"access": "private"}, 400, "title", "Give the room a name"),
        ({"title": " "}, 400, "title", "Give the room a name"),
    ],
)
def test_form_for_a_new_room_when_refused_says_so_at_the_field_and_keeps_what_was_typed(
    form: dict[str, str], status: int, field: str, sentence: str, ada: httpx.Client
) -> None:
    say(ada, "taken", "here")
    answer = ada.post("/rooms", data={"do": "new", **form})
    assert answer.status_code == status
    error = re.search(rf'id="{field}-error">([^<]*)<', answer.text)
    assert error is not None
    assert sentence in unescape(error[1])
    shown = values_of(answer)
    assert {name: shown[name] for name in form if name in shown} == {
        name: value for name, value in form.items() if name in shown
    }
    assert f'value="{form.get("access", "open")}" checked' in answer.text


def test_page_of_a_private_room_is_for_who_is_in_it(town: Town, ada: httpx.Client, bob: httpx.Client) -> None:
    """To everybody else it answers like one that is not there, to the byte; so does the page of its messages."""
    room = made(ada, title="Hidden", access="private")
    nothing = f"{room[:-6]}zzzzzz"
    add(ada, room, "bob")
    assert bob.get(f"/rooms/{room}").status_code == 200
    remove(ada, room, "bob")
    with town.server.client(headers={"Accept": "text/html"}, follow_redirects=False) as guest:
        for browser in (bob, guest):
            for method, path, form in (
                ("GET", "/rooms/{}", None), ("GET", "/{}", None), ("POST", "/rooms/{}", {"do": "join"}),
                ("POST", "/rooms/{}", {"do": "settings", "title": "x"}), ("POST", "/{}", {"message": "x"}),
            ):  # fmt: skip
                seen = []
                for name in (room, nothing):
                    answer = browser.request(method, path.format(name), data=form)
                    given = answer.headers.items()
                    fields = {key: value.replace(name, "NAME") for key, value in given if key not in OWN}
                    seen.append((answer.status_code, fields, answer.text.replace(name, "NAME")))
                assert seen[0] == seen[1]
                assert seen[0][0] == 404 or browser is guest
    assert "/rooms" in bob.get(f"/{room}").text


def test_member_sees_what_a_room_is_and_may_change_nothing(ada: httpx.Client, bob: httpx.Client) -> None:
    room = made(ada, title="Quiet", topic="Shh", access="private", read_only=True)
    add(ada, room, "bob")
    page = bob.get(f"/rooms/{room}")
    assert forms_of(page) == {"leave"}
    seen = words(page)
    for sentence in (
        "Quiet private announcements", "Shh", "ada · the only owner · since", "bob you bob · member · since",
        "Only moderators and owners write here.", "Only the owners of this room change this.",
    ):  # fmt: skip
        assert sentence in seen
    for form in (
        {"do": "settings", "title": "Mine"}, {"do": "archive"}, {"do": "role", "member": "bob", "role": "owner"},
        {"do": "add", "name": "olga"}, {"do": "remove", "member": "ada"}, {"do": "hand_over", "to": "bob"},
        {"do": "invite", "uses": "1", "days": "1"},
    ):  # fmt: skip
        answer = bob.post(f"/rooms/{room}", data=form)
        assert answer.status_code == 403, form
        assert re.search("Only the (moderators|owners) of this room may do this.", words(answer)), form
    closed = bob.get(f"/{room}")
    assert "Only the moderators of this room write in it." in words(closed)
    assert 'id="composer"' not in closed.text


def test_owner_changes_what_a_room_is(town: Town, ada: httpx.Client, bob: httpx.Client) -> None:
    room = made(ada, title="Before", access="private")
    page = ada.get(f"/rooms/{room}")
    assert forms_of(page) >= {"settings", "add", "invite", "archive"}
    assert "leave" not in forms_of(page)
    saved = sent(ada, room, "settings", title="After", topic="New", history="joined", read_only="1")
    assert "Saved." in words(saved)
    assert (values_of(saved)["title"], values_of(saved)["topic"]) == ("After", "New")
    refused = sent(ada, room, "settings", title="x" * 81, topic="Kept")
    assert refused.status_code == 400
    assert values_of(refused)["topic"] == "Kept"
    assert 'id="title-error"' in refused.text
    assert "The room is archived." in words(sent(ada, room, "archive"))
    archived = ada.get(f"/{room}")
    assert "This room is archived: it can be read, and nothing is added to it." in words(archived)
    assert "ada archived this room" in words(archived)
    page = ada.get(f"/rooms/{room}")
    assert not {"add", "invite", "join"} & forms_of(page)
    assert "there are no new links" in words(page)
    for form in ({"do": "add", "name": "bob"}, {"do": "invite", "uses": "1", "days": "1"}):
        late = ada.post(f"/rooms/{room}", data=form)
        assert late.status_code == 403
        assert "This room is archived: nobody joins it any more." in words(late)
    assert not {"add", "invite", "join"} & forms_of(town.owner.get(f"/rooms/{room}"))
    assert "The room is in use again." in words(sent(ada, room, "unarchive"))


def test_owner_adds_promotes_removes_and_hands_over(town: Town, ada: httpx.Client, bob: httpx.Client) -> None:
    room = made(ada, title="Crew", access="private")
    assert "bob is in this room now." in words(sent(ada, room, "add", name="@bob"))
    again = sent(ada, room, "add", name="bob")
    assert again.status_code == 400
    assert "bob is in this room already." in words(again)
    nobody = sent(ada, room, "add", name="nobody")
    assert nobody.status_code == 404
    assert values_of(nobody)["name"] == "nobody"
    assert "Nobody here has this name." in words(nobody)
    last = sent(ada, room, "leave")
    assert last.status_code == 409
    assert "Make somebody else an owner first: a room keeps one." in words(last)
    assert "bob is a moderator now." in words(sent(ada, room, "role", member="bob", role="moderator"))
    assert forms_of(bob.get(f"/rooms/{room}")) == {"add", "restrict", "lock", "rules", "invite", "leave"}
    assert "bob owns this room now, and you are a member." in words(sent(ada, room, "hand_over", to="bob"))
    assert sent(ada, room, "settings", title="Mine").status_code == 403
    assert "ada is not in this room any more." in words(sent(bob, room, "remove", member="ada"))
    assert sent(ada, room, "leave").status_code == 404
    sent(bob, room, "add", name="ada")
    left = sent(ada, room, "leave")
    assert (left.status_code, left.headers["Location"]) == (303, "/rooms")


def test_members_have_their_status_lines_beside_them(ada: httpx.Client) -> None:
    room = made(ada, title="Stati", access="private")
    form = {"do": "profile", "display": "ada", "name": "ada", "status": "At <the> fair"}
    assert ada.post("/account", data=form).status_code == 200
    assert "At <the> fair ada · the only owner" in words(ada.get(f"/rooms/{room}"))
    ada.post("/account", data={**form, "status": ""})


def test_room_that_hides_what_was_said_before_one_joined_says_so(ada: httpx.Client, bob: httpx.Client) -> None:
    room = made(ada, title="Since then", access="private", history="joined")
    say(ada, room, "before")
    add(ada, room, "bob")
    assert "This is where Since then begins." in words(ada.get(f"/{room}"))
    seen = words(bob.get(f"/{room}"))
    assert "What was said before you joined is not shown." in seen
    assert "begins" not in seen


def test_server_for_members_offers_no_room_to_everybody_who_reaches_it(town: Town, ada: httpx.Client) -> None:
    chosen = re.compile(r'name="access" value="([a-z]+)" checked')
    room = made(ada, room="terrace")
    assert chosen.findall(ada.get("/rooms").text) == ["open"]
    town.operator("PATCH", "/api/v1/settings", {"access": "members"})
    try:
        for page in (ada.get("/rooms"), ada.post("/rooms", data={"do": "new", "address": "a b"})):
            assert "Everybody who reaches this server" not in page.text
            assert chosen.findall(page.text) == ["members"]
        assert "Everybody who reaches this server" not in ada.get(f"/rooms/{room}").text
        assert "Saved." in words(sent(ada, room, "settings", title="Terrace"))
    finally:
        town.operator("PATCH", "/api/v1/settings", {"access": "open"})
    assert ada.get(f"/api/v1/rooms/{room}", headers={"Accept": "application/json"}).json()["access"] == "open"


def test_public_room_is_joined_and_left_by_its_page(ada: httpx.Client, bob: httpx.Client) -> None:
    made(ada, room="garden", title="Garden")
    assert "join" in forms_of(bob.get("/rooms/garden"))
    assert "You are in this room now." in words(sent(bob, "garden", "join"))
    assert "You have left this room." in words(sent(bob, "garden", "leave"))
    assert sent(ada, "garden", "archive").status_code == 200
    archived = sent(bob, "garden", "join")
    assert archived.status_code == 403
    assert "This room is archived: nobody joins it any more." in words(archived)


def test_way_back_leads_to_the_message_that_the_page_was_reached_from(ada: httpx.Client) -> None:
    say(ada, "longer", "one")
    page = ada.get("/rooms/longer?at=1")
    assert 'href="/longer/1"' in page.text
    assert 'action="/rooms/longer?at=1"' in page.text
    assert 'href="/longer"' in ada.get("/rooms/longer?at=//evil.example").text


def test_link_into_a_room_lets_people_with_an_account_in_with_one_button(
    town: Town, ada: httpx.Client, bob: httpx.Client
) -> None:
    room = made(ada, title="By link", access="private")
    shown = page_after(ada, f"/rooms/{room}", {"do": "invite", "uses": "2", "days": "3"})
    (url,) = re.findall(r"<pre data-copy>([^<]*)</pre>", shown.text)
    path = url.removeprefix(town.url)
    assert "2 uses left" not in words(shown), "the new one is shown on top"
    assert "2 uses left" in words(ada.get(f"/rooms/{room}"))
    assert url not in ada.get(f"/rooms/{room}").text
    guest = town.browser()
    invited = guest.get(path)
    assert "To the room By link" in words(invited)
    assert f'href="/login?next=/join/{path.rpartition("/")[2]}"' in invited.text
    assert guest.post(path, data={"do": "join"}).headers["Location"].startswith("/login?next=/join/")
    signed_in = guest.post("/login", data={"name": "bob", "password": PASSWORD, "next": path})
    assert signed_in.headers["Location"] == path
    assert "Join the room" in words(bob.get(path))
    assert bob.post(path, data={"do": "join"}).headers["Location"] == f"/{room}"
    assert "You are in already" in words(bob.get(path))
    assert "1 use left" in words(ada.get(f"/rooms/{room}"))
    link_id = re.search(r'name="id" value="(i_[^"]+)"', ada.get(f"/rooms/{room}").text)
    assert link_id is not None
    assert "The link is ended: nobody can use it now." in words(sent(ada, room, "uninvite", id=link_id[1]))
    gone = bob.get(path)
    assert gone.status_code == 410
    assert "It was used, was ended, or is too old" in words(gone)
    assert "You have an account already: you are signed in as bob." in words(gone)
    assert "You have an account" not in words(town.browser().get(path))


def test_link_into_a_room_that_makes_accounts_lands_in_the_room(town: Town, ada: httpx.Client) -> None:
    room = made(town.owner, title="Open house", access="private")
    form = {"do": "invite", "uses": "5", "days": "1", "accounts": "1"}
    shown = page_after(town.owner, f"/rooms/{room}", form)
    (url,) = re.findall(r"<pre data-copy>([^<]*)</pre>", shown.text)
    path = url.removeprefix(town.url)
    new = town.browser()
    page = new.get(path)
    assert "Make my account" in words(page)
    assert "Sign in to join" in words(page)
    answer = new.post(path, data={"name": "dora", "display": "", "password": PASSWORD})
    assert answer.headers["Location"] == f"/{room}"
    assert "dora joined" in words(new.get(f"/{room}"))
    assert sent(ada, made(ada, title="x"), "invite", uses="1", days="1", accounts="1").status_code == 403
    numbers = sent(town.owner, room, "invite", uses="0", days="1")
    assert numbers.status_code == 400
    assert 'id="uses-error"' in numbers.text
    long = ada.post("/rooms", data={"do": "new", "title": "x" * 81, "access": "open"})
    assert "A name has at most 80 characters; this one has 81." in words(long)


def test_invitation_to_the_server_tells_who_is_signed_in_that_it_is_for_others(town: Town, ada: httpx.Client) -> None:
    page = ada.get(town.invitation())
    assert "You are signed in as ada. This link is for people without an account" in words(page)
    assert forms_of(page) == set()


def test_who_runs_the_server_sets_every_room_right_without_reading_it(
    town: Town, ada: httpx.Client, bob: httpx.Client
) -> None:
    room = made(bob, title="Orphans", access="private")
    say(bob, room, "said inside")
    listed = words(town.owner.get("/admin"))
    assert f"/{room} · 1 member · owned by bob" in listed
    page = town.owner.get(f"/rooms/{room}")
    assert "What is said in it is for its members" in words(page)
    assert "said inside" not in page.text
    assert f'href="/{room}"' not in page.text
    gone = town.join("gone")
    room = made(gone, title="Left alone", access="private")
    town.owner.patch("/api/v1/accounts/gone", json={"state": "disabled"})
    first = town.owner.get("/admin")
    assert "no owner is left" in words(first)
    assert sections(first)[sections(first).index("Rooms ") + 1] == f"/rooms/{room}"
    nobody = town.owner.post("/admin", data={"do": "own", "room": room, "name": "nobody"})
    assert nobody.status_code == 404
    assert "Nobody here has this name." in words(nobody)
    done = town.owner.post("/admin", data={"do": "own", "room": room, "name": "ada"})
    assert "ada owns Left alone now." in words(done)
    assert "Left alone is archived." in words(town.owner.post("/admin", data={"do": "archive", "room": room}))
    assert ada.get(f"/api/v1/rooms/{room}").json()["archived"] is True
    assert "Left alone is in use again." in words(town.owner.post("/admin", data={"do": "unarchive", "room": room}))
    assert ada.post("/admin", data={"do": "archive", "room": room}).status_code == 403


def test_command_lists_every_room_that_somebody_set_up(town: Town, ada: httpx.Client) -> None:
    room = made(ada, title="For the list", access="private", read_only=True)
    done = subprocess.run(
        parlour_command("admin", "rooms", "--data", str(town.server.data)),
        capture_output=True, text=True, check=True, timeout=TIMEOUT_S, env=clean_environment(),
    )  # fmt: skip
    assert f"{room}  private, announcements  1 member  owned by ada  For the list" in done.stdout.splitlines()


def test_curl_with_a_password_does_all_of_it_and_sees_the_same_errors(town: Town, ada: httpx.Client) -> None:
    def curl(path: str, *fields: str) -> str:
        command = ["curl", "-sS", "-i", "-u", f"ada:{PASSWORD}", f"{town.url}{path}"]
        for field in fields:
            command += ["--data-urlencode", field]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT_S).stdout

    found = re.search(r"Location: /(~\S+)", curl("/rooms", "do=new", "title=From a terminal", "access=private"))
    assert found is not None
    room = found[1]
    assert "bob is in this room now." in curl(f"/rooms/{room}", "do=add", "name=bob")
    assert "Nobody here has this name." in curl(f"/rooms/{room}", "do=add", "name=nobody")
    assert "Make somebody else an owner first" in curl(f"/rooms/{room}", "do=leave")
    assert "The page has no such form." in curl(f"/rooms/{room}", "do=dance")
    assert "From a terminal" in curl("/rooms")


def test_room_as_it_is_typed_may_be_a_private_one(town: Town, ada: httpx.Client) -> None:
    room = made(ada, title="Typed", access="private")
    for typed in (room, f"/{room}", f"#{room}", f" {town.url}/{room} "):
        assert ada.get("/", params={"room": typed}).headers["Location"] == f"/{room}"
    page = ada.get(f"/{room}")
    assert f"<bdi>{town.url}/{room}</bdi>" in page.text
    assert f'action="/{room}"' in page.text


def test_browser_in_a_terminal_shows_what_a_room_is_and_who_is_in_it(
    town: Town, ada: httpx.Client, bob: httpx.Client
) -> None:
    room = made(ada, title="Terminals", topic="No pictures", access="private", read_only=True)
    add(ada, room, "bob")

    basic = base64.b64encode(f"bob:{PASSWORD}".encode()).decode()

    def shown(path: str) -> str:
        command = ["w3m", "-O", "UTF-8", "-header", f"Authorization: Basic {basic}", "-dump", f"{town.url}{path}"]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=TIMEOUT_S,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm", "HOME": os.devnull},
        )  # fmt: skip
        return " ".join(done.stdout.split())

    page = shown(f"/{room}")
    for sentence in ("Terminals private announcements", "No pictures", "2 members", "ada added bob", "All rooms",
                     "Members of this room", "Only the moderators of this room write in it."):  # fmt: skip
        assert sentence in page
    assert "Write a message" not in page
    settings = shown(f"/rooms/{room}")
    for sentence in ("Back to the room", "ada ada · the only owner · since", "bob you bob · member", "Yes, leave"):
        assert sentence in settings
    assert "New room" in shown("/rooms")
