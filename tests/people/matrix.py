"""A server with everybody on it, rooms in every state, and how each operation is asked for in a room."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import apsw
import httpx
from msgspec import json

from parlour.chat.policies import WRONG_ROOM, Policies
from parlour.chat.tables.accounts import ALL_ACCOUNTS
from parlour.core.accounts import Scope
from parlour.core.actor import Actor, guest
from parlour.core.errors import Refusal
from parlour.core.guest_links import EndedPass, GuestPass, PassState
from parlour.core.payloads import Access
from parlour.core.permissions import Right
from parlour.core.policy import Membership, Policy
from parlour.store.policy_columns import policy_of
from parlour.store.sqlite import statements as sql
from parlour.store.sqlite.tables import run_query
from tests.people.server import Town
from tests.support import raw


@dataclass(frozen=True)
class Asker:
    """Somebody: the fields of their requests, and what they are to the table of rights."""

    fields: tuple[str, ...]
    actor: Actor


@dataclass(frozen=True)
class Asked:
    """How an operation is asked for in a room: `needs` are the rights there, one of which is enough.

    `request` makes it, of the room and the fields of who asks. It changes nothing about who is in the room. `status` is
    that of the answer to who may; one that `waits` does so where there is nothing. One that `lets_in` brings in people,
    which an archived room refuses to everybody.
    """

    needs: tuple[Right, ...]
    request: Callable[[str, tuple[str, ...]], bytes]
    status: int = 200
    waits: bool = False
    lets_in: bool = False


def _get(path: str, *more: str) -> Callable[[str, tuple[str, ...]], bytes]:
    return lambda room, fields: raw.head("GET", path.format(room=quote(room)), *fields, *(more or (JSON,)))


def _body(
    method: str, path: str, body: bytes, kind: str = "application/json"
) -> Callable[[str, tuple[str, ...]], bytes]:
    def request(room: str, fields: tuple[str, ...]) -> bytes:
        content = body.replace(b"ROOM", room.encode())
        made = raw.post(path.format(room=quote(room)), content, f"Content-Type: {kind}", JSON, *fields)
        return made.replace(b"POST", method.encode(), 1)

    return request


def _delete(path: str, fields: tuple[str, ...]) -> bytes:
    return raw.head("DELETE", path, JSON, *fields)


JSON = "Accept: application/json"
WITH_SAM = "~with-sam"
"""A name for the conversation of whoever asks with `sam`, who is a bot."""

_STREAM = "Accept: text/event-stream"
_TEXT = b'{"text":"Hello"}'

ASKED: dict[str, Asked | tuple[Asked, ...]] = {
    "POST /api/v1/rooms/{room}/messages": Asked(("post",), _body("POST", "/api/v1/rooms/{room}/messages", _TEXT), 201),
    "PUT /api/v1/rooms/{room}/messages/{item}": Asked(
        ("post",), _body("PUT", "/api/v1/rooms/{room}/messages/key-12345678", _TEXT), 201
    ),
    "POST /{room}": Asked(("post",), _body("POST", "/{room}", b"Hello", "text/plain"), 201),
    "PUT /{room}": Asked(("post",), _body("PUT", "/{room}", b"Hello", "text/plain"), 201),
    "PUT /{room}/{item}": Asked(("post",), _body("PUT", "/{room}/key-12345678", b"Hello", "text/plain"), 201),
    "POST /send": (
        Asked(("post",), _body("POST", "/send", b'{"room":"ROOM","text":"Hello"}'), 201),
        Asked(("post",), _body("POST", "/send", b"room=ROOM&message=Hello", "application/x-www-form-urlencoded"), 201),
    ),
    "GET /{room}": (
        Asked(("read",), _get("/{room}")),
        Asked(("read",), _get("/{room}", "Accept: text/plain")),
        Asked(("read",), _get("/{room}?format=ndjson")),
        Asked(("read",), _get("/{room}?follow=1", "Accept: text/plain")),
        Asked(("read",), _get("/{room}?follow=1&format=ndjson&since=0")),
        Asked(("read",), _get("/{room}?since=0", _STREAM)),
        Asked(("read",), _get("/{room}", _STREAM, "Last-Event-ID: 0")),
    ),
    "GET /api/v1/rooms/{room}/messages": (
        Asked(("read",), _get("/api/v1/rooms/{room}/messages")),
        Asked(("read",), _get("/api/v1/rooms/{room}/messages?before=3")),
        Asked(("read",), _get("/api/v1/rooms/{room}/messages?since=0&wait=1"), waits=True),
    ),
    "WEBSOCKET /{room}": Asked(("read",), _get("/{room}?since=0", *raw.UPGRADE), 101),
    "GET /api/v1/rooms/{room}/messages/{item}": Asked(("read",), _get("/api/v1/rooms/{room}/messages/1")),
    "DELETE /api/v1/rooms/{room}/messages/{item}": Asked(
        ("read",), lambda room, fields: _delete(f"/api/v1/rooms/{quote(room)}/messages/99999", fields), 404
    ),
    "DELETE /{room}/{item}": Asked(("read",), lambda room, fields: _delete(f"/{quote(room)}/99999", fields), 404),
    "POST /{room}/{item}/delete": Asked(
        ("read",), _body("POST", "/{room}/99999/delete", b"", "application/x-www-form-urlencoded"), 404
    ),
    "GET /{room}/{item}": Asked(("read",), _get("/{room}/1")),
    "GET /api/v1/rooms/{room}": Asked(("read",), _get("/api/v1/rooms/{room}")),
    "PATCH /api/v1/rooms/{room}": Asked(("restrict",), _body("PATCH", "/api/v1/rooms/{room}", b"{}")),
    "GET /api/v1/rooms/{room}/presence": Asked(("read",), _get("/api/v1/rooms/{room}/presence")),
    "GET /rooms/{room}/qr": Asked(("read",), _get("/rooms/{room}/qr")),
    "GET /api/v1/rooms/{room}/author": Asked(("post",), _get("/api/v1/rooms/{room}/author")),
    "GET /api/v1/rooms/{room}/members": Asked(("moderate", "read"), _get("/api/v1/rooms/{room}/members")),
    "PUT /api/v1/rooms/{room}/members/{name}": Asked(
        ("moderate",), _body("PUT", "/api/v1/rooms/{room}/members/sam", b'{"role":"member"}')
    ),
    "DELETE /api/v1/rooms/{room}/members/{name}": Asked(
        ("moderate",),
        lambda room, fields: raw.head("DELETE", f"/api/v1/rooms/{quote(room)}/members/zoe", JSON, *fields),
        404,
    ),
    "GET /api/v1/rooms/{room}/invitations": Asked(("moderate",), _get("/api/v1/rooms/{room}/invitations")),
    "POST /api/v1/rooms/{room}/invitations": Asked(
        ("moderate",), _body("POST", "/api/v1/rooms/{room}/invitations", b"{}"), 201, lets_in=True
    ),
    "GET /api/v1/rooms/{room}/restrictions": Asked(("restrict",), _get("/api/v1/rooms/{room}/restrictions")),
    "POST /api/v1/rooms/{room}/restrictions": Asked(
        ("restrict",), _body("POST", "/api/v1/rooms/{room}/restrictions", b'{"what":"mute","name":"nobody"}'), 404
    ),
    "DELETE /api/v1/rooms/{room}/restrictions/{who}": Asked(
        ("restrict",), lambda room, fields: _delete(f"/api/v1/rooms/{quote(room)}/restrictions/nobody", fields), 404
    ),
    "GET /api/v1/rooms/{room}/export": Asked(("read",), _get("/api/v1/rooms/{room}/export?format=ndjson")),
    "GET /rooms/{room}/export": Asked(("read",), _get("/rooms/{room}/export?format=ndjson")),
    "GET /api/v1/rooms/{room}/guest-links": Asked(("moderate",), _get("/api/v1/rooms/{room}/guest-links")),
    "POST /api/v1/rooms/{room}/guest-links": Asked(
        ("moderate",), _body("POST", "/api/v1/rooms/{room}/guest-links", b"{}"), 201, lets_in=True
    ),
    "GET /api/v1/rooms/{room}/guests": Asked(("moderate",), _get("/api/v1/rooms/{room}/guests")),
    "PATCH /api/v1/rooms/{room}/guests/{id}": Asked(
        ("moderate",), _body("PATCH", "/api/v1/rooms/{room}/guests/g_nobody", b'{"state":"in"}'), 404
    ),
    "DELETE /api/v1/rooms/{room}/guests/{id}": Asked(
        ("moderate",), lambda room, fields: _delete(f"/api/v1/rooms/{quote(room)}/guests/g_nobody", fields), 404
    ),
    "GET /rooms/{room}/guests": Asked(("moderate",), _get("/rooms/{room}/guests")),
    "POST /rooms/{room}/guests": Asked(
        ("moderate",), _body("POST", "/rooms/{room}/guests", b"do=nothing", "application/x-www-form-urlencoded"), 400
    ),
    "GET /rooms/{room}/guests/{id}": Asked(("moderate",), _get("/rooms/{room}/guests/l_nothing"), 404),
    "GET /rooms/{room}/guests/{id}/qr.svg": Asked(("moderate",), _get("/rooms/{room}/guests/l_nothing/qr.svg"), 404),
    "POST /api/v1/rooms/{room}/messages/{item}/report": Asked(
        ("read",), _body("POST", "/api/v1/rooms/{room}/messages/99999/report", b'{"reason":"spam"}'), 404
    ),
    "GET /{room}/{item}/report": Asked(("read",), _get("/{room}/99999/report"), 404),
    "POST /{room}/{item}/report": Asked(
        ("read",), _body("POST", "/{room}/99999/report", b"reason=spam", "application/x-www-form-urlencoded"), 404
    ),
    "GET /rooms/{room}": Asked(("moderate", "read"), _get("/rooms/{room}")),
    "POST /rooms/{room}": Asked(
        ("moderate", "read"), _body("POST", "/rooms/{room}", b"do=nothing", "application/x-www-form-urlencoded"), 400
    ),
    "PATCH /api/v1/me/rooms/{room}": Asked(("read",), _body("PATCH", "/api/v1/me/rooms/{room}", b'{"read":1}')),
    "DELETE /api/v1/me/rooms/{room}": Asked(
        (), lambda room, fields: _delete(f"/api/v1/me/rooms/{quote(room)}", fields), 204
    ),
    "GET /api/v1/stream": Asked(("read",), _get("/api/v1/stream?room={room}", _STREAM)),
}
"""By the name of the operation, for those that are about one room."""


class Everybody:
    """All of them on a running server. The states of rooms are names here; `rooms` has the names of the rooms."""

    def __init__(self, town: Town, access: Access) -> None:
        self.town = town
        self.access = access
        self._numbers = itertools.count(1)
        self.port = town.server.port
        own = self._join("oona")
        browsers = {
            "owner of the server": _json(town.owner, "olga"),
            "admin of the server": self._join("adam", "admin"),
            "moderator of the server": self._join("moss", "moderator"),
            "member of the server": self._join("mia"),
            "ex-member": self._join("ed"),
            "member": self._join("rita"),
            "moderator": self._join("mona"),
            "owner": own,
        }
        for name in ("sam", "zoe", "gone"):  # the first two ask for nothing: one is in every room, the other in none
            assert own.post("/api/v1/bots", json={"name": name}).status_code == 201
        self.rooms = self._make_rooms(own)
        made = {name: self._token(browser, ["admin"]) for name, browser in browsers.items()}
        scopes: tuple[Scope, ...] = ("read", "post", "admin")
        for scope in scopes:
            made[f"token of the owner: {scope}"] = self._token(own, [scope])
            assert own.post("/api/v1/bots", json={"name": f"robot-{scope}"}).status_code == 201
            made[f"bot: {scope}"] = self._token(own, [scope], account=f"robot-{scope}")
        for room in self.rooms.values():
            added = own.put(f"/api/v1/rooms/{room}/members/robot-read", json={})
            assert added.status_code == 200, added.text
        begun = browsers["member"].post("/@mona", json={"text": "secret"})
        assert begun.status_code == 201, begun.text
        guests, of_link = self._guests(own), tuple(self.rooms.values())
        own.patch(f"/api/v1/rooms/{self.rooms['archived']}", json={"archived": True})
        own.patch(f"/api/v1/rooms/{self.rooms['private, archived']}", json={"archived": True})
        made["token for another room"] = self._token(own, ["read", "post"], rooms=["elsewhere"])
        made["token for one room"] = self._token(own, ["read", "post"], rooms=[self.rooms["private"]])
        self.ended = (f"Authorization: Bearer {self._token(own, ['admin'], account='gone')[0]}",)
        assert town.owner.patch("/api/v1/accounts/gone", json={"state": "disabled"}).status_code == 200
        with apsw.Connection(str(town.server.data / "parlour.db"), flags=apsw.SQLITE_OPEN_READONLY) as database:
            accounts = {account.name: account for account in run_query(database, ALL_ACCOUNTS())}
            self.policies = Policies(access)
            self.policies.load({str(name): policy_of(columns) for name, *columns in database.execute(sql.POLICIES)})
            ((ended_ms,),) = database.execute("SELECT ended_ms FROM ended_passes")
        self.sam = accounts["sam"].id
        (self.direct,) = [room for room, policy in self.policies.all().items() if policy.access == "direct"]
        self.rooms["direct, of two"] = self.direct  # by the name that nobody is told
        self.askers = {
            name: Asker(
                (f"Authorization: Bearer {secret}",),
                Actor(account.kind, account.id, "token", "", account, "t", frozenset(scopes_), rooms),
            )
            for name, (secret, named, scopes_, rooms) in made.items()
            for account in (accounts[named],)
        }
        self.askers["anonymous"] = Asker((), guest(None, ""))
        self.askers.update(guests)
        ended = guests["guest of a link that has ended"]
        actor = ended.actor._replace(ended_pass=EndedPass(of_link, int(str(ended_ms))))
        self.askers["guest of a link that has ended"] = Asker(ended.fields, actor)
        if access == "open":
            self.askers["guest with a cookie"] = Asker(
                (f"Cookie: parlour_guest={raw.guest_cookie(self.port)}",), guest("x", "")
            )

    def states(self) -> Iterator[tuple[str, str]]:
        """Every state with a room; where there is none, another one every time, for the first message makes it."""
        yield from self.rooms.items()
        yield "direct, with who asks", "@sam"
        number = next(self._numbers)
        yield "not there", f"nothing-{number}"
        yield "private, not there", f"~nothing-{number}-abc234"

    def may_know(self, asker: Asker, room: str) -> bool:
        """Whether somebody is in a private room, with a credential that is for it."""
        actor = asker.actor
        policy = self.policies.of(room)
        is_in = actor.account is not None and actor.account.id in policy.members
        if actor.guest_pass is not None:
            return actor.guest_pass.id in policy.guests
        return is_in and (actor.rooms is None or room in actor.rooms)

    def refusal(
        self, asker: Asker, right: Right | None, needs: tuple[Right, ...], room: str, path: str = "{room}"
    ) -> Refusal | None:
        """Why the table does not let somebody do something in a room that needs one of these rights.

        What is judged before the room is known (`right`) knows of the one in the path of the operation.
        """
        refusal = None
        try:
            if right is not None:
                self._require(asker.actor, right, room if "{room}" in path else "")
            if room == "@sam":
                room = self._with_sam(asker.actor)
            for need in needs:
                try:
                    self.policies.require(asker.actor, need, room)
                except Refusal as refused:
                    refusal = refused
                else:
                    return None
        except Refusal as refused:
            return refused
        return refusal

    def _require(self, actor: Actor, right: Right, room: str) -> None:
        try:
            self.policies.require(actor, right, None)
        except Refusal as refusal:
            raise self.policies.with_reason(refusal, actor, right, room) from None

    def _with_sam(self, actor: Actor) -> str:
        """A name for the conversation of somebody with `sam`. Raises Refusal for who has none."""
        if actor.account is None:
            raise Refusal("login_required", "Direct messages are for people with an account: sign in.")
        if actor.rooms is not None:
            raise Refusal("forbidden", WRONG_ROOM)
        members = {id_: Membership("member", 1) for id_ in (actor.account.id, self.sam)}
        self.policies.expect(WITH_SAM, Policy(0, "direct", members=members))
        return WITH_SAM

    def _guests(self, own: httpx.Client) -> Mapping[str, Asker]:
        """Guests with a pass of these rooms, of another one, of a link that has ended; one removed, one who waits."""
        elsewhere = own.post("/api/v1/rooms", json={"room": "for-guests"}).json()["room"]
        rooms = list(self.rooms.values())
        links: dict[str, dict[str, Any]] = {
            "guest with a pass": {"rooms": rooms},
            "guest with a pass for another room": {"rooms": [elsewhere]},
            "guest of a link that has ended": {"rooms": rooms},
            "guest who was removed": {"rooms": rooms},
            "guest who waits": {"rooms": rooms, "newcomers": "ask"},
        }
        found = {}
        for name, body in links.items():
            first, *_ = body["rooms"]
            link = own.post(f"/api/v1/rooms/{first}/guest-links", json=body).json()
            with self.town.server.client() as browser:
                came = browser.post("/api/v1/guests", json={"link": link["code"], "name": name[-30:]}).json()
            if name == "guest who was removed":
                assert own.delete(f"/api/v1/rooms/{first}/guests/{came['id']}").status_code == 204
            if name == "guest of a link that has ended":
                assert own.delete(f"/api/v1/guest-links/{link['id']}").status_code == 204
            actor = guest(None, "")
            fields: tuple[str, ...] = (f"Authorization: Bearer {came['token']}",)
            if name == "guest of a link that has ended":
                fields = (f"Cookie: parlour_pass={came['token'][8:51]}",)
            else:
                state: PassState = "removed" if name == "guest who was removed" else came["state"]
                pass_ = GuestPass(came["id"], link["id"], came["name"], state, tuple(body["rooms"]), state != "waiting")
                if state == "removed":
                    actor = actor._replace(removed_pass=pass_)
                else:
                    actor = Actor("guest", came["id"], "pass", "", guest_pass=pass_)
            found[name] = Asker(fields, actor)
        return found

    def _join(self, name: str, role: str = "member") -> httpx.Client:
        return _json(self.town.join(name, role), name)

    def _make_rooms(self, own: httpx.Client) -> dict[str, str]:
        states = {
            "public": {"room": "open-to-all"},
            "public, for members": {"room": "for-members", "access": "members"},
            "announcements": {"room": "announced", "read_only": True},
            "archived": {"room": "archive"},
            "private": {"title": "Private", "access": "private"},
            "private, history since joining": {"title": "Since", "access": "private", "history": "joined"},
            "private, archived": {"title": "Old", "access": "private"},
        }
        rooms = {}
        for state, body in states.items():
            made = own.post("/api/v1/rooms", json=body)
            assert made.status_code == 201, made.text
            rooms[state] = room = made.json()["room"]
            for name, role in (("mona", "moderator"), ("rita", "member"), ("sam", "member"), ("ed", "member")):
                added = own.put(f"/api/v1/rooms/{room}/members/{name}", json={"role": role})
                assert added.status_code == 200, added.text
            assert own.post(f"/api/v1/rooms/{room}/messages", json={"text": "secret"}).status_code == 201
            assert own.delete(f"/api/v1/rooms/{room}/members/ed").status_code == 204
        return rooms

    def _token(
        self, browser: httpx.Client, scopes: list[Scope], account: str | None = None, rooms: list[str] | None = None
    ) -> tuple[str, str, list[Scope], frozenset[str] | None]:
        """Its secret, the name of its account, its scopes and its rooms."""
        body = {"label": "matrix", "scopes": scopes, "account": account, "rooms": rooms}
        made = browser.post("/api/v1/tokens", json={key: value for key, value in body.items() if value is not None})
        assert made.status_code == 201, made.text
        where = None if rooms is None else frozenset(rooms)
        return str(made.json()["secret"]), account or browser.headers["X-Name"], scopes, where


def _json(browser: httpx.Client, name: str) -> httpx.Client:
    """The browser of somebody of that name, who asks for JSON."""
    browser.headers.update({"Accept": "application/json", "X-Name": name})
    return browser


def code_of(body: bytes) -> str:
    """The code of a refusal in JSON; empty for anything else."""
    try:
        found = json.decode(body)
    except ValueError:
        return ""
    return str(found.get("code", "")) if isinstance(found, dict) else ""
