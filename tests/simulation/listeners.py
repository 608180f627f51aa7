"""Those who listen in the simulated world of people: by streams, long-polls and pages, slow and fast ones."""

from __future__ import annotations

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from random import Random

from tests.fault.client import LOST
from tests.fault.transports import STREAMS, Frames, Lines, ServerSentEvents, Stream, upgrade
from tests.simulation.people import NAMES, People, Shown, SignIn
from tests.support import raw

BACK_S = 0.15
"""After which somebody whose request or stream has ended comes back, on an average."""


def _signed(request: bytes, sign_in: SignIn) -> bytes:
    """A request with the fields of who asks."""
    fields = "".join([f"{field}\r\n" for field in sign_in.fields]).encode()
    return request.removesuffix(b"\r\n") + fields + b"\r\n"


class Listener:
    """Somebody at one room, or at all of them. `seen` is the cursor."""

    def __init__(self, people: People, name: str, room: str, way: str, seed: int) -> None:
        self.name = name
        self.room = room
        self.way = way
        self.seen = 0
        self.people = people
        self.random = Random(f"{seed} {name} {room} {way}")

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                async with self.people.shared.connected() as (reader, writer):
                    await self.listen(reader, writer, self.people.sign_ins[self.name])
            except LOST:
                pass
            await asyncio.sleep(self.random.expovariate(1 / BACK_S))

    async def listen(self, reader: StreamReader, writer: StreamWriter, sign_in: SignIn) -> None:
        raise NotImplementedError

    def item(self, data: bytes, sign_in: SignIn, opened_at: float) -> bool:
        """Write down what came. Returns False at the end of the room."""
        item = json.loads(data)
        if item["type"] in ("closed", "error", "bye"):
            return bool(item["type"] == "error")
        if item["type"] == "reset":
            self.seen = item["head_seq"] if self.way != "all" else self.seen
        elif "seq" in item:
            people = self.people
            shown = Shown(sign_in.account, sign_in.id, self.way, item["room"], item["seq"], opened_at, people.world.now)
            people.notes.shown.append(shown)
            if self.way != "all":
                self.seen = max(self.seen, item["seq"])
        return True


class Following(Listener):
    """One stream of one room."""

    def __init__(self, people: People, name: str, room: str, stream: Stream, seed: int) -> None:
        super().__init__(people, name, room, stream.name, seed)
        self.stream = stream

    async def listen(self, reader: StreamReader, writer: StreamWriter, sign_in: SignIn) -> None:
        opened_at = self.people.world.now
        since = 0 if self.random.random() < 0.3 else self.seen
        writer.write(_signed(self.stream.request(self.room, self.people.shared.epoch, since), sign_in))
        if int((await reader.readuntil(b"\r\n\r\n"))[9:12]) != self.stream.status:
            return
        items = self.stream.items()
        while data := await reader.read(65536):
            for each in items.feed(data):
                if not self.item(each, sign_in, opened_at):
                    return


class AllRooms(Listener):
    """All rooms over one connection."""

    async def listen(self, reader: StreamReader, writer: StreamWriter, sign_in: SignIn) -> None:
        opened_at = self.people.world.now
        items: Lines | Frames = Frames()
        if self.random.random() < 0.5:
            writer.write(_signed(upgrade("/api/v1/stream"), sign_in))
            for room in self.people.rooms:
                writer.write(raw.ws_frame(json.dumps({"op": "subscribe", "room": room, "since": 0}).encode()))
        else:
            items = ServerSentEvents()
            rooms = "&".join(f"room={room}" for room in self.people.rooms)
            request = raw.head("GET", f"/api/v1/stream?{rooms}", "Accept: text/event-stream")
            writer.write(_signed(request, sign_in))
        if int((await reader.readuntil(b"\r\n\r\n"))[9:12]) not in (101, 200):
            return
        while data := await reader.read(65536):
            for each in items.feed(data):
                self.item(each, sign_in, opened_at)


class LongPolls(Listener):
    """Asks for what is new, and waits for it."""

    async def listen(self, reader: StreamReader, writer: StreamWriter, sign_in: SignIn) -> None:
        target = f"/api/v1/rooms/{self.room}/messages?since={self.seen}&wait=20"
        await _page(self, target, sign_in)


class Pages(Listener):
    """Looks back: the newest, from the beginning, before some event, and single events."""

    async def listen(self, reader: StreamReader, writer: StreamWriter, sign_in: SignIn) -> None:
        seq = self.random.randint(1, max(2, self.seen + 3))
        parts = ("", "?since=0", f"?since={seq}", f"?before={seq}&limit=5", f"/{seq}", "?limit=1000")
        await _page(self, f"/api/v1/rooms/{self.room}/messages{self.random.choice(parts)}", sign_in)


async def _page(listener: Listener, target: str, sign_in: SignIn) -> None:
    opened_at = listener.people.world.now
    status, body = await listener.people.ask(sign_in, "GET", target)
    if status == 410:
        listener.seen = json.loads(body).get("head_seq", listener.seen)
    if status == 200:
        found = json.loads(body)
        for event in found.get("events", [found]):
            listener.item(json.dumps(event).encode(), sign_in, opened_at)


def listeners(people: People, seed: int, count: int) -> list[Listener]:
    """So many, of every kind."""
    random = Random(f"{seed} listeners")
    kinds: list[Callable[[str, str], Listener]] = [
        *[lambda name, room, stream=stream: Following(people, name, room, stream, seed) for stream in STREAMS],
        lambda name, room: LongPolls(people, name, room, "long-poll", seed),
        lambda name, room: Pages(people, name, room, "page", seed),
        lambda name, room: AllRooms(people, name, room, "all", seed),
    ]
    made = [kinds[index % len(kinds)] for index in range(count)]
    return [make(random.choice(list(NAMES)), random.choice(people.rooms)) for make in made]
