"""A crowd that keeps a recorded server busy: single sends and batches, with keys and without, long and short."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.fault.power.server import RecordedServer
from tests.support import raw
from tests.support.talk import Answer, Client
from tests.support.timeout import TIMEOUT_S

SIZES = (0, 10, 10, 100, 100, 400, 3000, 9000)
"""Extra characters of a text: some need pages of the database for themselves."""

FORM = "Content-Type: application/x-www-form-urlencoded"


_SEQ = re.compile(rb'"seq":(\d+)')


class Crowd:
    """Senders of one server over as many of its lives as it gets; one of them follows a room on a WebSocket.

    `acked` and `refused` are what the server said, and `indexes` what SQLite's WAL-index was after a round.
    """

    def __init__(
        self, server: RecordedServer, random: Random, rooms: int = 4, senders: int = 8, sizes: tuple[int, ...] = SIZES
    ) -> None:
        self.acked: set[tuple[str, int]] = set()
        self.refused: set[str] = set()
        self.indexes: list[tuple[frozenset[tuple[str, int]], bytes]] = []
        self._sizes = sizes
        self._server = server
        self._random = random
        self._rooms = [f"room-{number}" for number in range(rooms)]
        self._size = senders
        self._sent: list[tuple[str, bytes]] = []
        self._made = 0

    def talk(self, rounds: int) -> None:
        """Connect, send so many rounds, each of one or several sends at once, and leave."""
        senders = [Client.to(self._server.port) for _ in range(self._size)]
        follower = self._follow(self._rooms[0])
        for _ in range(rounds):
            count = self._random.choice((1, 1, 2, 3, self._size))
            for sender in senders[:count]:
                sender.send(self._request())
            follower.send(self._frame())
            for sender in senders[:count]:
                answer = sender.answer()
                assert answer.status == 201, answer
                self._record(answer)
            ack = follower.read_until(b'"type":"ack"') + follower.read_until(b"}")
            self.acked.add((self._rooms[0], int(_SEQ.findall(ack)[-1])))
            self.indexes.append((frozenset(self.acked), (self._server.data / "parlour.db-shm").read_bytes()))
        for client in (*senders, follower):
            client.sock.close()

    def talk_until_it_fails(self) -> None:
        """Send until the server says that it does not know what became of a message."""
        with Client.to(self._server.port) as sender:
            while (answer := sender.send(self._request()).answer()).status == 201:
                self._record(answer)
            assert answer.status == 500, answer

    def talk_alone(self, times: int) -> None:
        """Send one message after another until so many are stored, each in a transaction of its own."""
        with Client.to(self._server.port) as sender:
            while len(self.acked) < times:
                answer = sender.send(self._request()).answer()
                assert answer.status == 201, answer
                self._record(answer)

    def talk_until_refused(self, times: int) -> None:
        """Send until so many messages, each with a key of its own, have been refused because the disk is full."""
        with Client.to(self._server.port) as sender:
            while len(self.refused) < times:
                key = f"may-be-refused-{len(self.acked)}-{len(self.refused)}"
                request = raw.post(f"/{self._rooms[0]}", b"text=" + b"x" * 3000, FORM, f"Idempotency-Key: {key}")
                answer = sender.send(request).answer()
                if answer.status == 507:
                    self.refused.add(key)
                else:
                    assert answer.status == 201, answer
                    self._record(answer)

    def _record(self, answer: Answer) -> None:
        _, room, seq = answer.fields["location"].split("/")
        self.acked.add((room, int(seq)))

    def _follow(self, room: str) -> Client:
        follower = Client.to(self._server.port)
        follower.send(raw.head("GET", f"/{room}", *raw.UPGRADE))
        follower.read_until(b"caught_up")
        return follower

    def _frame(self) -> bytes:
        self._made += 1
        op = {"op": "send", "text": self._text(), "key": f"frame-{self._made:05}", "name": "follower"}
        return raw.ws_frame(json.dumps(op).encode())

    def _request(self) -> bytes:
        """A new message as JSON with a key or as plain text without; now and then one that was sent before."""
        if self._sent and self._random.random() < 0.1:
            room, body = self._random.choice(self._sent)
        else:
            self._made += 1
            room = self._random.choice(self._rooms)
            if self._random.random() < 0.2:
                return raw.post(f"/{room}", self._text().encode(), "Content-Type: text/plain")
            body = json.dumps({"text": self._text(), "key": f"key-{self._made:06}", "name": "sender"}).encode()
            self._sent.append((room, body))
        return raw.post(f"/{room}", body, "Content-Type: application/json", "Accept: application/json")

    def _text(self) -> str:
        return f"{self._made} äß🎉 {self._random.randbytes(self._random.choice(self._sizes) // 2).hex()}"


def until_checkpoint(data: Path) -> None:
    """Wait until the idle server moves its log into the database."""
    before = changed_at(data)
    until(lambda: changed_at(data) != before)


def changed_at(data: Path) -> int:
    """When the database file was written to."""
    return (data / "parlour.db").stat().st_mtime_ns


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    end = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < end, "nothing happens"
        time.sleep(0.01)
