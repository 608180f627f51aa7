"""What a stranger, a page of another site, a proxy or a thief tries over HTTP, and does not get."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.people.house import PASSWORD
from tests.people.server import Town, bearer, session_of
from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.talk import Client

FRIEND = "https://friend.example"
"""A site whose pages may ask, as guests or with a token."""

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    options = ("--trusted-proxies", "127.0.0.1", "--allowed-origins", FRIEND, "--access-log", "on")
    with ServerProcess(tmp_path_factory.mktemp("attacked") / "data", *options) as running:
        town = Town(running)
        town.join("bob")
        town.join("victim")
        yield town
        town.close()


@pytest.fixture(scope="module")
def bobby(town: Town) -> httpx.Client:
    """An ordinary member, who asks for JSON."""
    browser = town.join("bobby")
    browser.headers["Accept"] = "application/json"
    return browser


def far(scheme: str = "http", address: str = "203.0.113.9") -> dict[str, str]:
    """The fields that a trusted proxy adds for somebody far away."""
    return {"X-Forwarded-For": address, "X-Forwarded-Proto": scheme}


def account(browser: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = browser.get("/api/v1/me").json()["account"]
    return found


# --- pages of other sites ---

ELSEWHERE = [
    {"Origin": FRIEND},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Referer": "https://evil.example/page"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": FRIEND},
]
SIGN_INS: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "form": ("/login", f"name=bob&password={PASSWORD}".encode(), FORM),
    "json": (
        "/api/v1/session",
        json.dumps({"name": "bob", "password": PASSWORD}).encode(),
        {"Content-Type": "application/json"},
    ),
    "invitation": ("/join/{code}", f"name=made-elsewhere&password={PASSWORD}".encode(), FORM),
    "invitation as json": (
        "/api/v1/accounts",
        json.dumps({"invitation": "{code}", "name": "made-elsewhere", "password": PASSWORD}).encode(),
        {"Content-Type": "application/json"},
    ),
}


@pytest.mark.parametrize("fields", ELSEWHERE, ids=str)
@pytest.mark.parametrize("way", SIGN_INS)
def test_a_page_of_another_site_signs_nobody_in(town: Town, way: str, fields: dict[str, str]) -> None:
    """Not even one that may ask: whoever is signed in to the account of somebody else writes under their name."""
    path, body, kind = SIGN_INS[way]
    code = town.invitation().rpartition("/")[2]
    with town.server.client(headers={**fields, **kind}) as http:
        answer = http.post(path.replace("{code}", code), content=body.replace(b"{code}", code.encode()))
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    names = [each["name"] for each in town.owner.get("/api/v1/accounts").json()["accounts"]]
    assert "made-elsewhere" not in names


@pytest.mark.parametrize("credential", ["session", "password"])
def test_a_site_that_may_ask_does_not_ask_as_its_visitor(town: Town, credential: str) -> None:
    """Browsers add a password that was typed into their own window to requests of every page."""
    auth = ("olga", PASSWORD) if credential == "password" else None
    cookies = {"parlour_session": session_of(town.owner)} if credential == "session" else {}
    with town.server.client(headers={"Origin": FRIEND}, auth=auth, cookies=cookies) as http:
        assert http.post("/lobby", content="from a friend").status_code == 403
    token = town.token(town.owner, "post")
    with town.server.client(headers={"Origin": FRIEND, **bearer(token)}) as http:
        assert http.post("/lobby", content="with a token").status_code == 201


ORIGINS = [
    "https://evil.example",
    "null",
    FRIEND,
    "{url}.evil.example",
    "{scheme}://sub.{host}",
    "{scheme}://127.0.0.1:1",
    "",
]


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("path", ["/lobby", "/api/v1/stream"])
def test_a_page_of_another_site_opens_no_websocket_as_its_visitor(town: Town, path: str, origin: str) -> None:
    scheme, _, host = town.url.partition("://")
    said = origin.format(url=town.url, scheme=scheme, host=host)
    fields = [f"Cookie: parlour_session={session_of(town.owner)}", *([f"Origin: {said}"] if said else [])]
    with Client.to(town.server.port) as client:
        client.send(raw.head("GET", path, *fields, *raw.UPGRADE))
        assert client.head().status == 403


# --- passwords and sessions ---


def test_no_password_is_taken_over_plain_http_from_elsewhere(town: Town) -> None:
    """A token is: it is for little, and ends. A password is for everything."""
    token = town.token(town.owner, "read")
    with town.server.client(headers=far(), auth=("olga", PASSWORD)) as http:
        for answer in (http.get("/lobby"), http.post("/lobby", content="hello")):
            assert (answer.status_code, "HTTPS" in answer.text) == (403, True)
    with town.server.client(headers=far("https"), auth=("olga", PASSWORD)) as http:
        assert http.get("/api/v1/me").json()["account"]["name"] == "olga"
    with town.server.client(headers=far(), auth=("olga", token)) as http:
        assert http.get("/lobby").status_code == 200


@pytest.mark.parametrize("address", ["operator:", "unix:", "127.0.0.1, operator:", "localhost", "::ffff:127.0.0.1"])
def test_nobody_says_through_a_proxy_that_they_are_the_operator(town: Town, address: str) -> None:
    with town.server.client(headers=far(address=address)) as http:
        assert http.get("/api/v1/me").json() == {"kind": "guest"}
        assert http.get("/api/v1/accounts").status_code == 401


def test_signing_in_again_ends_the_session_before(town: Town) -> None:
    browser = town.browser()
    browser.post("/login", data={"name": "bob", "password": PASSWORD})
    before = session_of(browser)
    assert browser.post("/login", data={"name": "bob", "password": PASSWORD}).status_code == 303
    assert session_of(browser) != before
    with town.server.client(cookies={"parlour_session": before}) as thief:
        assert thief.get("/api/v1/me").json() == {"kind": "guest"}


def test_a_browser_that_has_signed_in_is_not_locked_out_by_its_neighbours(town: Town) -> None:
    """Nor after a restart, nor after a new password: those who guess at one address are a classroom, or an attacker."""
    town.join("kim").post("/logout")
    browser = town.browser()
    browser.post("/login", data={"name": "kim", "password": PASSWORD})
    browser.post("/logout")
    reset = town.owner.post("/api/v1/accounts/kim/reset").json()["url"].removeprefix(town.url)
    elsewhere = town.browser()
    assert elsewhere.post(reset, data={"password": "a wholly new password"}).status_code == 303
    guesser = town.browser()
    sign_in = {"name": "kim", "password": "a wholly new password"}
    with ThreadPoolExecutor(2) as threads:
        wrong = [threads.submit(guesser.post, "/login", data={"name": "kim", "password": "no"}) for _ in range(6)]
    assert 429 in [answer.result().status_code for answer in wrong] + [guesser.post("/login", data=sign_in).status_code]
    assert guesser.post("/login", data=sign_in).status_code == 429
    for known in (browser, elsewhere):
        assert known.post("/login", data=sign_in).status_code == 303


# --- what is asked for beside what is allowed ---

MORE = [
    ("PATCH", "/api/v1/me", {"display": "Bob", "role": "owner"}),
    ("PATCH", "/api/v1/me", {"kind": "system"}),
    ("PATCH", "/api/v1/me", {"id": "u_other"}),
    ("POST", "/api/v1/bots", {"name": "robot", "owner": "u_other"}),
    ("POST", "/api/v1/bots", {"name": "robot", "role": "owner"}),
    ("POST", "/api/v1/tokens", {"label": "x", "scopes": ["read", "owner"]}),
    ("POST", "/api/v1/tokens", {"label": "x", "scopes": ["read"], "expires_ms": 9e15}),
    ("POST", "/api/v1/tokens", {"label": "x", "scopes": ["read"], "days": 99999}),
    ("POST", "/api/v1/rooms", {"title": "x", "access": "private", "members": {"u_other": "owner"}}),
    ("POST", "/api/v1/rooms/lobby/messages", {"text": "x", "by": {"kind": "system"}}),
    ("POST", "/api/v1/rooms/lobby/messages", {"text": "x", "type": "settings"}),
    ("POST", "/api/v1/session", {"name": "bob", "password": PASSWORD, "role": "owner"}),
]


@pytest.mark.parametrize(("method", "path", "body"), MORE, ids=str)
def test_nobody_gets_more_by_fields_that_are_not_theirs(
    bobby: httpx.Client, method: str, path: str, body: dict[str, object]
) -> None:
    browser = bobby

    def state() -> object:
        ids = [row["id"] for row in browser.get("/api/v1/sign-ins").json()["sign_ins"]]
        return account(browser), ids, browser.get("/api/v1/rooms").json()

    before = state()
    answer = browser.request(method, path, json=body)
    assert answer.status_code == 400, answer.text
    assert state() == before


def test_fields_of_other_forms_change_nothing(town: Town) -> None:
    browser = town.browser()
    link = town.invitation()
    form = {"name": "greedy", "display": "", "password": PASSWORD, "role": "owner", "kind": "system", "uses": "9"}
    browser.post(link, data=form)
    if browser.get("/api/v1/me").json()["kind"] == "guest":  # the whole form was refused
        browser.post(link, data={"name": "greedy", "password": PASSWORD})
    assert account(browser)["role"] == "member"
    browser.post("/account", data={"do": "profile", "display": "Greedy", "name": "greedy", "role": "owner"})
    assert account(browser)["role"] == "member"


def test_ids_of_others_lead_nowhere(town: Town, bobby: httpx.Client) -> None:
    """A session, a token, a bot and an invitation of somebody else answer like those that are not there."""
    town.owner.post("/api/v1/bots", json={"name": "herbot"})
    rows = {row["kind"]: row["id"] for row in town.owner.get("/api/v1/sign-ins").json()["sign_ins"]}
    invitation = town.owner.post("/api/v1/invitations", json={"role": "member"}).json()["id"]

    def answered(method: str, path: str, body: object = None) -> tuple[int, str]:
        answer = bobby.request(method, path, json=body)
        return answer.status_code, answer.json()["detail"]

    nothing = answered("DELETE", "/api/v1/sign-ins/s_none")
    assert nothing[0] == 404
    for kind in rows:
        assert answered("DELETE", f"/api/v1/sign-ins/{rows[kind]}") == nothing
    nothing = answered("DELETE", "/api/v1/invitations/i_none")
    assert answered("DELETE", f"/api/v1/invitations/{invitation}") == nothing
    token = {"label": "x", "scopes": ["read"]}
    nothing = answered("POST", "/api/v1/tokens", {**token, "account": "nobody"})
    assert nothing[0] == 404
    for name in ("herbot", "olga"):
        assert answered("POST", "/api/v1/tokens", {**token, "account": name}) == nothing


# --- what stays behind ---

PAGES = ["/login", "/account", "/admin", "{join}", "/", "/lobby", "/api/v1/me", "/api/v1/sign-ins", "/api/v1/rooms"]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("accept", ["text/html", "application/json", "text/plain"])
def test_what_somebody_who_is_signed_in_is_shown_is_kept_nowhere(town: Town, path: str, accept: str) -> None:
    answer = town.owner.get(path.format(join=town.invitation()), headers={"Accept": accept})
    assert "no-store" in answer.headers["cache-control"], path
    assert answer.headers["referrer-policy"] in ("no-referrer", "same-origin")
    if answer.status_code == 200 and answer.headers["content-type"].startswith("text/html"):
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], "no page frames it"
        assert "form-action" in answer.headers["content-security-policy"]
        assert "Cookie" in answer.headers["vary"]


def test_no_password_in_an_address_signs_in_or_is_kept(town: Town) -> None:
    query = httpx.QueryParams({"name": "bob", "password": PASSWORD})
    browser = town.browser()
    for path in ("/login", "/lobby", "/api/v1/session", "/nothing/here/at/all"):
        answer = browser.get(f"{path}?{query}")
        assert "parlour_session" not in answer.headers.get("set-cookie", "")
        assert PASSWORD not in answer.text
    assert "horse" not in town.server.log


SECRETS_IN_ERRORS: list[tuple[str, dict[str, Any]]] = [
    ("/api/v1/session", {"json": {"name": "victim", "password": ["hunter-2-hunter-2"]}}),
    (
        "/api/v1/session",
        {"content": b'{"name":"victim","password":"hunter-2-hunter-2', "headers": {"Content-Type": "application/json"}},
    ),
    ("/api/v1/session", {"json": {"name": "victim", "password": "hunter-2-hunter-2"}}),
    ("/login", {"data": {"name": "victim", "password": "hunter-2-hunter-2"}}),
    ("/lobby", {"content": b"x", "headers": {"Authorization": "Bearer hunter-2-hunter-2"}}),
    ("/lobby", {"content": b"x", "auth": ("victim", "hunter-2-hunter-2")}),
    ("/join/hunter-2-hunter-2", {"data": {"name": "x", "password": PASSWORD}}),
]


@pytest.mark.parametrize("number", range(len(SECRETS_IN_ERRORS)))
def test_no_secret_is_in_an_error(town: Town, number: int) -> None:
    path, options = SECRETS_IN_ERRORS[number]
    for accept in ("application/json", "text/html", "text/plain"):
        with town.server.client() as http:
            answer = http.post(path, **{**options, "headers": {"Accept": accept, **options.get("headers", {})}})
        assert answer.status_code >= 400
        assert "hunter-2" not in answer.text + str(answer.headers)
    assert "hunter-2" not in town.server.log


def test_what_a_browser_calls_itself_breaks_out_of_nothing(town: Town) -> None:
    """The User-Agent stands in the list of sessions; a control character in it is refused before anybody reads it."""
    agent = '<script>alert(1)</script>" onload="x'.ljust(300, "A")
    browser = town.browser()
    browser.headers["User-Agent"] = agent
    browser.post("/login", data={"name": "bob", "password": PASSWORD})
    page = browser.get("/account").text
    assert "<script>alert" not in page
    assert max(len(row["label"]) for row in browser.get("/api/v1/sign-ins").json()["sign_ins"]) <= 64


def test_a_backup_has_no_secret(town: Town, tmp_path: Path) -> None:
    token = town.token(town.owner, "read")
    content = b"".join(file.read_bytes() for file in town.server.data.iterdir() if file.is_file())
    for secret in (token, session_of(town.owner), PASSWORD, town.invitation().rpartition("/")[2]):
        assert secret.encode() not in content
