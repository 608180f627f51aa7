"""Senders that want to send more than there is room for, and write down what became of each message."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from dataclasses import dataclass, field
from typing import cast

import msgspec

from tests.checker.history import Outcome, Send
from tests.fault.client import (
    LOST_FATE,
    Fate,
    Message,
    Shared,
    decode_item,
    fate_of_answer,
    fate_of_item,
    make_message,
)
from tests.fault.transports import Frames, upgrade
from tests.support import raw

LENGTH = re.compile(rb"(?i)\r\ncontent-length: ([0-9]+)")
CLOSE = re.compile(rb"(?i)\r\nconnection: close")
RETRY_AFTER = re.compile(rb"(?i)\r\nretry-after: [1-9][0-9]*\r\n")


@dataclass
class Flood:
    """A flood of texts of `size` bytes in one room, with every attempt and its outcome.

    `faults` are refusals that do not say what they have to say.
    """

    shared: Shared
    size: int
    faults: list[str] = field(default_factory=list)
    is_over: bool = False

    @property
    def sends(self) -> list[Send]:
        """All attempts so far."""
        return self.shared.history.sends

    def since(self, begun: float, outcome: Outcome) -> list[float]:
        """The seconds that each send with this outcome took, of those answered since then."""
        return [s.done_at - s.sent_at for s in self.sends if s.outcome == outcome and s.done_at >= begun]


class Flooder(asyncio.Protocol):
    """One connection that always has `window` sends under way."""

    window = 1

    def __init__(self, flood: Flood, number: int) -> None:
        self._flood = flood
        self._name = f"{type(self).__name__}-{number}"
        self._made = 0
        self._sample = make_message(
            flood.shared.rooms[0], "", "x" * flood.size
        )  # all say the same, under their own keys
        self._waiting: deque[tuple[Message, float]] = deque()
        self._data = b""
        self._transport: asyncio.Transport | None = None
        self._is_asked_to_close = False  # a connection takes so many requests, and refusals come fast
        self._again: asyncio.Task[None] | None = None
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Send until the flood is over and everything is answered."""
        await self._connect()
        await self.gone

    async def _connect(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._flood.shared.port)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        for message, sent_at in self._waiting:
            self._record(message, sent_at, LOST_FATE)
        if self._is_asked_to_close and not self._waiting and not self._flood.is_over:
            self._is_asked_to_close = False
            self._again = asyncio.get_running_loop().create_task(self._connect())
        elif not self.gone.done():
            self.gone.set_result(None)

    def send_more(self) -> None:
        """Fill the window; end when there is nothing more to wait for."""
        assert self._transport is not None
        requests = []
        while len(self._waiting) < self.window and not self._flood.is_over:
            self._made += 1
            message = self._sample._replace(key=f"{self._name}-{self._made:06}")
            self._waiting.append((message, time.monotonic()))
            requests.append(self._request(message))
        if requests:
            self._transport.write(b"".join(requests))
        elif not self._waiting:
            self._transport.abort()

    def _request(self, message: Message) -> bytes:
        raise NotImplementedError

    def _record(self, message: Message, sent_at: float, fate: Fate) -> None:
        self._flood.shared.note(self._name, self._name, self._name, message, sent_at, fate)

    def _judge(self, message: Message, sent_at: float, fate: Fate, *, is_told: bool) -> None:
        """Note an answer; `is_told` is whether a refusal says when to come back."""
        if fate.outcome != "ack" and not (is_told and fate.outcome == "known_fail"):
            self._flood.faults.append(f"{fate.code} without saying when to come back, or that it is not stored")
        self._record(message, sent_at, fate)


class HttpFlooder(Flooder):
    """Posts JSON, one after the other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.send_more()

    def _request(self, message: Message) -> bytes:
        body = msgspec.json.encode({"text": message.text, "name": self._name, "key": message.key})
        return raw.post(f"/{message.room}", body, "Content-Type: application/json", "Accept: application/json")

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, mark, body = self._data.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not mark or length is None or len(body) < int(length[1]):
            return
        self._data = b""
        status = raw.status(head)
        is_told = status in (429, 503) and RETRY_AFTER.search(head + b"\r\n") is not None
        self._judge(*self._waiting.popleft(), fate_of_answer(status, head, body), is_told=is_told)
        if CLOSE.search(head) is None:
            self.send_more()
        else:
            assert self._transport is not None
            self._is_asked_to_close = True
            self._transport.close()


class WebSocketFlooder(Flooder):
    """Sends as much as a WebSocket may have under way."""

    window = 256

    def __init__(self, flood: Flood, number: int) -> None:
        super().__init__(flood, number)
        self._frames: Frames | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self._transport is not None
        self._transport.write(upgrade("/api/v1/stream"))

    def _request(self, message: Message) -> bytes:
        op = {"op": "send", "room": message.room, "key": message.key, "text": message.text, "name": self._name}
        return raw.ws_frame(msgspec.json.encode(op))

    def data_received(self, data: bytes) -> None:
        if self._frames is None:
            self._data += data
            _, mark, data = self._data.partition(b"\r\n\r\n")
            if not mark:
                return
            self._frames = Frames()
        for payload in self._frames.feed(data):
            item = decode_item(payload)
            if item.type in ("ack", "error"):
                place = next(place for place in self._waiting if place[0].key == item.key)
                self._waiting.remove(place)
                self._judge(*place, fate_of_item(item), is_told=b'"retry_after_ms":' in payload)
        self.send_more()
