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

from tests.checker.history import Outcome, Send, digest
from tests.fault.client import BACKOFF_S, LOST, Shared, answer, decode_item
from tests.fault.transports import Frames, upgrade
from tests.support import raw

COPIES = 20
"""A message is sent 1 to this many times."""

CHANGED = 0.05
"""Share of copies that say something else under the same key: they must be refused, or be the one that is stored."""

PIPELINED = 6
"""Requests of one line under way at once."""

UNKNOWN = frozenset({"internal", "outcome_unknown"})


class Seat(NamedTuple):
    """One author: the name, and the cookie that makes a seat of its own; without one the address is the seat.

    `author` is the id that the server has made of both.
    """

    name: str
    cookie: str
    author: str = ""


class Copy(NamedTuple):
    """One of the copies of a message; `mark` is the digest of what this one says."""

    room: str
    key: str
    text: str
    mark: str


def copies(room: str, key: str, random: Random) -> list[Copy]:
    """Up to COPIES of one new message, some of them changed."""
    made = []
    size = 3000 if random.random() < 0.02 else random.randrange(80)
    for number in range(random.randint(1, COPIES)):
        text = f"{key} äß🎉 {'x' * size}" + (f" changed {number}" if random.random() < CHANGED else "")
        made.append(Copy(room, key, text, digest(text)))
    return made


Ask = Callable[[Seat, Copy], bytes]


def _seat_fields(seat: Seat) -> list[str]:
    return ["Accept: application/json", *([f"Cookie: parlour_guest={seat.cookie}"] if seat.cookie else [])]


def _json(seat: Seat, copy: Copy) -> bytes:
    body = msgspec.json.encode({"text": copy.text, "key": copy.key, "name": seat.name})
    return raw.post(f"/{copy.room}", body, "Content-Type: application/json", *_seat_fields(seat))


def _form(seat: Seat, copy: Copy) -> bytes:
    body = urlencode({"message": copy.text, "key": copy.key, "name": seat.name, "room": copy.room}).encode()
    return raw.post("/send", body, "Content-Type: application/x-www-form-urlencoded", *_seat_fields(seat))


def _put(seat: Seat, copy: Copy) -> bytes:
    body = copy.text.encode()
    target = f"/{copy.room}/{copy.key}?name={quote(seat.name)}"
    fields = ("Content-Type: text/plain", f"Content-Length: {len(body)}", *_seat_fields(seat))
    return raw.head("PUT", target, *fields) + body


def _api(seat: Seat, copy: Copy) -> bytes:
    body = msgspec.json.encode({"text": copy.text, "name": seat.name})
    fields = ("Content-Type: application/json", f"Idempotency-Key: {copy.key}", *_seat_fields(seat))
    return raw.post(f"/api/v1/rooms/{copy.room}/messages", body, *fields)


REQUESTS: dict[str, Ask] = {"post": _json, "form": _form, "put": _put, "api": _api}
"""The ways to say the same over HTTP."""


class Line:
    """One connection of one seat at a time. `outbox` holds what has no answer yet, in order."""

    def __init__(self, shared: Shared, seat: Seat, number: int, kind: str, on_answer: Callable[[], None]) -> None:
        self.outbox: deque[Copy] = deque()
        self._shared = shared
        self._seat = seat
        self._kind = kind
        self._on_answer = on_answer
        self._name = f"{seat.author}-{number}-{kind}"
        self._connections = 0
        self._has_work = asyncio.Event()

    def give(self, copy: Copy) -> None:
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
        writer.write(shake[:-2] + "".join(f"{field}\r\n" for field in _seat_fields(self._seat)).encode() + b"\r\n")
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

    def _op(self, copy: Copy) -> bytes:
        op = {"op": "send", "room": copy.room, "key": copy.key, "text": copy.text, "name": self._seat.name}
        return msgspec.json.encode(op)

    def _next(self) -> deque[tuple[Copy, float]]:
        """What is sent now, each with its time."""
        return deque((copy, time.monotonic()) for copy in list(self.outbox)[:PIPELINED])

    def _lost(self, waiting: deque[tuple[Copy, float]]) -> None:
        for copy, sent_at in waiting:
            self._record(copy, sent_at, "unknown", code="lost")

    def _judge_http(self, copy: Copy, sent_at: float, status: int, head: bytes, body: bytes) -> None:
        if status == 201:
            item = decode_item(body)
            assert b"\r\nLocation: /%b/%d\r\n" % (copy.room.encode(), item.seq) in head
            replay = b"idempotent-replay: true" in head.lower()
            self._record(copy, sent_at, "ack", item.seq, digest(body.rstrip(b"\n")), replay=replay)
            return
        problem = msgspec.json.decode(body)
        self._record(copy, sent_at, "known_fail" if problem.get("stored") is False else "unknown", code=problem["code"])

    def _judge_item(self, payload: bytes, waiting: deque[tuple[Copy, float]]) -> None:
        item = decode_item(payload)
        if item.type not in ("ack", "error"):
            return
        # Answers to one key come in the order of its sends.
        index = next(index for index, (copy, _) in enumerate(waiting) if copy.key == item.key)
        copy, sent_at = waiting[index]
        if item.type == "ack":
            self._record(copy, sent_at, "ack", item.seq, replay=item.replay)
        else:
            self._record(copy, sent_at, "unknown" if item.code in UNKNOWN else "known_fail", code=item.code)
        del waiting[index]

    def _record(
        self,
        copy: Copy,
        sent_at: float,
        outcome: Outcome,
        seq: int = 0,
        event: str = "",
        *,
        replay: bool = False,
        code: str = "",
    ) -> None:
        place = (self._name, f"{self._name}.{self._connections}", copy.room, self._seat.author, copy.key, copy.mark)
        found = (outcome, self._shared.epoch, seq, event, replay, code)
        self._shared.history.sends.append(Send(*place, sent_at, time.monotonic(), *found))
        if outcome == "ack" or code == "key_reused":
            self.outbox.remove(copy)
            self._on_answer()
