"""Guest links: a name and nothing else, one's own name, the host's list, and no way back for those who were removed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from parlour.core.secret import api_token
from tests.people.guests import code, come_in, guests, id_of, link, made, say, way_of
from tests.people.server import Town, bearer, ways_on
from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.talk import Client

ELSEWHERE = "https://elsewhere.example"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    data = tmp_path_factory.mktemp("guests") / "data"
    with ServerProcess(data, "--access", "members", rate_limits=True) as running:
        town = Town(running)
        yield town
        town.close()


@pytest.fixture(scope="module")
def open_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A server that takes guests, and requests from pages of another site."""
    with ServerProcess(tmp_path_factory.mktemp("open") / "data", "--allowed-origins", ELSEWHERE) as running:
        town = Town(running)
        yield town
        town.close()


@pytest.fixture(scope="module")
def host(town: Town) -> httpx.Client:
    """Somebody who has an account, and asks for JSON."""
    browser = town.join("teacher")
    browser.headers["Accept"] = "application/json"
    return browser


@pytest.fixture
def room(host: httpx.Client) -> str:
    """A private room of theirs."""
    return str(made(host.post("/api/v1/rooms", json={"title": "Class 7B", "access": "private"}))["room"])


def test_who_opens_the_link_gives_a_name_and_is_in_the_room(town: Town, host: httpx.Client, room: str) -> None:
    found = link(host, room)
    browser = town.browser()
    question = browser.get(way_of(found))
    assert question.text.count("<input") == 1
    assert "Class 7B" in question.text
    answer = browser.post(way_of(found), data={"name": "Lena"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/{room}")
    page = browser.get(f"/{room}")
    assert page.status_code == 200
    assert "you are here as" in page.text
    first = made(say(browser, room, "Good morning"))
    assert first["by"] == {"id": first["by"]["id"], "name": "Lena", "kind": "guest"}
    browser.get(f"/{room}")
    assert made(say(browser, room, "Here again"))["by"] == first["by"], "a reload changes nobody"
    assert browser.get("/", headers={"Accept": "text/html"}).headers["Location"] == f"/{room}"
    me = browser.get("/api/v1/me").json()
    assert (me["kind"], me["guest"]["name"], me["guest"]["rooms"]) == ("guest", "Lena", [room])


def test_curl_comes_in_too_and_stays_who_it_is(town: Town, host: httpx.Client, room: str) -> None:
    found = link(host, room)
    with town.server.client(headers={"User-Agent": "curl/8"}) as curl:
        assert "--data-urlencode 'name=NAME'" in curl.get(way_of(found)).text
        said = curl.post(way_of(found), data={"name": "Ken"})
    token = re.search(r"Bearer (parlour_\S+)'", said.text)
    assert token is not None
    with town.server.client(headers=bearer(token[1])) as curl:
        assert curl.post(f"/{room}", content="hello").text == f"{room}/4\n"
        assert "Ken: hello" in curl.get(f"/{room}").text
        with_name = curl.post(f"/{room}", params={"name": "Lena"}, content="hello")
        assert with_name.status_code == 400


def test_programs_come_in_by_json(town: Town, host: httpx.Client, room: str) -> None:
    found = link(host, room)
    with town.server.client() as program:
        asked = made(program.post("/api/v1/guests", json={"link": found["code"].upper(), "name": "Mia"}))
        assert asked["rooms"] == [room]
        program.cookies.clear()
        headers = bearer(asked["token"])
        assert program.post(f"/{room}", content="hi", headers=headers).status_code == 201
        assert program.delete("/api/v1/me/pass", headers=headers).status_code == 204
        assert program.post(f"/{room}", content="hi", headers=headers).status_code == 401
    assert guests(host, room) == {}


def test_a_pass_opens_the_rooms_of_its_link_and_nothing_else(town: Town, host: httpx.Client, room: str) -> None:
    other = made(host.post("/api/v1/rooms", json={"title": "Staff", "access": "private"}))["room"]
    second = made(host.post("/api/v1/rooms", json={"room": f"handouts-{other[-6:]}"}))["room"]
    guest, _ = come_in(town, link(host, room, rooms=[second]), "Lena")
    guest.headers["Accept"] = "application/json"
    listed = guest.get("/api/v1/rooms").json()["rooms"]
    assert {each["room"] for each in listed} == {room, second}
    assert say(guest, second, "hi").status_code == 201
    assert code(say(guest, other, "hi")) == (404, "not_found")
    assert code(say(guest, "lobby", "hi")) == (403, "forbidden")
    assert code(guest.get("/lobby")) == (403, "forbidden")
    assert guest.get(f"/api/v1/rooms/{room}/members").status_code == 401
    assert guest.get(f"/api/v1/rooms/{room}/guests").status_code == 401
    assert guest.patch(f"/api/v1/rooms/{room}", json={"title": "Mine"}).status_code == 401


@pytest.mark.parametrize(
    "name",
    ["Lena", "lena", "L\u0435na", "1ena", "Teacher", "te\u0430cher", "@teacher", "L e n a", "Lena!", "admin", ""],
)
def test_no_name_can_be_mistaken_for_that_of_a_member_or_another_guest(
    town: Town, host: httpx.Client, room: str, name: str
) -> None:
    found = link(host, room)
    come_in(town, found, "Lena")
    _, answer = come_in(town, found, name)
    assert answer.status_code in (400, 409), name
    assert 'id="name-error"' in answer.text
    assert guests(host, room) == {"Lena": "in"}


def test_the_host_renames_a_guest_who_goes_on_with_the_new_name(town: Town, host: httpx.Client, room: str) -> None:
    found = link(host, room)
    guest, _ = come_in(town, found, "Boss")
    come_in(town, found, "Lena")
    path = f"/api/v1/rooms/{room}/guests/{id_of(host, room, 'Boss')}"
    assert code(host.patch(path, json={"name": "Lena"})) == (409, "name_taken")
    assert code(host.patch(path, json={"name": "Teacher"})) == (409, "name_taken")
    assert host.patch(path, json={"name": "Ben"}).status_code == 200
    assert made(say(guest, room, "hi"))["by"]["name"] == "Ben"
    log = host.get(f"/{room}?format=text").text
    assert "* teacher renamed Boss to Ben" in log


def test_the_guests_who_are_there_now_come_first(town: Town, host: httpx.Client, room: str) -> None:
    found = link(host, room)
    come_in(town, found, "Paul")
    guest, _ = come_in(town, found, "Lena")
    cookie = f"Cookie: parlour_pass={guest.cookies['parlour_pass']}"
    with Client.to(town.server.port) as stream:
        stream.send(raw.head("GET", f"/{room}?follow=1&format=ndjson", cookie))
        assert stream.head().status == 200
        seen = host.get(f"/api/v1/rooms/{room}/guests").json()["guests"]
        assert [(each["name"], each["present"]) for each in seen] == [("Lena", True), ("Paul", False)]


def test_who_was_removed_is_out_and_does_not_come_back_by_reloading(town: Town, host: httpx.Client, room: str) -> None:
    found = link(host, room)
    guest, _ = come_in(town, found, "Lena")
    cookie = f"Cookie: parlour_pass={guest.cookies['parlour_pass']}"
    with Client.to(town.server.port) as stream:
        stream.send(raw.head("GET", f"/{room}?follow=1&format=ndjson", cookie))
        assert stream.head().status == 200
        removed = id_of(host, room, "Lena")
        assert host.get(f"/api/v1/rooms/{room}/guests").json()["guests"][0]["present"] is True
        assert host.delete(f"/api/v1/rooms/{room}/guests/{removed}").status_code == 204
        rest = stream.rest()
    assert b'"what":"removed"' in rest.partition(b'"closed"')[0]
    assert b'"code":"removed","detail":"You were removed from this room' in rest
    assert code(say(guest, room, "still here")) == (403, "removed")
    for accept in ("text/plain", "text/html"):
        guest.headers["Accept"] = accept
        refused = guest.get(f"/{room}")
        assert (refused.status_code, "You were removed from this room" in refused.text) == (403, True)
    assert ways_on(guest, f"/{room}") == [f"/login?next=/{room}"], "who has an account signs in; no room is open here"
    guest.headers["Accept"] = "application/json"
    assert code(say(guest, "~not-there-abc234", "hi")) == (401, "login_required"), "they learn of no other room"
    assert code(guest.delete("/api/v1/me/pass")) == (404, "not_found")
    assert guest.post("/logout").status_code == 303
    assert code(say(guest, room, "still here")) == (403, "removed"), "leaving is no way out of it"
    guest.headers["Accept"] = "text/html"
    for way in (way_of(found), way_of(link(host, room))):
        assert "The host has removed you" in guest.get(way).text, "nor by another link into the room"
        assert guest.post(way, data={"name": "Lena"}).status_code == 403
    assert guests(host, room) == {"Lena": "removed"}


def test_after_a_removal_newcomers_of_that_address_wait_for_the_host(town: Town, host: httpx.Client, room: str) -> None:
    found = link(host, room)
    classmate, _ = come_in(town, found, "Ken")
    come_in(town, found, "Lena")
    host.delete(f"/api/v1/rooms/{room}/guests/{id_of(host, room, 'Lena')}")
    private_window, answer = come_in(town, found, "Nobody in particular")
    assert answer.headers["Location"] == way_of(found)
    assert "has to let you in" in private_window.get(way_of(found)).text
    assert private_window.get(f"/{room}").status_code == 404
    assert say(classmate, room, "I was here before").status_code == 201, "who is in stays in"
    waiting = id_of(host, room, "Nobody in particular")
    assert host.patch(f"/api/v1/rooms/{room}/guests/{waiting}", json={"state": "in"}).status_code == 200
    assert private_window.get(way_of(found)).headers["Location"] == f"/{room}"
    assert say(private_window, room, "thanks").status_code == 201
    come_in(town, link(host, room), "By another link")
    assert guests(host, room)["By another link"] == "waiting"


def test_a_link_says_what_becomes_of_newcomers(town: Town, host: httpx.Client, room: str) -> None:
    for newcomers, before, after in (
        ("open", "in", "in"),
        ("ask", "waiting", "waiting"),
        ("ask_after_removal", "in", "waiting"),
        ("wait_after_removal", "in", ""),
    ):
        found = link(host, room, newcomers=newcomers)
        first, _ = come_in(town, found, "First")
        assert guests(host, room)["First"] == before
        host.delete(f"/api/v1/rooms/{room}/guests/{id_of(host, room, 'First')}")
        why = "The host has removed you" if before == "in" else "The host has not let you in"
        assert why in first.get(way_of(found)).text
        _, answer = come_in(town, found, "Second")
        assert guests(host, room).get("Second", "") == after
        assert (answer.status_code == 429) is (after == "")
        assert host.delete(f"/api/v1/guest-links/{found['id']}").status_code == 204
    assert guests(host, room) == {}


def test_the_end_of_a_link_is_the_end_of_its_guests(town: Town, host: httpx.Client, room: str) -> None:
    found, other = link(host, room), link(host, room)
    guest, _ = come_in(town, found, "Lena")
    stays, _ = come_in(town, other, "Ken")
    cookie = f"Cookie: parlour_pass={guest.cookies['parlour_pass']}"
    with Client.to(town.server.port) as stream:
        stream.send(raw.head("GET", f"/{room}?follow=1&format=ndjson", cookie))
        assert stream.head().status == 200
        assert host.delete(f"/api/v1/guest-links/{found['id']}").status_code == 204
        rest = stream.rest()
    assert b'"code":"link_gone","detail":"The link by which you came to this room ended at 20' in rest
    ended = "The link by which you came to this room ended at 20"
    guest.headers["Accept"] = "application/json"
    assert code(say(guest, room, "hi")) == (410, "link_gone")
    assert ended in guest.get(f"/{room}", headers={"Accept": "text/html"}).text
    assert code(guest.get(f"/api/v1/rooms/{room}/members")) == (401, "login_required"), "a guest like any other"
    assert code(say(guest, "lobby", "hi")) == (401, "login_required")
    token = bearer(api_token(guest.cookies["parlour_pass"]))
    with town.server.client(headers={**token, "Accept": "application/json"}) as program:
        answer = program.get(f"/{room}")
        assert (code(answer), "ended at 20" in answer.text) == ((401, "bad_credentials"), True)
    assert guest.get(way_of(found)).status_code == 410
    assert say(stays, room, "hi").status_code == 201
    assert "ended a guest link: 1 guest is gone" in host.get(f"/{room}?format=text").text


def test_looking_at_a_link_uses_nothing_up(town: Town, host: httpx.Client, room: str) -> None:
    found = link(host, room, people=1)
    with town.server.client() as scanner:
        for _ in range(3):
            assert scanner.get(way_of(found)).status_code == 200
            assert scanner.head(way_of(found)).status_code == 200
    _, answer = come_in(town, found, "Lena")
    assert answer.status_code == 303
    late, answer = come_in(town, found, "Ken")
    assert answer.status_code == 403
    assert "for one person, and somebody is here" in answer.text
    host.patch(f"/api/v1/guest-links/{found['id']}", json={"people": 2})
    assert late.post(way_of(found), data={"name": "Ken"}).status_code == 303


def test_who_does_not_moderate_the_room_makes_no_link_and_sees_none(town: Town, host: httpx.Client, room: str) -> None:
    found = link(host, room)
    member = town.join("pupil")
    member.headers["Accept"] = "application/json"
    for answer in (
        member.post(f"/api/v1/rooms/{room}/guest-links", json={}),
        member.get(f"/api/v1/rooms/{room}/guest-links"),
        member.get(f"/rooms/{room}/guests"),
        member.get(f"/rooms/{room}/guests/{found['id']}"),
        member.get(f"/rooms/{room}/guests/{found['id']}/qr.svg"),
        member.delete(f"/api/v1/guest-links/{found['id']}"),
    ):
        assert code(answer) == (404, "not_found")
    host.put(f"/api/v1/rooms/{room}/members/pupil", json={})
    for answer in (
        member.post(f"/api/v1/rooms/{room}/guest-links", json={}),
        member.get(f"/rooms/{room}/guests/{found['id']}/qr.svg"),
    ):
        assert code(answer) == (403, "forbidden")
    assert code(host.post(f"/api/v1/rooms/{room}/guest-links", json={"rooms": ["lobby"]})) == (403, "forbidden")


def test_a_link_ends_with_the_right_of_who_made_it(town: Town, host: httpx.Client, room: str) -> None:
    assistant = town.join(f"assistant-{room[-6:]}")
    host.put(f"/api/v1/rooms/{room}/members/assistant-{room[-6:]}", json={"role": "moderator"})
    guest, _ = come_in(town, link(assistant, room), "Lena")
    assert say(guest, room, "hi").status_code == 201
    host.put(f"/api/v1/rooms/{room}/members/assistant-{room[-6:]}", json={"role": "member"})
    assert say(guest, room, "hi").status_code == 410
    assert guests(host, room) == {}


def test_the_sheet_shows_the_code_and_the_terminal_prints_it(town: Town, host: httpx.Client, room: str) -> None:
    found = link(host, room)
    host.headers["Accept"] = "text/html"
    sheet = host.get(found["sheet"])
    overview = host.get(f"/rooms/{room}/guests")
    host.headers["Accept"] = "application/json"
    assert 'class="qr"' in sheet.text
    assert found["code"] in sheet.text
    assert 'class="qr"' in overview.text
    picture = host.get(found["qr"])
    assert picture.headers["Content-Type"] == "image/svg+xml"
    assert "<svg xmlns=" in picture.text
    in_terminal = host.get(found["sheet"], headers={"Accept": "text/plain"})
    assert in_terminal.text.count("█") > 100
    assert found["url"] in in_terminal.text


def test_terms_that_no_link_has_are_refused(host: httpx.Client, room: str) -> None:
    for terms in (
        {"people": 0},
        {"people": 1001},
        {"minutes": 4},
        {"minutes": 129_601},
        {"wait_minutes": 0},
        {"newcomers": "nobody"},
        {"rooms": [f"room-{number}" for number in range(11)]},
        {"colour": "red"},
    ):
        assert host.post(f"/api/v1/rooms/{room}/guest-links", json=terms).status_code in (400, 403), terms
    assert host.get(f"/api/v1/rooms/{room}/guest-links").json() == {"guest_links": []}


def test_a_class_behind_one_address_comes_in_at_the_bell(town: Town, host: httpx.Client, room: str) -> None:
    """With the rates of a server that nobody has set up: all thirty are in, and say hello."""
    found = link(host, room, people=30)
    for number in range(30):
        pupil, answer = come_in(town, found, f"Pupil {number}")
        assert answer.status_code == 303, answer.text
        assert pupil.get(f"/{room}").status_code == 200
        assert say(pupil, room, "Good morning").status_code == 201
    assert sorted(guests(host, room).values()) == ["in"] * 30


def test_codes_are_not_tried_out_without_end(tmp_path: Path) -> None:
    limits = ("--address-wrong-codes-burst", "3", "--address-wrong-codes-per-s", "0.01")
    with ServerProcess(tmp_path / "data", *limits, rate_limits=True) as server, server.client() as guesser:
        answers = [guesser.get(f"/join/aaaa-aaa{last}").status_code for last in "bcdef"]
        assert answers == [410, 410, 410, 429, 429]


def test_a_guest_deletes_what_they_have_said_and_nothing_else(town: Town, host: httpx.Client, room: str) -> None:
    found = link(host, room)
    (lena, _), (ken, _) = come_in(town, found, "Lena"), come_in(town, found, "Ken")
    lena.headers["Accept"] = ken.headers["Accept"] = "application/json"
    seq = made(say(lena, room, "oops"))["seq"]
    path = f"/api/v1/rooms/{room}/messages/{seq}"
    assert code(ken.delete(path)) == (401, "login_required")
    assert lena.delete(path).status_code == 204
    assert "oops" not in host.get(f"/{room}?format=text").text


def test_a_guest_who_waits_for_news_is_shown_none_after_the_removal(town: Town, host: httpx.Client, room: str) -> None:
    guest, _ = come_in(town, link(host, room), "Lena")
    cookie, head = f"Cookie: parlour_pass={guest.cookies['parlour_pass']}", host.get(f"/api/v1/rooms/{room}").json()
    with Client.to(town.server.port) as waiting:
        waiting.send(raw.head("GET", f"/{room}?format=json&since={head['head_seq']}&wait=30", cookie))
        assert host.get(f"/api/v1/rooms/{room}/guests").status_code == 200
        assert host.delete(f"/api/v1/rooms/{room}/guests/{id_of(host, room, 'Lena')}").status_code == 204
        answer = waiting.answer()
        assert (answer.status, b'"code":"removed"' in answer.body) == (403, True)


def test_a_muted_guest_reads_and_does_not_write(town: Town, host: httpx.Client, room: str) -> None:
    guest, _ = come_in(town, link(host, room), "Lena")
    path = f"/api/v1/rooms/{room}/guests/{id_of(host, room, 'Lena')}"
    assert host.patch(path, json={"muted": True}).status_code == 200
    assert code(say(guest, room, "hi")) == (403, "muted")
    assert guest.get(f"/{room}").status_code == 200
    assert host.get(f"/api/v1/rooms/{room}/guests").json()["guests"][0]["muted"] is True
    assert host.patch(path, json={"muted": False}).status_code == 200
    assert say(guest, room, "hi").status_code == 201
    form = {"do": "mute", "id": id_of(host, room, "Lena")}
    answer = host.post(f"/rooms/{room}/guests", data=form, headers={"Accept": "text/html"})
    place = f"/rooms/{room}/guests#{form['id']}"
    assert answer.headers["Location"] == place, "the page goes on at the guest in the list, not at its top"
    assert f'<li id="{form["id"]}">' in host.get(place, headers={"Accept": "text/html"}).text


@pytest.mark.parametrize(("what", "held"), [("mute", "muted"), ("ban", "banned")])
def test_who_was_banned_does_not_come_back_by_a_private_window(
    town: Town, host: httpx.Client, room: str, what: str, held: str
) -> None:
    """Nor who was muted together with newcomers of that address."""
    found = link(host, room)
    guest, _ = come_in(town, found, "Lena")
    seq = made(say(guest, room, "nonsense"))["seq"]
    answer = host.post(f"/api/v1/rooms/{room}/restrictions", json={"what": what, "seq": seq})
    assert answer.status_code == 200, answer.text
    assert code(say(guest, room, "more nonsense")) == (403, held)
    if what == "ban":
        assert ways_on(guest, f"/{room}") == [f"/login?next=/{room}"], "no other room is open to them"
    come_in(town, found, "Somebody else")
    assert guests(host, room)["Somebody else"] == "waiting"


@pytest.mark.parametrize("what", ["mute", "ban"])
def test_who_was_banned_does_not_come_back_by_leaving(town: Town, host: httpx.Client, room: str, what: str) -> None:
    """Nor who was muted together with newcomers of that address."""
    found = link(host, room)
    guest, _ = come_in(town, found, "Lena")
    seq = made(say(guest, room, "nonsense"))["seq"]
    assert host.post(f"/api/v1/rooms/{room}/restrictions", json={"what": what, "seq": seq}).status_code == 200
    assert guest.delete("/api/v1/me/pass").status_code == 204
    assert code(say(guest, room, "still here")) == (403, "removed"), "the browser keeps what it is known by"
    come_in(town, found, "Somebody else")
    assert guests(host, room) == {"Lena": "removed", "Somebody else": "waiting"}


def test_who_was_removed_is_a_visitor_like_any_other_outside_of_the_rooms_of_the_link(open_town: Town) -> None:
    """In an open room of it they are out, too, though all others may use it; a ban of the guest holds everywhere."""
    host = open_town.owner
    host.headers["Accept"] = "application/json"
    for room in ("lessons", "lobby", "elsewhere"):
        assert say(host, room, "hello").status_code == 201
    found = link(host, "lessons", rooms=["lobby"], newcomers="ask")
    guest, _ = come_in(open_town, found, "Lena")
    never_in, _ = come_in(open_town, found, "Ken")
    lena, ken = [f"/api/v1/rooms/lessons/guests/{id_of(host, 'lessons', name)}" for name in ("Lena", "Ken")]
    assert host.patch(lena, json={"state": "in"}).status_code == 200
    seq = made(say(guest, "lessons", "nonsense"))["seq"]
    assert code(say(guest, "elsewhere", "hi")) == (403, "forbidden"), "who is in is nowhere else"
    for somebody, path, why in ((guest, lena, "removed"), (never_in, ken, "forbidden")):
        assert host.delete(path).status_code == 204
        for room in ("lessons", "lobby"):
            assert code(say(somebody, room, "hi")) == (403, why)
            sent = somebody.post("/send", json={"text": "hi", "room": room}, headers={"Accept": "application/json"})
            assert code(sent) == (403, why)
        assert say(somebody, "elsewhere", "hi").status_code == 201
        listed = somebody.get("/api/v1/rooms", headers={"Accept": "application/json"}).json()["rooms"]
        assert [each["room"] for each in listed] == ["elsewhere"]
    assert ways_on(guest, "/") == ["/rooms", "/login"]
    assert ways_on(guest, "/lessons") == ["/rooms", "/login?next=/lessons"]
    assert "/elsewhere" in guest.get("/rooms", headers={"Accept": "text/html"}).text
    made(host.post("/api/v1/bans", json={"room": "lessons", "seq": seq, "newcomers": False}))
    assert code(say(guest, "elsewhere", "hi")) == (403, "banned")
    assert host.patch(lena, json={"state": "in"}).status_code == 200
    assert guest.get("/api/v1/me").json()["guest"]["state"] == "in"


def test_a_page_of_another_site_does_nothing_as_a_guest(open_town: Town) -> None:
    """Not even one that may ask (`allowed_origins`): that asks as a guest of its own."""
    server = open_town.server
    made_link = open_town.operator("POST", "/api/v1/rooms/class/guest-links", {})
    guest = open_town.browser()
    assert guest.post(way_of(made_link), data={"name": "Lena"}).status_code == 303
    for origin, status in ((server.url, 201), (ELSEWHERE, 403), ("https://evil.example", 403)):
        answer = guest.post("/class", content="hi", headers={"Origin": origin, "Content-Type": "text/plain"})
        assert answer.status_code == status, origin
    body = {"link": made_link["code"], "name": "Ken"}
    with server.client(headers={"Origin": ELSEWHERE}) as page:
        assert page.post("/api/v1/guests", json=body).status_code == 403
