"""A room that is closed to guests: they are shown everything up to the event that closed it, and nothing after it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from parlour import RunningServer, send_message, start_server_async
from parlour.core.actor import OWNER
from parlour.core.errors import Refusal
from parlour.core.policy import Policy
from tests.support import raw
from tests.support.connection import Line
from tests.support.timeout import TIMEOUT_S

CLOSE = b'{"access":"members"}'
JSON_BODY = "Content-Type: application/json"
CLOSED = b'{"type":"closed","room":"lobby","code":"login_required","detail":"This room is closed to guests."}'
FORM = "Content-Type: application/x-www-form-urlencoded"


@asynccontextmanager
async def running(data: Path) -> AsyncIterator[RunningServer]:
    async with asyncio.timeout(TIMEOUT_S), await start_server_async(0, data=data, rate_limits=False) as server:
        yield server


async def ask(server: RunningServer, request: bytes) -> tuple[int, bytes]:
    line = await Line.to(server, request)
    answer = await line.rest()
    return raw.status(answer), answer


async def post_as_owner(server: RunningServer, room: str, text: str) -> int:
    return (await server.app.context.posting.posted(OWNER, room, text)).seq


def get(target: str, *fields: str) -> bytes:
    return raw.head("GET", target, "Connection: close", *fields)


STREAMS: dict[str, bytes] = {
    "sse": raw.head("GET", "/lobby?format=sse"),
    "ndjson": raw.head("GET", "/lobby?follow=1&format=ndjson"),
    "text": raw.head("GET", "/lobby?follow=1"),
    "many": raw.head("GET", "/api/v1/stream?room=lobby"),
    "websocket": raw.head("GET", "/lobby", *raw.UPGRADE),
}


@pytest.mark.parametrize("stream", STREAMS)
def test_an_open_stream_is_shown_the_closing_and_ends_there(stream: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path / "data") as server:
            await send_message(server, "lobby", "before", name="alice")
            line = await Line.to(server, STREAMS[stream])
            if stream == "text":
                await line.until(b"before")  # it has no caught_up
            else:
                await line.until(b"caught_up")
            await send_message(server, "lobby", "just before", name="alice")
            policy = await server.close_room("lobby")
            assert (policy.seq, policy.access) == (3, "members")
            await post_as_owner(server, "lobby", "for members only")
            seen = await line.rest()
            assert b"just before" in seen
            if stream == "text":
                assert seen.endswith(b"-- closed: This room is closed to guests.\n\r\n0\r\n\r\n")
                assert b" * system closed this room to guests\n" in seen
            else:
                assert seen.index(b'"type":"settings"') < seen.index(b'"type":"closed"')
                assert CLOSED in seen
            assert b"for members only" not in seen
            if stream == "websocket":
                assert seen[seen.rindex(b"\x88") + 2 :][:2] == (4003).to_bytes(2)
            else:
                assert seen.endswith(b"0\r\n\r\n")  # in good order

    asyncio.run(scenario())


def test_other_rooms_of_the_connection_go_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path / "data") as server:
            frames = [raw.ws_frame(json.dumps({"op": "subscribe", "room": room}).encode()) for room in ("lobby", "dev")]
            lines = [
                await Line.to(server, raw.head("GET", "/api/v1/stream", *raw.UPGRADE), *frames),
                await Line.to(server, raw.head("GET", "/api/v1/stream?room=lobby&room=dev")),
            ]
            for line in lines:
                await line.until(b'"caught_up","room":"lobby"')
                await line.until(b'"caught_up","room":"dev"')
            await server.close_room("lobby")
            await post_as_owner(server, "lobby", "for members only")
            await send_message(server, "dev", "elsewhere", name="alice")
            for line in lines:
                seen = await line.until(b"elsewhere")
                assert b'"type":"closed","room":"lobby"' in seen
                assert b"for members only" not in seen
            again = json.dumps({"op": "subscribe", "room": "lobby"}).encode()
            for op in (again, b'{"op":"send","room":"lobby","text":"hi"}', b'{"op":"typing","room":"lobby"}'):
                lines[0].seen = b""
                lines[0].writer.write(raw.ws_frame(op))
                assert b'"code":"' in await lines[0].until(b'"type":"error"')
            assert (await server.app.context.store.log("lobby")).head_seq == 2
            for line in lines:
                line.writer.close()

    asyncio.run(scenario())


def test_a_long_poll_that_waits_is_answered(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path / "data") as server:
            line = await Line.to(server, get("/lobby?wait=50", "Accept: application/json"))
            while not server.app.context.hub.sizes()["waiters"]:
                await asyncio.sleep(0)
            await server.close_room("lobby")
            seen = await line.rest()
            assert raw.status(seen) == 401
            assert b'"code":"login_required"' in seen

    asyncio.run(scenario())


WAYS_IN: dict[str, bytes] = {
    "text": get("/lobby"),
    "page": get("/lobby", "Accept: text/html"),
    "front": get("/", "Accept: text/html"),
    "json": get("/lobby?format=json"),
    "ndjson": get("/lobby?format=ndjson"),
    "event": get("/lobby/1"),
    "event as a page": get("/lobby/1", "Accept: text/html"),
    "long-poll": get("/lobby?format=json&wait=50&since=9"),
    **{f"{name} stream": request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
       for name, request in STREAMS.items() if name != "websocket"},
    "websocket": STREAMS["websocket"],
    "several": get("/api/v1/stream?room=dev&room=lobby"),
    "api page": get("/api/v1/rooms/lobby/messages"),
    "api event": get("/api/v1/rooms/lobby/messages/1"),
    "api room": get("/api/v1/rooms/lobby"),
    "post": raw.post("/lobby", b"hi", "Connection: close"),
    "put": raw.post("/lobby/12345678", b"hi", "Connection: close").replace(b"POST", b"PUT", 1),
    "send": raw.post("/send", b"message=hi", "Connection: close", FORM),
    "form": raw.post("/send", b"message=hi", "Connection: close", "Accept: text/html", FORM),
    "api post": raw.post("/api/v1/rooms/lobby/messages", b'{"text":"hi"}', "Connection: close", JSON_BODY),
    "change": raw.post("/api/v1/rooms/lobby", b'{"access":"open"}', "Connection: close", JSON_BODY).replace(
        b"POST", b"PATCH", 1
    ),
}  # fmt: skip


def test_every_way_in_is_shut_until_the_room_is_opened(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path / "data") as server:
            await send_message(server, "lobby", "secret", name="alice")
            await send_message(server, "dev", "public", name="alice")
            await server.close_room("lobby")
            for name, request in WAYS_IN.items():
                status, answer = await ask(server, request)
                assert status == 401, name
                assert b"login_required" in answer or b"For members only" in answer, name
                assert b"secret" not in answer, name
            with pytest.raises(Refusal, match="login_required"):
                await send_message(server, "lobby", "hi", name="robot")
            for target, fields in (("/api/v1/rooms", ()), ("/dev", ("Accept: text/html",))):
                _, answer = await ask(server, get(target, *fields))
                assert b"dev" in answer
                assert b"lobby" not in answer.replace(b'href="/lobby"', b"")
            assert (await server.app.context.store.log("lobby")).head_seq == 2
            assert await server.close_room("lobby") == Policy(2, "members")
            assert await server.open_room("lobby") == Policy(3, "open")
            for name in ("text", "page", "json", "event", "api room", "post", "put", "send", "api post"):
                assert (await ask(server, WAYS_IN[name]))[0] in (200, 201), name
            assert b"lobby" in (await ask(server, get("/api/v1/rooms")))[1]

    asyncio.run(scenario())


def test_what_was_on_its_way_to_the_disk_is_judged_again_and_a_retry_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path / "data") as server:
            await send_message(server, "lobby", "early", name="alice", key="key-00000001")
            closing = asyncio.ensure_future(server.close_room("lobby"))
            await asyncio.sleep(0)
            late = [asyncio.ensure_future(send_message(server, "lobby", f"{n}", name="alice")) for n in range(9)]
            retry = asyncio.ensure_future(send_message(server, "lobby", "early", name="alice", key="key-00000001"))
            policy = await closing
            for future in (*late, retry):
                with pytest.raises(Refusal, match="login_required"):
                    await future
            assert (await server.app.context.store.log("lobby")).head_seq == policy.seq == 2

    asyncio.run(scenario())


def test_a_closed_room_is_closed_after_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path / "data") as server:
            await send_message(server, "lobby", "secret", name="alice")
            await server.close_room("lobby")
        async with running(tmp_path / "data") as server:
            for name in ("post", "text", "websocket"):  # before anybody has opened the room
                assert (await ask(server, WAYS_IN[name]))[0] == 401, name
            assert (await server.app.context.store.log("lobby")).head_seq == 2
            assert await server.open_room("lobby") == Policy(3, "open")

    asyncio.run(scenario())


SENDERS, READERS, ROUNDS = 16, 2, 4


def test_no_guest_gets_past_the_closing_under_load(tmp_path: Path) -> None:
    """Guests send as fast as they can and read on every transport while the room is closed and opened again."""

    async def scenario() -> None:
        async with running(tmp_path / "data") as server:
            send = raw.ws_frame(json.dumps({"op": "send", "text": "from a guest", "room": "lobby"}).encode())
            stopped = asyncio.Event()

            async def talk() -> None:
                while not stopped.is_set():  # a WebSocket that goes on sending what is refused is closed
                    line = await Line.to(server, raw.head("GET", "/api/v1/stream", *raw.UPGRADE))
                    with suppress(OSError):
                        while await line.reader.read(65536) and not stopped.is_set():
                            line.writer.write(send * 8)
                            await line.writer.drain()
                    line.writer.close()

            talking = [asyncio.ensure_future(talk()) for _ in range(SENDERS)]
            for _ in range(ROUNDS):
                await one_round(server)
            stopped.set()
            await asyncio.gather(*talking)
            await check_log(server)

    asyncio.run(scenario())


async def one_round(server: RunningServer) -> None:
    """Readers of all kinds are there when the room is closed; the owner speaks in it; it is opened again."""
    lines = [await Line.to(server, request) for request in STREAMS.values() for _ in range(READERS)]
    for line in lines:
        await line.until(b"from a guest")
    policy = await server.close_room("lobby")
    hidden = f"hidden since {policy.seq}"
    await post_as_owner(server, "lobby", hidden)
    for line in lines:
        seen = await line.rest()
        assert hidden.encode() not in seen
        assert b"closed" in seen
    await server.open_room("lobby")


async def check_log(server: RunningServer) -> None:
    is_closed, seq, closings = False, 0, 0
    while page := await server.app.context.store.after("lobby", seq, 1000):
        for event in page:
            seq, item = event.seq, json.loads(event.json)
            if item["type"] == "settings":
                is_closed = item["access"] == "members"
                closings += is_closed
            assert not (is_closed and item["by"]["kind"] == "guest"), item
    assert closings == ROUNDS
