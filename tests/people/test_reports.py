"""A reader reports a message; moderators see it with what it says, as long as it says something, and act beside it."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from parlour.api.reports import newest_of
from parlour.chat.guests import Guests
from parlour.chat.known_accounts import KnownAccounts
from parlour.chat.open_reports import OpenReports
from parlour.chat.policies import Policies
from parlour.chat.reports import KEPT_DAYS, REPORTS_BURST, SHOWN, Reports
from parlour.chat.tables.reports import ADD_REPORT, NOTES_OF, REPORT
from parlour.chat.transactions import Transaction
from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.actor import guest as visitor
from parlour.core.errors import Refusal
from parlour.core.payloads import Message
from parlour.core.policy import Membership, Policy
from parlour.store.memory import MemoryStore
from parlour.work.expiry import Expiry
from tests.people.house import ADDRESS, House
from tests.people.server import Town, join
from tests.people.test_restrictions import guest, say_as, seq_of
from tests.people.test_rooms import add, code, make, say
from tests.support.stores import CountedIds, HandClock

OPTIONS = ("--rate-limits", "off", "--trusted-proxies", "127.0.0.1")
"""Of the server: requests say where they come from."""


def report(browser: httpx.Client, room: str, seq: int, reason: str) -> httpx.Response:
    return browser.post(f"/api/v1/rooms/{room}/messages/{seq}/report", json={"reason": reason})


def queue(browser: httpx.Client, state: str = "open") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = browser.get("/api/v1/reports", params={"state": state}).json()["reports"]
    return found


def test_a_report_has_its_message_until_that_is_deleted(
    town: Town, ada: httpx.Client, bob: httpx.Client, moss: httpx.Client
) -> None:
    room = make(ada, room="square")
    say(bob, room, "before")
    seq = seq_of(say_as(guest(town), room, "buy pills", "Mallory"))
    made = report(bob, room, seq, "Spam, again")
    assert made.status_code == 201
    assert report(bob, room, seq, "Once more").json()["id"] == made.json()["id"]
    assert report(guest(town), room, seq, "Me too").status_code == 201
    first = queue(moss)[-1]
    assert (first["reason"], first["by"], first["message"]["text"]) == ("Spam, again", "bob", "buy pills")
    assert "before" in [event.get("text") for event in first["context"]]
    assert [each["reason"] for each in queue(ada)] == ["Me too", "Spam, again"]  # who moderates the room
    assert queue(bob) == []
    assert moss.delete(f"/api/v1/rooms/{room}/messages/{seq}").status_code == 204
    assert "buy pills" not in moss.get("/api/v1/reports").text
    assert "buy pills" not in moss.get("/admin/reports", headers={"Accept": "text/html"}).text
    assert "This message was deleted." in moss.get("/admin/reports", headers={"Accept": "text/html"}).text
    for each in queue(moss):
        closed = moss.patch(f"/api/v1/reports/{each['id']}", json={"state": "closed", "note": "deleted it"})
        assert [note["text"] for note in closed.json()["notes"]] == ["deleted it"]
    assert queue(moss) == []
    assert len(queue(moss, "closed")) == 2


def test_the_page_has_the_actions_beside_the_message(town: Town, ada: httpx.Client, moss: httpx.Client) -> None:
    room = make(ada, room="market")
    mallory = guest(town, "192.0.2.77")
    seq = seq_of(say_as(mallory, room, "bah", "Mallory"))
    html = {"Accept": "text/html"}
    page = ada.get(f"/{room}/{seq}/report", headers=html).text
    assert "<bdi>Mallory</bdi></b>: <bdi>bah</bdi>" in page
    assert "Only messages are reported" in ada.get(f"/{room}/1/report", headers=html).text
    assert "Say why, in a few words." in ada.post(f"/{room}/{seq}/report", data={"reason": " "}, headers=html).text
    done = ada.post(f"/{room}/{seq}/report", data={"reason": "rude"}, headers={"Accept": "*/*"})
    assert done.text.startswith("Reported.")
    id_ = queue(moss)[0]["id"]

    def act(do: str, **fields: str) -> str:
        return moss.post("/admin/reports", data={"do": do, "id": id_, **fields}, headers={"Accept": "*/*"}).text

    assert act("note", note="third time") == "Noted.\n"
    assert act("mute") == "Mallory is muted for an hour in this room.\n"
    assert code(say_as(mallory, room, "bah", "M")) == (403, "muted")
    assert act("ban_server") == "Mallory is banned from this server for a day.\n"
    assert code(say_as(mallory, "lobby", "bah", "M")) == (403, "banned")
    assert act("delete") == "The message is deleted.\n"
    assert act("close") == "Closed.\n"
    assert queue(moss) == []
    (closed,) = [each for each in queue(moss, "closed") if each["id"] == id_]
    noted = [(note["by"], re.sub(r"20\d\d-\d\d-\d\d \d\d:\d\d UTC", "…", note["text"])) for note in closed["notes"]]
    assert noted == [
        ("moss", "third time"),
        ("moss", "Muted the author in this room until …."),
        ("moss", "Banned the author from this server until …."),
        ("moss", "Deleted the message."),
    ]
    assert act("shout").startswith("error: ")


def test_who_moderates_nothing_there_finds_no_report(
    town: Town, ada: httpx.Client, bob: httpx.Client, moss: httpx.Client
) -> None:
    room = make(ada, title="Ours", access="private")
    add(ada, room, "bob")
    seq = seq_of(say(ada, room, "a secret"))
    id_ = report(bob, room, seq, "Not nice").json()["id"]
    assert code(report(moss, room, seq, "I know of it")) == (404, "not_found")
    (seen,) = [each for each in queue(moss) if each["id"] == id_]
    assert "message" not in seen  # a private room stays one
    assert "a secret" not in moss.get("/api/v1/reports").text
    assert code(bob.patch(f"/api/v1/reports/{id_}", json={"state": "closed"})) == (404, "not_found")
    assert code(guest(town).get("/api/v1/reports")) == (401, "login_required")
    assert code(report(bob, room, 1, "What is this")) == (403, "forbidden")
    assert code(report(bob, room, seq + 99, "None")) == (404, "not_found")


def test_one_person_fills_no_queue(ada: httpx.Client, bob: httpx.Client) -> None:
    room = make(ada, room="flood")
    seqs = [seq_of(say(ada, room, f"message {number}")) for number in range(21)]
    answers = [report(bob, room, seq, "No") for seq in seqs]
    assert code(answers[-1]) == (429, "rate_limited")


async def test_no_guest_fills_the_queue_with_one_cookie_after_another() -> None:
    store, policies = MemoryStore(HandClock(), CountedIds()), Policies("open")
    reports = Reports(store, HandClock(), CountedIds(), policies, Guests(store.secret), limits=True)
    for number in range(REPORTS_BURST):
        await reports.report(visitor(f"cookie {number}", "192.0.2.7"), "lobby", 1, Message.type, "No")
    with pytest.raises(Refusal, match="rate_limited"):
        await reports.report(visitor("one more", "192.0.2.7"), "lobby", 1, Message.type, "No")
    assert await reports.report(visitor("elsewhere", "192.0.2.8"), "lobby", 1, Message.type, "No")
    await store.close()


def test_a_moderator_who_is_banned_from_the_server_sees_no_reports(town: Town, ada: httpx.Client) -> None:
    molly = town.join("molly", "moderator")
    molly.headers["Accept"] = "application/json"
    made = report(ada, make(ada, room="alley"), seq_of(say(ada, "alley", "hm")), "Not nice").json()
    assert made["id"] in {each["id"] for each in queue(molly)}
    ban = town.operator("POST", "/api/v1/bans", {"account": "molly"})
    assert queue(molly) == []
    assert code(molly.patch(f"/api/v1/reports/{made['id']}", json={"state": "closed"})) == (404, "not_found")
    town.operator("DELETE", f"/api/v1/bans/{ban['id']}")


def numbers(browser: httpx.Client, *paths: str) -> list[int]:
    """The numbers beside the links to the reports, on each of these pages; 0 for a link without one, -1 for no link."""
    found = []
    for path in paths:
        page = browser.get(path, headers={"Accept": "text/html"}).text
        links = re.findall(r'href="/admin/reports".*?>(?:[^<]|<svg.*?</svg>)*(?:<b class="pill">(\d+)<.*?)?</a>', page)
        found.append(max((int(number or 0) for number in links), default=-1))
    return found


def test_who_may_read_reports_sees_how_many_wait(
    town: Town, ada: httpx.Client, bob: httpx.Client, moss: httpx.Client
) -> None:
    room, pages = make(ada, room="harbour"), ("/me", "/harbour", "/rooms/harbour")
    for each in queue(moss):
        moss.patch(f"/api/v1/reports/{each['id']}", json={"state": "closed"})
    assert (numbers(moss, *pages), numbers(ada, *pages)) == ([0, 0, 0], [-1, -1, 0])
    first, second = (report(bob, room, seq_of(say(ada, room, text)), "No").json()["id"] for text in ("a", "b"))
    elsewhere = make(join(town, "eva"), room="inland")
    report(ada, elsewhere, seq_of(say(bob, elsewhere, "hm")), "No")
    assert (numbers(moss, *pages), numbers(ada, *pages)) == ([3, 3, 3], [2, 2, 2])
    assert numbers(bob, "/me", "/harbour") == [-1, -1]
    moss.patch(f"/api/v1/reports/{first}", json={"state": "closed"})
    assert numbers(ada, "/me") == [1]
    moss.patch(f"/api/v1/reports/{first}", json={"state": "open"})
    moss.patch(f"/api/v1/reports/{second}", json={"note": "hm"})
    assert numbers(ada, "/me") == [2]


@pytest.mark.parametrize(
    ("shown", "total", "words"), [(3, 3, ""), (SHOWN, SHOWN, ""), (SHOWN, 250, "The newest 100 of 250.")]
)
def test_a_list_that_is_not_all_says_so(shown: int, total: int, words: str) -> None:
    assert newest_of(shown, total) == words


async def test_how_many_wait_is_known_after_a_restart() -> None:
    store, policies = MemoryStore(HandClock(), CountedIds()), Policies("open")
    await store.run(_many_reports())
    waiting = OpenReports(store, policies, KnownAccounts())
    await waiting.load()
    moderator = Account("u_mo", "mo", "mo", "member", "moderator", None, "active")
    assert waiting.count(Actor("member", moderator.id, "password", None, moderator)) == SHOWN + 1
    await store.close()


async def test_a_closed_report_is_dropped_with_its_notes_after_some_days(house: House) -> None:
    reports = Reports(house.store, house.clock, house.ids, house.policies, Guests(b"secret"))
    moss = await house.signed_in(await house.person("moss", "moderator"))
    made = [await reports.report(visitor(str(n), ADDRESS), "lobby", n, Message.type, "No") for n in range(3)]
    expiry = Expiry(house.store, house.identities, house.clock)
    for each in made[:2]:
        await reports.change(moss, each.id, "closed", "seen")
    await reports.change(moss, made[1].id, "open", "")
    house.clock.ms += KEPT_DAYS * 86_400_000 - 1
    await expiry.round()
    assert await house.store.query(REPORT(made[0].id))
    house.clock.ms += 1
    while await expiry.round() == 0.0:
        pass
    assert [bool(await house.store.query(REPORT(each.id))) for each in made] == [False, True, True]
    assert [bool(await house.store.query(NOTES_OF(each.id))) for each in made] == [False, True, False]


async def test_who_moderates_one_room_finds_its_reports_among_many_others() -> None:
    store, policies = MemoryStore(HandClock(), CountedIds()), Policies("open")
    policies.learn("market", Policy(1, "open", members={"u_mo": Membership("moderator", 1)}))
    reports = Reports(store, HandClock(), CountedIds(), policies, Guests(store.secret))
    await store.run(_many_reports())
    moderator = Account("u_mo", "mo", "mo", "member", "member", None, "active")
    actor = Actor("member", moderator.id, "password", None, moderator)
    assert [report.room for report in await reports.all(actor, "open")] == ["market"]
    assert await reports.count(actor, "open") == 1
    above = Actor(
        "member", "u_ann", "password", None, Account("u_ann", "ann", "ann", "member", "admin", None, "active")
    )
    assert (len(await reports.all(above, "open")), await reports.count(above, "open")) == (SHOWN, SHOWN + 1)
    assert await reports.count(above, "closed") == 0
    await store.close()


def _many_reports() -> Transaction[None]:
    for number in range(SHOWN + 1):
        room = "lobby" if number else "market"
        yield ADD_REPORT(f"r_{number}", room, 1, "spam", "u_bob", "", number, "open")
