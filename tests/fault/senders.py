"""Senders under faults: each message has a key, and what became of it is asked again until it is known."""

from __future__ import annotations

import asyncio
import time
from asyncio import StreamReader, StreamWriter
from random import Random

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

REPEATS = 0.06
CHANGED = 0.01
"""Shares of sends that repeat an acknowledged one, and that reuse its key for another text."""

GIVE_UP = 0.5
"""Share of refused messages that are not tried again: they must never appear."""

LONG = 0.02
"""Share of messages that fill more than a page of the database."""

PIPELINED = 4


class Sender:
    """One author with one connection at a time. `outbox` holds what is under way or unknown, in order."""

    def __init__(self, shared: Shared, number: int, seed: int) -> None:
        self.name = f"sender-{number}"
        self.acks = 0
        self.refusals = 0
        self._shared = shared
        self._random = Random(f"{seed} {self.name}")
        self._outbox: list[Message] = []
        self._done: list[Message] = []
        self._made = 0
        self._line = 0

    async def run(self) -> None:
        """Send until asked to stop and nothing is unknown."""
        while self._outbox or not self._shared.stopping:
            self._line += 1
            try:
                async with self._shared.connected() as (reader, writer):
                    await self._talk(reader, writer)
            except LOST:
                await asyncio.sleep(BACKOFF_S)

    async def _talk(self, reader: StreamReader, writer: StreamWriter) -> None:
        raise NotImplementedError

    def _fill(self, count: int) -> list[Message]:
        """The messages to send now: what is unknown, or else `count` more."""
        if not self._outbox and not self._shared.stopping:
            self._outbox = [self._next() for _ in range(count)]
        return list(self._outbox)

    def _next(self) -> Message:
        choice = self._random.random()
        if self._done and choice < REPEATS + CHANGED:
            # As often the newest as any: a repeat may meet the original in the same batch or after ten restarts.
            old = self._done[-1] if choice < REPEATS / 2 else self._random.choice(self._done)
            if choice < REPEATS:
                return old
            return make_message(old.room, old.key, f"{old.text}, changed")
        self._made += 1
        size = 3000 if self._random.random() < LONG else self._random.randrange(120)
        text = f"{self.name} says {self._made} äß🎉 {'x' * size}"
        return make_message(self._random.choice(self._shared.rooms), f"{self.name}-{self._made}", text)

    def _record(self, message: Message, sent_at: float, fate: Fate) -> None:
        self._shared.note(self.name, f"{self.name}.{self._line}", self.name, message, sent_at, fate)
        if fate.outcome == "unknown":
            return
        if fate.outcome == "ack":
            self.acks += 1
            self._done.append(message)
        elif fate.code != "key_reused":
            self.refusals += 1
            if self._random.random() > GIVE_UP:
                return
        self._outbox.remove(message)


class HttpSender(Sender):
    """Posts JSON over one keep-alive connection, one message at a time."""

    async def _talk(self, reader: StreamReader, writer: StreamWriter) -> None:
        while messages := self._fill(1):
            message = messages[0]
            body = msgspec.json.encode({"text": message.text, "name": self.name})
            fields = ("Content-Type: application/json", "Accept: application/json", f"Idempotency-Key: {message.key}")
            sent_at = time.monotonic()
            try:
                writer.write(raw.post(f"/{message.room}", body, *fields))
                status, head, answered = await answer(reader)
            except LOST:
                self._record(message, sent_at, LOST_FATE)
                raise
            await self._judge(message, sent_at, status, head, answered)

    async def _judge(self, message: Message, sent_at: float, status: int, head: bytes, body: bytes) -> None:
        fate = fate_of_answer(status, head, body)
        self._record(message, sent_at, fate)
        if fate.outcome != "ack":
            await asyncio.sleep(BACKOFF_S)


class WebSocketSender(Sender):
    """Sends over a WebSocket, several messages before the first answer."""

    async def _talk(self, reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(upgrade("/api/v1/stream"))
        if not (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 "):
            raise ConnectionResetError("no WebSocket")
        frames = Frames()
        while messages := self._fill(self._random.randint(1, PIPELINED)):
            waiting: list[tuple[Message, float]] = []
            data = b""
            for message in messages:
                waiting.append((message, time.monotonic()))
                op = {"op": "send", "room": message.room, "key": message.key, "text": message.text, "name": self.name}
                data += raw.ws_frame(msgspec.json.encode(op))
            try:
                writer.write(data)
                while waiting:
                    received = await reader.read(65536)
                    if not received:
                        raise EOFError
                    for payload in frames.feed(received):
                        await self._judge(payload, waiting)
            except LOST:
                for message, sent_at in waiting:
                    self._record(message, sent_at, LOST_FATE)
                raise

    async def _judge(self, payload: bytes, waiting: list[tuple[Message, float]]) -> None:
        item = decode_item(payload)
        if item.type not in ("ack", "error"):
            return
        # Answers to one key come in the order of its sends; a key may be under way twice.
        index = next(index for index, (message, _) in enumerate(waiting) if message.key == item.key)
        message, sent_at = waiting.pop(index)
        fate = fate_of_item(item)
        self._record(message, sent_at, fate)
        if fate.outcome != "ack" and fate.code != "key_reused" and not waiting:
            await asyncio.sleep(BACKOFF_S)
