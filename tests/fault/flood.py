"""Senders that want to send more than there is room for, and write down what became of each message."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from dataclasses import dataclass, field
from typing import cast

import msgspec

from tests.checker.history import History, Outcome, Send, digest
from tests.fault.client import content, decode_item
from tests.fault.transports import Frames, upgrade
from tests.support import raw

STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")
LENGTH = re.compile(rb"(?i)\r\ncontent-length: ([0-9]+)")
CLOSE = re.compile(rb"(?i)\r\nconnection: close")
RETRY_AFTER = re.compile(rb"(?i)\r\nretry-after: [1-9][0-9]*\r\n")


@dataclass
class Tide:
    """What a flood has come to. `faults` are answers that a refusal must not be like."""

    port: int
    epoch: str
    room: str
    size: int
    history: History = field(default_factory=History)
    faults: list[str] = field(default_factory=list)
    is_over: bool = False

    def text(self) -> str:
        return "x" * self.size

    def since(self, begun: float, outcome: Outcome) -> list[float]:
        """The seconds that each send with this outcome took, of those answered since then."""
        return [s.done_at - s.sent_at for s in self.history.sends if s.outcome == outcome and s.done_at >= begun]


class Flooder(asyncio.Protocol):
    """One connection that always has `window` sends under way."""

    window = 1

    def __init__(self, tide: Tide, number: int) -> None:
        self._tide = tide
        self._name = f"{type(self).__name__}-{number}"
        self._made = 0
        self._mark = digest(tide.text())
        self._waiting: deque[tuple[str, float]] = deque()
        self._data = b""
        self._transport: asyncio.Transport | None = None
        self._is_asked_to_close = False  # a connection takes so many requests, and refusals come fast
        self._again: asyncio.Task[None] | None = None
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Flood until the tide turns and everything is answered."""
        await self._connect()
        await self.gone

    async def _connect(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._tide.port)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        for key, sent_at in self._waiting:
            self._note(key, sent_at, "unknown", code="lost")
        if self._is_asked_to_close and not self._waiting and not self._tide.is_over:
            self._is_asked_to_close = False
            self._again = asyncio.get_running_loop().create_task(self._connect())
        elif not self.gone.done():
            self.gone.set_result(None)

    def send_more(self) -> None:
        """Fill the window; end when there is nothing more to wait for."""
        assert self._transport is not None
        requests = []
        while len(self._waiting) < self.window and not self._tide.is_over:
            self._made += 1
            key = f"{self._name}-{self._made:06}"
            self._waiting.append((key, time.monotonic()))
            requests.append(self._request(key))
        if requests:
            self._transport.write(b"".join(requests))
        elif not self._waiting:
            self._transport.abort()

    def _request(self, key: str) -> bytes:
        raise NotImplementedError

    def _note(
        self, key: str, sent_at: float, outcome: Outcome, *, seq: int = 0, event: str = "", code: str = ""
    ) -> None:
        tide = self._tide
        place = (self._name, self._name, tide.room, self._name, key, self._mark)
        tide.history.sends.append(
            Send(*place, sent_at, time.monotonic(), outcome, tide.epoch, seq, event, replay=False, code=code)
        )

    def _refused(self, key: str, sent_at: float, code: str, is_honest: bool) -> None:
        if not is_honest:
            self._tide.faults.append(f"{code} without saying when to come back, or that it is not stored")
        self._note(key, sent_at, "known_fail", code=code)


class HttpFlooder(Flooder):
    """Posts JSON, one after the other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.send_more()

    def _request(self, key: str) -> bytes:
        body = msgspec.json.encode({"text": self._tide.text(), "name": self._name, "key": key})
        return raw.post(f"/{self._tide.room}", body, "Content-Type: application/json", "Accept: application/json")

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, mark, body = self._data.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not mark or length is None or len(body) < int(length[1]):
            return
        self._data = b""
        key, sent_at = self._waiting.popleft()
        status = STATUS.match(head)
        assert status is not None
        if status[1] == b"201":
            item = decode_item(body)
            self._note(key, sent_at, "ack", seq=item.seq, event=content(item, body.rstrip(b"\n"))[3])
        else:
            problem = msgspec.json.decode(body)
            told = status[1] in (b"429", b"503") and RETRY_AFTER.search(head + b"\r\n") is not None
            self._refused(key, sent_at, problem["code"], told and problem.get("stored") is False)
        if CLOSE.search(head) is None:
            self.send_more()
        else:
            assert self._transport is not None
            self._is_asked_to_close = True
            self._transport.close()


class WebSocketFlooder(Flooder):
    """Sends as much as a WebSocket may have under way."""

    window = 256

    def __init__(self, tide: Tide, number: int) -> None:
        super().__init__(tide, number)
        self._frames: Frames | None = None
        self._at: dict[str, float] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self._transport is not None
        self._transport.write(upgrade("/api/v1/stream"))

    def _request(self, key: str) -> bytes:
        op = {"op": "send", "room": self._tide.room, "key": key, "text": self._tide.text(), "name": self._name}
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
                assert item.key is not None
                self._judge(item.key, item.type == "ack", item.seq, item.code, payload)
        self.send_more()

    def _judge(self, key: str, is_ack: bool, seq: int, code: str, payload: bytes) -> None:
        place = next(place for place in self._waiting if place[0] == key)
        self._waiting.remove(place)
        if is_ack:
            self._note(key, place[1], "ack", seq=seq)
        else:
            self._refused(key, place[1], code, b'"retry_after_ms":' in payload)
