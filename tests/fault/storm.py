"""A storm of duplicates: every message is sent many times at once, over many lines, until each copy has its answer."""

from __future__ import annotations

import asyncio
import time
from asyncio import StreamReader, StreamWriter
from collections import deque
from collections.abc import Callable
from random import Random
from typing import NamedTuple
from urllib.parse import quote, urlencode

import msgspec

from tests.fault.client import (
    BACKOFF_S,
    LOST,
    LOST_FATE,
    Fate,
    Message,
    Shared,
    answer,
    decode_item,
    fate_of_answer,
    fate_of_item,
    make_message,
)
from tests.fault.transports import Frames, upgrade
from tests.support import raw

COPIES = 20
"""A message is sent 1 to this many times."""

CHANGED = 0.05
"""Share of copies that say something else under the same key: they must be refused, or be the one that is stored."""

PIPELINED = 6
"""Requests of one line under way at once."""


class Guest(NamedTuple):
    """One author: a name and a cookie; a guest without a cookie is known by the address.

    `author` is the id that the server has made of both.
    """

    name: str
    cookie: str
    author: str = ""


def copies(room: str, key: str, random: Random) -> list[Message]:
    """Up to COPIES of one new message, some of them changed."""
    made = []
    size = 3000 if random.random() < 0.02 else random.randrange(80)
    for number in range(random.randint(1, COPIES)):
        text = f"{key} äß🎉 {'x' * size}" + (f" changed {number}" if random.random() < CHANGED else "")
        made.append(make_message(room, key, text))
    return made


Ask = Callable[[Guest, Message], bytes]


def _guest_fields(guest: Guest) -> list[str]:
    return ["Accept: application/json", *([f"Cookie: parlour_guest={guest.cookie}"] if guest.cookie else [])]


def _json(guest: Guest, copy: Message) -> bytes:
    body = msgspec.json.encode({"text": copy.text, "key": copy.key, "name": guest.name})
    return raw.post(f"/{copy.room}", body, "Content-Type: application/json", *_guest_fields(guest))


def _form(guest: Guest, copy: Message) -> bytes:
    body = urlencode({"message": copy.text, "key": copy.key, "name": guest.name, "room": copy.room}).encode()
    return raw.post("/send", body, "Content-Type: application/x-www-form-urlencoded", *_guest_fields(guest))


def _put(guest: Guest, copy: Message) -> bytes:
    body = copy.text.encode()
    target = f"/{copy.room}/{copy.key}?name={quote(guest.name)}"
    fields = ("Content-Type: text/plain", f"Content-Length: {len(body)}", *_guest_fields(guest))
    return raw.head("PUT", target, *fields) + body


def _api(guest: Guest, copy: Message) -> bytes:
    body = msgspec.json.encode({"text": copy.text, "name": guest.name})
    fields = ("Content-Type: application/json", f"Idempotency-Key: {copy.key}", *_guest_fields(guest))
    return raw.post(f"/api/v1/rooms/{copy.room}/messages", body, *fields)


REQUESTS: dict[str, Ask] = {"post": _json, "form": _form, "put": _put, "api": _api}
"""The ways to say the same over HTTP."""


class Line:
    """One connection of one guest at a time. `outbox` holds what has no answer yet, in order."""

    def __init__(self, shared: Shared, guest: Guest, number: int, kind: str, on_answer: Callable[[], None]) -> None:
        self.outbox: deque[Message] = deque()
        self._shared = shared
        self._seat = guest
        self._kind = kind
        self._on_answer = on_answer
        self._name = f"{guest.author}-{number}-{kind}"
        self._connections = 0
        self._has_work = asyncio.Event()

    def give(self, copy: Message) -> None:
        """Send this too, as often as it takes."""
        self.outbox.append(copy)
        self._has_work.set()

    async def run(self) -> None:
        """Send until cancelled."""
        talk = self._websocket if self._kind == "websocket" else self._http
        while True:
            await self._work()
            self._connections += 1
            try:
                async with self._shared.connected() as (reader, writer):
                    await talk(reader, writer)
            except LOST:
                await asyncio.sleep(BACKOFF_S)

    async def _work(self) -> None:
        """Wait for something to send."""
        if not self.outbox:
            self._has_work.clear()
            await self._has_work.wait()

    async def _http(self, reader: StreamReader, writer: StreamWriter) -> None:
        ask = REQUESTS[self._kind]
        while True:
            await self._work()
            waiting = self._next()
            writer.write(b"".join(ask(self._seat, copy) for copy, _ in waiting))
            try:
                while waiting:
                    status, head, body = await answer(reader)
                    self._judge_http(*waiting[0], status, head, body)
                    waiting.popleft()
            except LOST:
                self._lost(waiting)
                raise

    async def _websocket(self, reader: StreamReader, writer: StreamWriter) -> None:
        shake = upgrade("/api/v1/stream")
        writer.write(shake[:-2] + "".join(f"{field}\r\n" for field in _guest_fields(self._seat)).encode() + b"\r\n")
        if not (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 "):
            raise ConnectionResetError("no WebSocket")
        frames = Frames()
        while True:
            await self._work()
            waiting = self._next()
            writer.write(b"".join(raw.ws_frame(self._op(copy)) for copy, _ in waiting))
            try:
                while waiting:
                    if not (received := await reader.read(65536)):
                        raise EOFError
                    for payload in frames.feed(received):
                        self._judge_item(payload, waiting)
            except LOST:
                self._lost(waiting)
                raise

    def _op(self, copy: Message) -> bytes:
        op = {"op": "send", "room": copy.room, "key": copy.key, "text": copy.text, "name": self._seat.name}
        return msgspec.json.encode(op)

    def _next(self) -> deque[tuple[Message, float]]:
        """What is sent now, each with its time."""
        return deque((copy, time.monotonic()) for copy in list(self.outbox)[:PIPELINED])

    def _lost(self, waiting: deque[tuple[Message, float]]) -> None:
        for copy, sent_at in waiting:
            self._record(copy, sent_at, LOST_FATE)

    def _judge_http(self, copy: Message, sent_at: float, status: int, head: bytes, body: bytes) -> None:
        fate = fate_of_answer(status, head, body)
        if fate.outcome == "ack":
            assert b"\r\nLocation: /%b/%d\r\n" % (copy.room.encode(), fate.seq) in head
        self._record(copy, sent_at, fate)

    def _judge_item(self, payload: bytes, waiting: deque[tuple[Message, float]]) -> None:
        item = decode_item(payload)
        if item.type not in ("ack", "error"):
            return
        # Answers to one key come in the order of its sends.
        index = next(index for index, (copy, _) in enumerate(waiting) if copy.key == item.key)
        copy, sent_at = waiting[index]
        self._record(copy, sent_at, fate_of_item(item))
        del waiting[index]

    def _record(self, copy: Message, sent_at: float, fate: Fate) -> None:
        author = self._seat.author
        self._shared.note(self._name, f"{self._name}.{self._connections}", author, copy, sent_at, fate)
        if fate.outcome == "ack" or fate.code == "key_reused":
            self.outbox.remove(copy)
            self._on_answer()
