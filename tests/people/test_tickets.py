"""Tickets: each opens one stream or WebSocket for whoever made it, and nothing else."""

from __future__ import annotations

import json
import subprocess

import httpx
import pytest

from parlour.chat.tickets import MAX_TICKETS, TICKET_S, Tickets
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from tests.people.house import ADDRESS, PASSWORD, House
from tests.people.server import Town, bearer
from tests.support import raw
from tests.support.stores import CountedIds
from tests.support.talk import Client
from tests.support.timeout import TIMEOUT_S

STREAMS = {
    "text": "/{room}?follow=1&ticket={ticket}",
    "ndjson": "/{room}?follow=1&format=ndjson&ticket={ticket}",
    "sse": "/{room}?format=sse&ticket={ticket}",
    "many rooms": "/api/v1/stream?room={room}&ticket={ticket}",
}
SOCKETS = {"websocket": "/{room}?ticket={ticket}", "websocket of many rooms": "/api/v1/stream?ticket={ticket}"}
ALL = {**STREAMS, **SOCKETS}

OTHERS = {
    "a page": "GET /{room}?ticket={ticket}",
    "an event": "GET /{room}/1?ticket={ticket}",
    "a long-poll": "GET /{room}?format=json&wait=1&ticket={ticket}",
    "a page of the API": "GET /api/v1/rooms/{room}/messages?ticket={ticket}",
    "the list of rooms": "GET /api/v1/rooms?ticket={ticket}",
    "who one is": "GET /api/v1/me?ticket={ticket}",
    "a message": "POST /{room}?ticket={ticket}",
    "a message of the API": "POST /api/v1/rooms/{room}/messages?ticket={ticket}",
    "another ticket": "POST /api/v1/tickets?ticket={ticket}",
}


def tickets_of(house: House) -> Tickets:
    return Tickets(house.store, house.clock, CountedIds(9000), house.identities)


async def refused(tickets: Tickets, secret: str) -> bool:
    try:
        await tickets.redeem(secret, ADDRESS)
    except Refusal as refusal:
        return refusal.code == "bad_credentials" and secret not in refusal.detail
    return False


async def test_a_ticket_is_the_one_who_made_it_once(house: House) -> None:
    ada = await house.signed_in(await house.person("ada"))
    ada = ada._replace(scopes=frozenset({"read"}), rooms=frozenset({"lobby"}))
    tickets = tickets_of(house)
    made = await tickets.make(ada)
    assert made.expires_ms == house.clock.now_ms() + 30_000
    assert await tickets.redeem(made.secret, "192.0.2.9") == ada._replace(credential="ticket", address="192.0.2.9")
    assert await refused(tickets, made.secret)
    assert await refused(tickets, "no ticket")


async def test_a_ticket_ends_after_thirty_seconds(house: House) -> None:
    ada = await house.signed_in(await house.person("ada"))
    tickets = tickets_of(house)
    first = await tickets.make(ada)
    house.clock.ms += (TICKET_S - 1) * 1000
    second, third = await tickets.make(ada), await tickets.make(ada)
    house.clock.ms += 1000
    assert await refused(tickets, first.secret)
    assert not await refused(tickets, second.secret)
    house.clock.ms += TICKET_S * 1000
    assert await refused(tickets, third.secret)


async def test_who_hoards_tickets_loses_the_oldest_and_nobody_else_does(house: House) -> None:
    ada, bob = [await house.signed_in(await house.person(name)) for name in ("ada", "bob")]
    tickets = tickets_of(house)
    of_bob = await tickets.make(bob)
    made = []
    for _ in range(MAX_TICKETS + 1):
        made.append(await tickets.make(ada))
        house.clock.ms += 1
    assert await refused(tickets, made[0].secret)
    assert not await refused(tickets, made[1].secret)
    assert not await refused(tickets, of_bob.secret)
    with pytest.raises(Refusal, match="login_required"):
        await tickets.make(Actor("guest", "address:192.0.2.7", "address", ADDRESS))


async def test_a_ticket_ends_with_what_made_it_and_with_nothing_else(house: House) -> None:
    account = await house.person("ada")
    first, second = [await house.signed_in(account) for _ in range(2)]
    by_password = first._replace(credential="password", sign_in=None)
    tickets = tickets_of(house)
    assert first.sign_in is not None
    one, two, three = [await tickets.make(actor) for actor in (first, second, by_password)]
    await house.sign_ins.end(first, account, first.sign_in)
    assert await refused(tickets, one.secret)
    await house.accounts.change_password(second, PASSWORD, "a wholly new password")
    assert await refused(tickets, three.secret)
    assert not await refused(tickets, two.secret)
    four = await tickets.make(second)
    owner = await house.signed_in(await house.person("olga", "owner"))
    await house.accounts.set_active(owner, account, is_active=False)
    assert await refused(tickets, four.secret)


# --- on a server ---


def private_room(town: Town) -> str:
    made = town.owner.post("/api/v1/rooms", json={"title": "Leads", "access": "private"})
    assert made.status_code == 201, made.text
    return str(made.json()["room"])


def ticket(town: Town, token: str | None = None) -> str:
    if token is None:
        made = town.owner.post("/api/v1/tickets")
    else:
        with town.server.client(headers=bearer(token)) as program:
            made = program.post("/api/v1/tickets")
    assert made.status_code == 201, made.text
    assert made.json().keys() == {"ticket", "expires"}
    return str(made.json()["ticket"])


def opened(town: Town, client: Client, way: str, room: str, secret: str) -> int:
    """Ask for a stream or WebSocket of a room with a ticket: the status."""
    upgrade = raw.UPGRADE if way in SOCKETS else ()
    client.send(raw.head("GET", ALL[way].format(room=room, ticket=secret), *upgrade))
    status = client.head().status
    if status == 101 and way == "websocket of many rooms":
        client.send(raw.ws_frame(json.dumps({"op": "subscribe", "room": room}).encode()))
        client.read_until(b"caught_up")
    return status


@pytest.mark.parametrize("way", ALL)
def test_a_ticket_opens_what_its_maker_may_read_once(town: Town, way: str) -> None:
    room, secret = private_room(town), ticket(town)
    with Client.to(town.server.port) as client, Client.to(town.server.port) as thief:
        assert opened(town, client, way, room, secret) in (200, 101)
        town.owner.post(f"/{room}", data={"message": f"for those who are in {way}"})
        client.read_until(f"for those who are in {way}".encode())
        assert opened(town, thief, way, room, secret) == 401
        thief.read_until(b"bad_credentials")


def test_an_equal_head_on_the_same_connection_is_refused_too(town: Town) -> None:
    room = private_room(town)
    for name in ("ticket", "%74icket"):
        request = raw.head("HEAD", f"/{room}?format=sse&{name}={ticket(town)}")
        with Client.to(town.server.port) as client:
            assert client.send(request).head().status == 200
        for _ in range(2):
            with Client.to(town.server.port) as client:
                assert client.send(request).head().status == 401


@pytest.mark.parametrize("way", OTHERS)
def test_a_ticket_does_nothing_but_open_streams(town: Town, way: str) -> None:
    room, secret = private_room(town), ticket(town)
    town.owner.post(f"/{room}", data={"message": "secret plans"})
    method, _, path = OTHERS[way].partition(" ")
    headers = {"Accept": "application/json"}
    content = '{"text":"hi"}' if method == "POST" and "messages" in path else None
    if content is not None:
        headers["Content-Type"] = "application/json"
    with town.server.client(headers=headers) as program:
        answer = program.request(method, path.format(room=room, ticket=secret), content=content)
    assert answer.status_code in (400, 401, 404), answer.text
    assert "secret plans" not in answer.text
    assert secret not in answer.text
    with town.server.client() as guest:
        assert guest.get("/api/v1/me", params={}).json() == {"kind": "guest"}


def test_a_websocket_has_the_scopes_of_what_made_its_ticket(town: Town) -> None:
    for scopes, said in ((("read",), "forbidden"), (("read", "post"), "ack")):
        token = town.token(town.owner, *scopes)
        with Client.to(town.server.port) as client:
            assert opened(town, client, "websocket", "lobby", ticket(town, token)) == 101
            client.send(raw.ws_frame(b'{"op":"send","text":"hello"}'))
            client.read_until(said.encode())


def test_tickets_are_made_by_those_who_are_signed_in_and_may_read(town: Town) -> None:
    with town.server.client() as guest:
        answer = guest.post("/api/v1/tickets")
        assert (answer.status_code, answer.json()["code"]) == (401, "login_required")
    with town.server.client(headers=bearer(town.token(town.owner, "post"))) as writer:
        answer = writer.post("/api/v1/tickets")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    browser = town.join("framed")
    del browser.headers["Origin"]
    assert browser.post("/api/v1/tickets", headers={"Origin": "https://evil.example"}).status_code == 403


def test_a_page_of_another_site_opens_no_websocket_with_a_ticket(town: Town) -> None:
    with Client.to(town.server.port) as client:
        client.send(raw.head("GET", f"/lobby?ticket={ticket(town)}", "Origin: https://evil.example", *raw.UPGRADE))
        assert client.head().status == 403


def test_a_token_for_one_room_makes_tickets_for_it_alone(town: Town) -> None:
    made = town.owner.post("/api/v1/tokens", json={"label": "one", "scopes": ["read"], "rooms": ["only"]}).json()
    for room, status in (("only", 200), ("lobby", 403)):
        with Client.to(town.server.port) as client:
            assert opened(town, client, "sse", room, ticket(town, made["secret"])) == status


def test_a_ticket_and_another_credential_are_refused(town: Town) -> None:
    token = town.token(town.owner, "read")
    with town.server.client(headers=bearer(token)) as program:
        answer = program.get("/lobby", params={"format": "sse", "ticket": ticket(town)})
    assert answer.status_code == 400
    assert "(bad_parameter: ticket)" in answer.text


def end_itself(program: httpx.Client) -> None:
    id_ = program.get("/api/v1/me").json()["sign_in"]["id"]
    assert program.delete(f"/api/v1/sign-ins/{id_}").status_code == 204


@pytest.mark.parametrize("way", ALL)
def test_a_stream_ends_with_what_made_its_ticket(town: Town, way: str) -> None:
    token = town.token(town.owner, "read", "post")
    with (
        Client.to(town.server.port) as client,
        Client.to(town.server.port) as late,
        town.server.client(headers=bearer(token)) as program,
    ):
        assert opened(town, client, way, "live", ticket(town, token)) in (200, 101)
        unused = ticket(town, token)
        town.owner.post("/live", data={"message": "before the end"})
        client.read_until(b"before the end")
        end_itself(program)
        town.owner.post("/live", data={"message": "after the end"})
        with pytest.raises(EOFError) as caught:
            client.read_until(b"after the end")
        assert b"after the end" not in caught.value.args[0]
        assert opened(town, late, way, "live", unused) == 401


def test_no_ticket_is_in_a_log(town: Town) -> None:
    used, refused_ = ticket(town), ticket(town)
    with Client.to(town.server.port) as client:
        assert opened(town, client, "sse", "lobby", used) == 200
    with town.server.client() as program:
        assert program.get("/lobby", params={"ticket": refused_}).status_code == 400
        assert program.get("/lobby", params={"format": "sse", "ticket": used}).status_code == 401
    log = town.server.log
    assert "path=/api/v1/tickets" in log
    assert used not in log
    assert refused_ not in log


def test_curl_follows_with_a_ticket_alone(town: Town) -> None:
    room = private_room(town)
    town.owner.post(f"/{room}", data={"message": "hello, ticket"})
    make = ("curl", "-sS", "-u", f"olga:{PASSWORD}", "-X", "POST", f"{town.url}/api/v1/tickets")
    secret = json.loads(subprocess.run(make, capture_output=True, check=True).stdout)["ticket"]
    address = f"{town.url}/{room}?format=sse&since=0&ticket={secret}"
    with subprocess.Popen(("curl", "-sSN", "--max-time", str(TIMEOUT_S), address), stdout=subprocess.PIPE) as curl:
        assert curl.stdout is not None
        assert any(b"hello, ticket" in line for line in curl.stdout)
        curl.terminate()
    again = subprocess.run(("curl", "-sS", address), capture_output=True, check=True)
    assert b"(bad_credentials)" in again.stdout
