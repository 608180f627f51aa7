"""New links and tokens are shown once: a reload makes no other one, and nobody else sees them."""

from __future__ import annotations

import re

import httpx
import pytest

from parlour.api.shown_once import KEPT_S, MOST, NewSecret, ShownOnce
from parlour.core.actor import Actor
from parlour.http.fields import FieldName
from parlour.http.request import Admission, Peer, Request
from parlour.http.response import Response
from parlour.wire.http1 import RequestDecoder
from tests.people.house import PASSWORD
from tests.people.server import Town, bearer
from tests.support.stores import CountedIds, HandClock

_ONCE = re.compile(r'<section class="section once".*?<pre[^>]*>(.*?)</pre>', re.DOTALL)

INVITE = {"do": "invite", "uses": "1", "days": "1", "role": "member"}
FORMS = {
    "an invitation": ("/admin", INVITE),
    "a link for a new password": ("/admin", {"do": "reset", "name": "reader", "find": "read"}),
    "a link into a room": ("/rooms/lobby?at=1", {"do": "invite", "uses": "1", "days": "1"}),
    "a token": ("/account", {"do": "token", "label": "cron", "read": "1"}),
}


def shown(answer: httpx.Response) -> str | None:
    """The link or the token on a page."""
    found = _ONCE.search(answer.text)
    return None if found is None else found[1]


@pytest.fixture(scope="module", autouse=True)
def _reader(town: Town) -> None:
    town.join("reader")


@pytest.mark.parametrize(("path", "form"), FORMS.values(), ids=list(FORMS))
def test_a_reload_shows_it_no_more_and_makes_no_other_one(town: Town, path: str, form: dict[str, str]) -> None:
    def counted() -> tuple[int, int]:
        links = len(town.operator("GET", "/api/v1/invitations")["invitations"])
        return links, len(town.owner.get("/api/v1/sign-ins").json()["sign_ins"])

    before = counted()
    answer = town.owner.post(path, data=form)
    place = answer.headers["Location"]
    assert (answer.status_code, place.partition("?")[0], answer.text) == (303, path.partition("?")[0], "")
    assert "at=1" in place or "at=" not in path
    assert "find=read" in place or "find" not in form
    other = town.browser()
    assert other.post("/login", data={"name": "olga", "password": PASSWORD}).status_code == 303
    for reader in (other, town.browser()):
        assert shown(reader.get(place)) is None, "another session, also one of the same account"
    town.owner.head(place)
    secret = shown(town.owner.get(place))
    assert secret is not None
    assert place.rpartition("new=")[2] not in secret
    assert shown(town.owner.get(place)) is None
    assert sum(counted()) - sum(before) == 2, "it, and the other session"


def test_who_has_no_session_or_wants_no_page_is_answered_at_once(town: Town) -> None:
    with town.server.client(auth=("olga", PASSWORD)) as curl:
        assert "/join/" in curl.post("/admin", data=INVITE).text
        page = curl.post("/admin", data=INVITE, headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert shown(page) is not None
    with town.server.client(headers={**bearer(town.token(town.owner, "admin")), "Accept": "text/html"}) as program:
        assert shown(program.post("/admin", data=INVITE)) is not None


def request_of(place: str, method: str = "GET") -> Request:
    decoder = RequestDecoder()
    decoder.feed(f"{method} {place} HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n".encode())
    head = decoder.next_head()
    assert head is not None
    request = Request(head, Admission(lambda _: Response(), {}, 0, None), b"", Peer("::1", "::1", "http"))
    request.actor = Actor("member", "u_olga", "session", None, sign_in="s_one")
    return request


def test_what_nobody_asks_for_ends_by_itself() -> None:
    clock = HandClock()
    once = ShownOnce(clock, CountedIds())

    def led(secret: str) -> str:
        way = once.lead_to(request_of("/admin", "POST"), "/admin", NewSecret(secret, ""), ())
        assert way is not None
        return dict(way.fields)[FieldName.LOCATION].decode()

    late = led("late")
    clock.ms += round(KEPT_S * 1000)
    assert once.take(request_of(late)) is None
    places = [led(str(number)) for number in range(MOST + 1)]
    assert len(once) == MOST
    assert once.take(request_of(places[0])) is None
    assert once.take(request_of(places[1])) == NewSecret("1", "")
