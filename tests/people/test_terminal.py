"""The forms of the pages by curl: words instead of HTML, with what is to be typed, and what came of it."""

from __future__ import annotations

import re
import subprocess

import httpx

from tests.people.house import PASSWORD
from tests.people.server import Town
from tests.support.timeout import TIMEOUT_S


def test_a_link_says_what_to_type_and_where_it_has_led(town: Town) -> None:
    link = town.invitation()
    with town.server.client() as curl:
        said = curl.get(link)
        assert said.headers["content-type"].startswith("text/plain")
        assert f"    curl -d name=NAME --data-urlencode 'password=A FEW WORDS' {town.url}{link}\n" in said.text
        weak = curl.post(link, data={"name": "cora", "password": "short"})
        assert (weak.status_code, weak.text[:7]) == (400, "error: ")
        assert curl.post(link, data={"name": "cora", "password": PASSWORD}, follow_redirects=False).text == "/\n"
    assert httpx.get(f"{town.url}/api/v1/me", auth=("cora", PASSWORD)).json()["account"]["name"] == "cora"


def test_a_link_into_a_room_is_for_those_who_have_an_account(town: Town) -> None:
    town.join("dirk")
    room = town.owner.post("/api/v1/rooms", json={"title": "By curl", "access": "private"}).json()["room"]
    link = town.owner.post(f"/api/v1/rooms/{room}/invitations", json={}).json()["url"]
    with httpx.Client(auth=("dirk", PASSWORD)) as curl:
        assert f"    curl -u dirk -d do=join {link}\n" in curl.get(link).text
        assert curl.post(link, data={"do": "join"}).text == f"/{room}\n"
        assert curl.get(f"{town.url}/{room}").status_code == 200


def test_forms_of_rooms_answer_in_words(town: Town) -> None:
    with httpx.Client(auth=("olga", PASSWORD), base_url=town.url) as curl:
        made = curl.post("/rooms", data={"do": "new", "title": "Forms", "access": "private"})
        room = made.text.strip()
        assert made.text.startswith("/~forms-")
        link = curl.post(f"/rooms{room}", data={"do": "invite", "uses": "1", "days": "1"})
        assert (link.status_code, f"{town.url}/join/" in link.text, "<" in link.text) == (200, True, False)
        wrong = curl.post(f"/rooms{room}", data={"do": "remove", "name": "nobody"})
        assert wrong.text.startswith("error: ")


def curl(*arguments: str) -> str:
    command = ["curl", "-sS", "--fail-with-body", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT_S).stdout


def test_rooms_are_lines_to_curl_ones_own_first_and_archived_ones_last(town: Town) -> None:
    fred = town.join("fred")
    private = fred.post("/api/v1/rooms", json={"title": "Plans", "access": "private"}).json()["room"]
    for room, settings in (("old-hall", {"title": "Old hall"}), ("fresh-hall", {"read_only": True})):
        fred.post("/api/v1/rooms", json={"room": room, **settings}).raise_for_status()
    fred.patch("/api/v1/rooms/old-hall", json={"archived": True}).raise_for_status()
    town.owner.post("/somewhere", json={"text": "hi"}).raise_for_status()
    said = curl("-u", f"fred:{PASSWORD}", f"{town.url}/rooms")
    lines = re.sub(r"(?m)^(\S+)  20[0-9-]+T[0-9:]{8}Z", r"\1  TIME", said).splitlines()
    assert lines[:2] == ["fresh-hall  TIME  announcements", f"{private}  TIME  private  Plans"]
    assert "somewhere  TIME" in lines
    assert lines.index("somewhere  TIME") < lines.index("old-hall  TIME  archived  Old hall")
    for guest in (curl(f"{town.url}/rooms"), curl("-H", "Accept: application/json", f"{town.url}/rooms")):
        assert "somewhere" in guest
        assert "Plans" not in guest
    listed = httpx.get(f"{town.url}/rooms", headers={"Accept": "application/json"}, auth=("fred", PASSWORD)).json()
    assert listed == httpx.get(f"{town.url}/api/v1/rooms", auth=("fred", PASSWORD)).json()


def test_account_says_in_a_line_who_one_is_or_how_to_sign_in(town: Town) -> None:
    gina = town.join("gina")
    address = f"{town.url}/account"
    assert curl("-u", f"gina:{PASSWORD}", address) == "gina, member\n"
    gina.patch("/api/v1/me", json={"display": "Gina G."}).raise_for_status()
    assert curl("-u", f"gina:{PASSWORD}", address) == "Gina G. (gina), member\n"
    hint = curl(address)
    assert hint.endswith(f": curl -u NAME {address}\n")
    assert hint.count("\n") == 1
    for auth in (None, ("gina", PASSWORD)):
        as_json = httpx.get(address, headers={"Accept": "application/json"}, auth=auth).json()
        assert as_json == httpx.get(f"{town.url}/api/v1/me", auth=auth).json()
    with town.browser() as guest:
        assert guest.get("/account").headers["Location"] == "/login?next=/account"


def test_a_whole_link_is_an_invitation_too_and_a_password_needs_the_old_one(town: Town) -> None:
    body = {"invitation": town.url + town.invitation(), "name": "erik", "password": PASSWORD}
    assert httpx.post(f"{town.url}/api/v1/accounts", json=body).status_code == 201
    changed = httpx.patch(f"{town.url}/api/v1/me", json={"password": "a wholly new one"}, auth=("erik", PASSWORD))
    assert (changed.status_code, changed.json()["field"]) == (400, "old_password")
