"""The page of administration with more people than fit on it."""

from __future__ import annotations

import json

from parlour.api.admin_page import SHOWN_PEOPLE, SHOWN_ROOMS, people_shown
from parlour.api.invitations import opens_here_alone
from parlour.core.accounts import Account
from tests.people.server import Town, page_after


def test_administration_shows_some_of_many_people_and_finds_the_others(town: Town) -> None:
    town.join("zoltan")
    everybody, found = town.owner.get("/admin").text, town.owner.get("/admin?find=%20@ZOLT").text
    assert all(name in everybody for name in ("olga", "zoltan"))
    assert "<small>zoltan · member</small>" in found
    assert "<small>olga · owner</small>" not in found
    again = town.owner.post("/admin", data={"do": "disable", "name": "zoltan", "find": "zolt"}).text
    assert "<small>zoltan · member</small>" in again
    assert "<small>olga · owner</small>" not in again
    many = [Account(f"u_{number}", f"n{number}", "", "member", "member", None, "active") for number in range(10_000)]
    shown, count = people_shown(many, "n99")
    assert (len(shown), count) == (SHOWN_PEOPLE, 111)


def test_deletion_asks_by_the_name_of_the_account_and_the_only_owner_is_told_before(town: Town) -> None:
    mia = town.join("mia")
    assert mia.patch("/api/v1/me", json={"display": "Mia M."}).status_code == 200
    assert "Delete Mia M.’s account, with its bots, for good?" in town.owner.get("/admin").text
    page = town.owner.get("/account").text
    assert "You are the only owner of this server" in page
    assert "Delete my account for good" not in page
    assert "Delete my account for good" in mia.get("/account").text


def test_link_that_nobody_else_can_open_says_so(town: Town) -> None:
    form = {"do": "invite", "uses": "1", "days": "1", "role": "member"}
    shown = page_after(town.owner, "/admin", form).text
    assert "Nobody on another machine can open this link" in shown
    assert "--public-url" in shown
    for address, is_local in (
        ("http://localhost:8080/join/x", True), ("http://[::1]/", True), ("https://chat.example.org/join/x", False),
        ("http://192.0.2.7:8080/", False),
    ):  # fmt: skip
        assert opens_here_alone(address) is is_local, address


def test_administration_shows_some_of_many_rooms_and_finds_the_others(town: Town) -> None:
    rooms = [f"hall-{number:03}" for number in range(SHOWN_ROOMS + 1)]
    for room in rooms:
        assert town.owner.post("/api/v1/rooms", json={"room": room, "title": f"Halle {room[-3:]}"}).status_code == 201
    shown = town.owner.get("/admin").text
    assert sum(f'href="/rooms/{room}"' in shown for room in rooms) == SHOWN_ROOMS
    assert "find them by a part of their address or name" in shown
    for find in ("hall-100", "%20/hall-100", "HALLE%20100"):
        found = town.owner.get(f"/admin?find_room={find}").text
        assert [room for room in rooms if f'href="/rooms/{room}"' in found] == ["hall-100"]
    archived = town.owner.post("/admin", data={"do": "archive", "room": "hall-100", "find_room": "hall-100"}).text
    assert "Halle 100 is archived." in archived
    assert [room for room in rooms if f'href="/rooms/{room}"' in archived] == ["hall-100"]
    assert "No room has this" in town.owner.get("/admin?find_room=nowhere").text


def test_what_a_role_is_for_is_said_where_it_is_chosen(town: Town) -> None:
    shown = town.owner.get("/admin").text
    for role in ("member", "moderator", "admin"):
        assert f'name="role" value="{role}"' in shown
    assert shown.count("also invites people, disables accounts") == 2, "at the invitation, and at people"
    assert "Registration is closed" not in shown
    closed = town.owner.post("/admin", data={"do": "settings", "registration": "closed"}).text
    assert "Registration is closed: nobody makes an account by a link" in closed
    assert town.owner.post("/admin", data={"do": "settings", "registration": "invitation"}).status_code == 200


def test_the_log_has_the_settings_that_a_form_has_changed_alone(town: Town) -> None:
    form = {"do": "settings", "registration": "invitation", "rooms": "admins", "people": "members", "direct": "members"}
    before = town.owner.get("/api/v1/audit/verification").json()["head"]["seq"]
    assert town.owner.post("/admin", data=form).status_code == 200
    lines = town.owner.get("/admin/log.jsonl", params={"after": before}).text.splitlines()
    assert [json.loads(line)["event"]["setting"] for line in lines] == ["rooms"]
    assert town.owner.post("/admin", data={**form, "rooms": "members"}).status_code == 200


def test_bots_are_ended_by_whom_they_belong_to_alone(town: Town) -> None:
    nina, omar = town.join("nina"), town.join("omar")
    for name in ("nina-hooks", "nina-cron"):
        assert nina.post("/api/v1/bots", json={"name": name}).status_code == 201
    for do in ("disable_bot", "delete_bot"):
        assert omar.post("/account", data={"do": do, "bot": "nina-hooks"}).status_code == 404
        assert nina.post("/account", data={"do": do, "bot": "nina"}).status_code == 404
    shown = nina.post("/account", data={"do": "disable_bot", "bot": "nina-hooks"}).text
    assert "nina-hooks is disabled: its tokens have ended." in shown
    assert 'nina-hooks <span class="tag">disabled</span>' in shown
    shown = town.owner.post("/admin", data={"do": "enable", "name": "nina-hooks"}).text
    assert "nina-hooks can sign in again." in shown
    shown = nina.post("/account", data={"do": "delete_bot", "bot": "nina-cron"}).text
    assert "nina-cron is deleted." in shown
    assert "<small>nina-cron</small>" not in nina.get("/account").text
    assert town.owner.get("/api/v1/accounts/nina-cron").status_code == 404
