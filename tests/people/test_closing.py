"""A server that is closed to guests while it runs: they are out in that moment, on every transport; members stay."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from parlour import RunningServer, start_server_async
from parlour.core.actor import OPERATOR, Actor
from parlour.core.payloads import Settings
from parlour.core.permissions import Right
from parlour.core.policy import ServerAccess
from parlour.hub.channel import Channel
from tests.people.house import PASSWORD
from tests.support import raw
from tests.support.connection import Line
from tests.support.timeout import TIMEOUT_S

WEBSOCKET = raw.UPGRADE
STREAMS: dict[str, bytes] = {
    "sse": raw.head("GET", "/lobby?format=sse"),
    "ndjson": raw.head("GET", "/lobby?follow=1&format=ndjson"),
    "text": raw.head("GET", "/lobby?follow=1"),
    "many": raw.head("GET", "/api/v1/stream?room=lobby"),
    "websocket": raw.head("GET", "/lobby", *WEBSOCKET),
}
DETAIL = b"This server is for members only: sign in."
CLOSED = b'{"type":"closed","room":"lobby","code":"login_required","detail":"%b"}' % DETAIL


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The password of the owner costs next to nothing."""
    monkeypatch.setattr("parlour.chat.passwords.PARAMETERS", (1, 8, 1))


@asynccontextmanager
async def running(data: Path) -> AsyncIterator[RunningServer]:
    """A server with an owner, `olga`."""
    async with asyncio.timeout(TIMEOUT_S), await start_server_async(0, data=data, rate_limits=False) as server:
        people = server.app.context.people
        link = await people.invitations.for_owner(OPERATOR)
        await people.accounts.register(link.secret, "olga", "", PASSWORD)
        yield server


async def set_access(server: RunningServer, access: str) -> None:
    await server.app.context.people.settings.change(OPERATOR, {"access": access})


async def say(server: RunningServer, text: str) -> None:
    await server.app.context.posting.posted(OPERATOR, "lobby", text)


async def token(server: RunningServer) -> str:
    """The field with a token of the owner."""
    people = server.app.context.people
    account = people.identities.accounts.named("olga")
    assert account is not None
    made = await people.sign_ins.make_token(
        OPERATOR._replace(account=account), account, "cron", frozenset({"read", "post"}), 1
    )
    return f"Authorization: Bearer {made.secret}"


@pytest.mark.parametrize("stream", STREAMS)
async def test_streams_of_guests_end_and_those_of_members_go_on(stream: str, tmp_path: Path) -> None:
    async with running(tmp_path / "data") as server:
        await say(server, "before")
        theirs = STREAMS[stream].replace(b"\r\n\r\n", f"\r\n{await token(server)}\r\n\r\n".encode())
        guest, member = await Line.to(server, STREAMS[stream]), await Line.to(server, theirs)
        for line in (guest, member):
            await line.until(b"before" if stream == "text" else b"caught_up")
        await set_access(server, "members")
        await say(server, "behind closed doors")
        await member.until(b"behind closed doors")
        seen = await guest.rest()
        assert b"behind closed doors" not in seen
        if stream == "text":
            assert seen.endswith(b"-- closed: %b\n\r\n0\r\n\r\n" % DETAIL)
        else:
            assert CLOSED in seen
        if stream == "websocket":
            assert seen[seen.rindex(b"\x88") + 2 :][:2] == (4003).to_bytes(2)
        else:
            assert seen.endswith(b"0\r\n\r\n")  # in good order
        member.writer.close()


async def test_a_websocket_that_has_subscribed_to_nothing_ends_too(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as server:
        line = await Line.to(server, raw.head("GET", "/api/v1/stream", *WEBSOCKET), raw.ws_frame(b'{"op":"ping"}'))
        await line.until(b"pong")
        await set_access(server, "members")
        assert (await line.rest())[-len(DETAIL) - 2 :] == (4003).to_bytes(2) + DETAIL


async def test_requests_that_wait_are_answered_at_once_and_those_of_members_wait_on(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as server:
        ask = ("GET", "/lobby?format=json&wait=55&since=0", "Connection: close")
        guest, member = (
            await Line.to(server, raw.head(*ask)),
            await Line.to(server, raw.head(*ask, await token(server))),
        )
        while server.app.context.hub.sizes()["waiters"] < 2:
            await asyncio.sleep(0)
        await set_access(server, "members")
        assert raw.status(await guest.rest()) == 401
        assert server.app.context.hub.sizes()["waiters"] == 1
        await say(server, "news")
        seen = await member.rest()
        assert raw.status(seen) == 200
        assert b"news" in seen


async def test_what_a_guest_does_on_an_open_line_is_refused_and_afterwards_allowed_again(tmp_path: Path) -> None:
    """A connection that stays: the server remembers its heads and what it decided, until the access changes."""
    async with running(tmp_path / "data") as server:
        requests = {
            "post": raw.post("/lobby", b"hello", "Content-Type: text/plain"),
            "read": raw.head("GET", "/lobby?format=json"),
            "rooms": raw.head("GET", "/api/v1/rooms"),
            "page": raw.head("GET", "/", "Accept: text/html"),
        }
        line = await Line.to(server)

        async def ask(name: str) -> int:
            line.writer.write(requests[name])
            head = await line.reader.readuntil(b"\r\n\r\n")
            length = next(each for each in head.lower().split(b"\r\n") if each.startswith(b"content-length"))
            await line.reader.readexactly(int(length.partition(b":")[2]))
            return raw.status(head)

        for access, statuses in (
            ("open", (201, 200, 200, 200)),
            ("members", (401, 401, 401, 401)),
            ("open", (201, 200, 200, 200)),
        ):
            await set_access(server, access)
            for _ in range(2):
                assert tuple([await ask(name) for name in requests]) == statuses
        line.writer.close()


async def test_operations_of_a_websocket_are_refused_where_its_end_waits_for_the_disk(tmp_path: Path) -> None:
    """What a guest has sent in the same moment is answered before the end, and stored before the event or never."""
    async with running(tmp_path / "data") as server:
        line = await Line.to(server, raw.head("GET", "/lobby", *WEBSOCKET))
        await line.until(b"caught_up")
        sends = [
            raw.ws_frame(json.dumps({"op": "send", "text": f"{n}", "key": f"key-{n:04}"}).encode()) for n in range(9)
        ]
        line.writer.write(b"".join(sends))
        line.writer.write(raw.ws_frame(b'{"op":"typing"}'))
        await asyncio.gather(set_access(server, "members"), line.rest())
        stored = line.seen.count(b'"type":"ack"')
        assert (await server.app.context.store.log("lobby")).head_seq == stored
        assert line.seen[-len(DETAIL) - 2 :] == (4003).to_bytes(2) + DETAIL


async def test_a_stream_that_is_being_opened_is_shown_nothing_either(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as server:
        await say(server, "before")
        opening = raw.head("GET", "/lobby?follow=1&format=ndjson", "Connection: close")
        settings, guests = server.app.context.people.settings, []
        for number, access in enumerate(["members", "open"] * 10):
            text = f"behind closed doors {number}"
            for _ in range(3):
                guests.append(await Line.to(server, opening))
                await asyncio.sleep(0)
            await settings.change(OPERATOR, {"access": access})
            if access == "members":
                await say(server, text)
                await settings.change(OPERATOR, {"access": "members"})
                seen = [await guest.rest() for guest in guests]
                assert not [each for each in seen if text.encode() in each]
                guests = []
        await settings.change(OPERATOR, {"access": "members"})
        for guest in guests:
            assert raw.status(await guest.rest()) in (200, 401)


@pytest.mark.parametrize("stream", STREAMS)
async def test_a_stream_whose_room_was_opened_before_the_server_closed_begins_with_its_end(
    stream: str, tmp_path: Path
) -> None:
    async with running(tmp_path / "data") as server:
        context = server.app.context
        await say(server, "before")
        await context.rooms.change(OPERATOR, "lobby", Settings(title="Lobby"))  # what was said before is in its log
        opened = context.door.open

        async def open_(actor: Actor, room: str, right: Right) -> Channel:
            channel = await opened(actor, room, right)
            context.policies.set_access(ServerAccess(99, "members"))  # as an event does that is learnt of just now
            return channel

        context.door.open = open_  # type: ignore[method-assign]
        since = STREAMS[stream].replace(b"?", b"?since=0&", 1).replace(b"since=0&room", b"room")
        seen = await (await Line.to(server, since)).rest()
        assert b"before" not in seen
        assert DETAIL in seen


async def test_a_start_goes_on_with_what_was_set_and_says_so(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as server:
        await set_access(server, "members")
    async with asyncio.timeout(TIMEOUT_S), await start_server_async(0, data=tmp_path / "data", access="open") as server:
        answer = await (await Line.to(server, raw.head("GET", "/lobby", "Connection: close"))).rest()
        assert raw.status(answer) == 401
        await set_access(server, "open")
    async with await start_server_async(0, data=tmp_path / "data", access="members") as server:
        answer = await (await Line.to(server, raw.head("GET", "/lobby", "Connection: close"))).rest()
        assert raw.status(answer) == 200, "what was set counts, not the option"
