"""The page of administration with more people than fit on it."""

from __future__ import annotations

from parlour.api.admin_page import SHOWN_PEOPLE, people_shown
from parlour.core.accounts import Account
from tests.people.server import Town


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
