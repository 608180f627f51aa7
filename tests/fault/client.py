"""What every client under faults shares: the address, the history it writes to, and how it behaves when cut off."""

from __future__ import annotations

import asyncio
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from tests.checker.history import History, Outcome, Send, digest

LOST = (OSError, EOFError)
"""How a client notices that the server is gone; EOFError is also the parent of asyncio.IncompleteReadError."""

BACKOFF_S = 0.02
"""Before the next attempt of a client that was cut off or refused."""


UNKNOWN = frozenset({"internal", "outcome_unknown"})
"""Errors of a WebSocket that do not say whether the message is stored; all others say that it is not."""


class By(msgspec.Struct):
    """Who sent an event; `id` tells those of one name apart."""

    name: str
    id: str = ""


class Item(msgspec.Struct):
    """What comes on a stream: an event has an author, a control item or an answer only some of the rest."""

    type: str
    room: str = ""
    seq: int = 0
    by: By | None = None
    text: str = ""
    access: str = ""
    key: str | None = None
    cursor: str = ""
    reason: str = ""
    epoch: str = ""
    head_seq: int = 0
    code: str = ""
    replay: bool = False


decode_item = msgspec.json.Decoder(Item).decode


def content(item: Item, event: bytes) -> tuple[str, str, str, str]:
    """Of an event: author, key, digest of the text, digest of its bytes. A change of access has these by its place."""
    assert item.by is not None
    key = f"{item.type}-{item.seq}" if item.access else item.key or ""
    return item.by.name, key, digest(item.text or item.access), digest(event)


class Message(NamedTuple):
    """What a client wants to say; `mark` is the digest of the text. Made by `make_message`."""

    room: str
    key: str
    text: str
    mark: str


def make_message(room: str, key: str, text: str) -> Message:
    """A message with its mark."""
    return Message(room, key, text, digest(text))


class Fate(NamedTuple):
    """What became of one attempt to send, in the words of the history (`Send`)."""

    outcome: Outcome
    seq: int = 0
    event: str = ""
    replay: bool = False
    code: str = ""


LOST_FATE = Fate("unknown", code="lost")
"""There was no answer."""


def fate_of_answer(status: int, head: bytes, body: bytes) -> Fate:
    """What an HTTP answer says."""
    if status == 201:
        replay = b"idempotent-replay: true" in head.lower()
        return Fate("ack", decode_item(body).seq, digest(body.rstrip(b"\n")), replay)
    problem = msgspec.json.decode(body)
    return Fate("known_fail" if problem.get("stored") is False else "unknown", code=problem["code"])


def fate_of_item(item: Item) -> Fate:
    """What the `ack` or `error` of a WebSocket says."""
    if item.type == "ack":
        return Fate("ack", item.seq, replay=item.replay)
    return Fate("unknown" if item.code in UNKNOWN else "known_fail", code=item.code)


@dataclass
class Shared:
    """One server as its clients know it. `is_up` is set while connecting may work; `stopping` asks for no new sends."""

    port: int
    epoch: str
    rooms: tuple[str, ...]
    history: History = field(default_factory=History)
    is_up: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: bool = False

    def note(self, proc: str, conn: str, author: str, message: Message, sent_at: float, fate: Fate) -> None:
        """Write down an attempt to send whose fate has just become known."""
        place = (proc, conn, message.room, author, message.key, message.mark, sent_at, time.monotonic())
        found = (fate.seq, fate.event, fate.replay, fate.code)
        self.history.sends.append(Send(*place, fate.outcome, self.epoch, *found))

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
        """A connection; waits for the server to be up. Raises OSError if it is not after all."""
        await self.is_up.wait()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def stay_connected(self, follow: Callable[[StreamReader, StreamWriter], Awaitable[None]]) -> None:
        """Connect and follow, again and again, until cancelled."""
        while True:
            try:
                async with self.connected() as (reader, writer):
                    await follow(reader, writer)
            except LOST:
                await asyncio.sleep(BACKOFF_S)


async def answer(reader: StreamReader) -> tuple[int, bytes, bytes]:
    """Status, head and body of an answer with a Content-Length. Raises what `LOST` says."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    body = await reader.readexactly(int(length))
    return int(head[9:12]), head, body
