"""Bots that read and write in a private room until they are removed from it, and then deleted with what they said.

What they were shown and what is stored of them is judged on the log as it is in the end: nothing is behind the event
that has removed them.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import httpx
import msgspec

from tests.fault.client import BACKOFF_S, LOST, decode_item
from tests.fault.nodes import World
from tests.fault.transports import STREAMS, Stream
from tests.people.server import Town, bearer
from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S, wait_until

SAID = "said by a bot"
BEHIND = "behind their back"

ANSWER_S = 5.0
"""Whoever waits longer for an answer asks again."""


class Stay(NamedTuple):
    """One bot in one room; `shown` are the seqs that it was shown, `sessions` its readers."""

    room: str
    bot: str
    shown: set[int]
    sessions: list[asyncio.Task[None]]


class Removals:
    """Lets bots in and removes them, one after the other. As a context manager it begins and ends."""

    def __init__(self, world: World) -> None:
        self.stays: list[Stay] = []
        self._nodes, self._port = world.nodes, world.port
        self._made = 0
        town = Town(world.nodes[0])
        try:
            self._owner = bearer(town.token(town.owner, "admin"))
        finally:
            town.close()
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        tasks = [self._task, *(session for stay in self.stays for session in stay.sessions)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def rest(self) -> None:
        """Bring the last stay to its end, and wait until no bot reads any more. Raises TimeoutError."""
        self._is_stopping = True
        assert self._task is not None
        await asyncio.wait_for(self._task, TIMEOUT_S)
        sessions = [session for stay in self.stays for session in stay.sessions]
        await asyncio.wait_for(asyncio.gather(*sessions), TIMEOUT_S)

    async def _run(self) -> None:
        options: dict[str, Any] = {"base_url": f"http://127.0.0.1:{self._port}", "timeout": ANSWER_S, "verify": False}
        async with httpx.AsyncClient(**options) as http:
            await self._stay(http)
            while not self._is_stopping:
                await self._stay(http)

    async def _stay(self, http: httpx.AsyncClient) -> None:
        self._made += 1
        bot = f"bot-{self._made}"
        await self._ask(http, "POST", "/api/v1/bots", {"name": bot}, also=409)
        made = await self._ask(http, "POST", "/api/v1/rooms", {"title": f"Room {self._made}", "access": "private"})
        room = made.json()["room"]
        wish = {"label": "reads", "scopes": ["read", "post"], "account": bot, "days": 1}
        token = bearer((await self._ask(http, "POST", "/api/v1/tokens", wish)).json()["secret"])
        place = f"/api/v1/rooms/{room}/members/{bot}"
        await self._ask(http, "PUT", place, {"role": "member"})
        stay = Stay(room, bot, set(), [])
        self.stays.append(stay)
        stay.sessions.extend(asyncio.create_task(self._read(stay, stream, token)) for stream in STREAMS)
        for number in range(2):
            await self._say(http, room, f"{SAID} {number}", token)
            await self._say(http, room, f"to all, {number}")
        talking = asyncio.create_task(self._talk(http, room, token))
        stay.sessions.append(talking)
        await self._ask(http, "DELETE", place, also=404)
        await self._say(http, room, BEHIND)
        await talking
        await self._ask(http, "DELETE", f"/api/v1/accounts/{bot}?messages=remove", also=404)

    async def _talk(self, http: httpx.AsyncClient, room: str, token: dict[str, str]) -> None:
        """Say something as the bot until it may not any more."""
        for number in itertools.count():
            path = f"/api/v1/rooms/{room}/messages/talk-{number:04}"
            try:
                answer = await http.put(path, json={"text": f"{SAID}, again"}, headers=token)
            except httpx.TransportError:
                continue
            if answer.status_code in (401, 404):
                return
            await asyncio.sleep(BACKOFF_S)

    async def _say(
        self, http: httpx.AsyncClient, room: str, text: str, who: dict[str, str] | None = None
    ) -> httpx.Response:
        path = f"/api/v1/rooms/{room}/messages/{text.replace(' ', '-').replace(',', '')}"
        return await self._ask(http, "PUT", path, {"text": text}, who=who)

    async def _ask(
        self,
        http: httpx.AsyncClient,
        method: str,
        path: str,
        body: object = None,
        *,
        who: dict[str, str] | None = None,
        also: int = 0,
    ) -> httpx.Response:
        """Ask until it is done, or `also` is answered: an earlier request has done it."""
        while True:
            try:
                answer = await http.request(method, path, json=body, headers=who or self._owner)
            except httpx.TransportError:
                pass
            else:
                if answer.is_success or answer.status_code == also:
                    return answer
                assert answer.status_code >= 500, f"{method} {path}: {answer.status_code} {answer.text}"
            await asyncio.sleep(BACKOFF_S)

    async def _read(self, stay: Stay, stream: Stream, token: dict[str, str]) -> None:
        """Follow the room until it is closed to the bot."""
        field = f"\r\nAuthorization: {token['Authorization']}\r\n".encode()
        epoch, seen, is_open = "", 0, True
        while is_open:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                continue
            try:
                if not epoch:
                    page = raw.head("GET", f"/{stay.room}?format=json").replace(b"\r\n", field, 1)
                    writer.write(page)
                    epoch = await self._epoch(reader)
                writer.write(stream.request(stay.room, epoch, seen).replace(b"\r\n", field, 1))
                status = int((await reader.readuntil(b"\r\n\r\n"))[9:12])
                is_open = status not in (401, 404)
                items = stream.items()
                while status == stream.status and (data := await reader.read(65536)):
                    for each in items.feed(data):
                        item = decode_item(each)
                        if item.by is not None and item.seq:
                            stay.shown.add(item.seq)
                            seen = item.seq
            except LOST:
                await asyncio.sleep(BACKOFF_S)
            finally:
                writer.transport.abort()

    async def _epoch(self, reader: asyncio.StreamReader) -> str:
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        page = msgspec.json.decode(await reader.readexactly(int(length)))
        return str(page.get("epoch", ""))

    def wrong(self) -> Iterator[str]:
        """What anybody was shown that they should not have been, or what nodes do not agree on. Blocks."""
        for stay in self.stays:
            pages = [self._page(node, stay.room) for node in self._nodes]
            if any(page != pages[0] for page in pages):
                yield f"nodes do not agree on {stay.room}"
            _, begun, *removed = [event["seq"] for event in pages[0] if event["type"] == "member"]  # first the owner
            said = {event["seq"] for event in pages[0] if event["type"] == "redacted"}
            behind = {seq for seq in stay.shown | said if removed and seq > removed[0]}
            if len(removed) != 1 or behind or not said:
                yield f"{stay.bot} was in {stay.room} from {begun} to {removed}, and shown or has said {sorted(behind)}"

    def until_erased(self) -> None:
        """Wait until no node shows what the bots have said. Blocks."""
        for stay in self.stays:
            for node in self._nodes:
                wait_until(lambda node=node, stay=stay: SAID not in str(self._page(node, stay.room)))  # type: ignore[misc]

    def _page(self, node: ServerProcess, room: str) -> list[dict[str, Any]]:
        fields = [f"Authorization: {self._owner['Authorization']}", "Connection: close"]
        answer = raw.exchange(node.port, raw.head("GET", f"/{room}?format=json&since=0&limit=1000", *fields))
        assert raw.status(answer) == 200, answer
        events: list[dict[str, Any]] = msgspec.json.decode(raw.body(answer))["events"]
        return events
