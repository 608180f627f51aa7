"""Reading is paid for by what it takes: the worst pages are refused soon, and nobody else waits for them."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.raw import UPGRADE, head, ws_frame
from tests.support.server import ServerProcess, own_kb
from tests.support.talk import Client

HOSTILE, OTHER = "127.0.0.7", "127.0.0.8"
READERS = 8
HALF_A_SECOND = ("--history-ms-per-s", "1", "--history-burst-ms", "500")
"""So much is soon taken, and not soon there again, also on a machine that is busy with other things."""

TEXTS = 70
KINDS = (
    "{0}\u200b{1}a",  # what cannot be seen
    "a" + "\u0301\u200d" * 5,  # marks, and joiners among them
    "\U000e0001{0}",
    "👩\u200d",
)


def hostile_text(number: int) -> str:
    """A text that takes long to show, unlike any other."""
    pattern = KINDS[number % len(KINDS)].format(chr(0xE0020 + number), chr(0x2066 + number % 4))
    return (pattern * 8000).encode()[:16_000].decode(errors="ignore") + str(number)


def at(server: ServerProcess, source: str) -> httpx.Client:
    return server.client(transport=httpx.HTTPTransport(local_address=source))


def say_all(server: ServerProcess) -> None:
    with at(server, HOSTILE) as client:
        for number in range(TEXTS):
            answer = client.post(f"/noise?name=guest{number}", content=hostile_text(number).encode())
            assert answer.status_code == 201, answer.text


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", *HALF_A_SECOND, rate_limits=True, fresh=True) as server:
        say_all(server)
        yield server


def cpu_s(server: ServerProcess) -> float:
    """The time that the server has taken so far, all threads together."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_the_worst_pages_are_refused_and_others_are_served(server: ServerProcess) -> None:
    statuses: Counter[int] = Counter()

    def read(number: int) -> None:
        with at(server, HOSTILE) as client:
            for round_ in range(1000):
                format_ = ("html", "text")[(number + round_) % 2]
                status = client.get(f"/noise?format={format_}&limit=1000").status_code
                statuses[status] += 1
                if status == 429:
                    return

    with at(server, OTHER) as other:
        assert other.post("/small", content=b"hello").status_code == 201
        before_kb, before_s = own_kb(server.pid), cpu_s(server)
        readers = [threading.Thread(target=read, args=(number,)) for number in range(READERS)]
        for reader in readers:
            reader.start()
        others = 0
        while any(reader.is_alive() for reader in readers):
            assert other.get("/healthz").status_code == 200
            assert "hello" in other.get("/small").text or others > 100
            others += 1
        for reader in readers:
            reader.join()
        taken_s = cpu_s(server) - before_s
    assert statuses[429] == READERS, statuses
    assert set(statuses) == {200, 429}
    # Half a second, the pages that were begun by then, and what others had.
    assert taken_s < 0.5 + READERS * 0.25 + others * 0.005, statuses
    assert own_kb(server.pid) - before_kb < 48 * 1024


LITTLE = ("--history-ms-per-s", "0.1", "--history-burst-ms", "30")
WAYS = {
    "text": "/noise?format=text&limit=20",
    "html": "/noise?format=html&limit=20",
    "json": "/noise?format=json&limit=20",
    "ndjson": "/noise?format=ndjson&limit=20",
    "one event as text": "/noise/3?format=text",
    "one event as JSON": "/noise/3?format=json",
    "a link to an event": "/noise/3?format=html",
    "a long-poll that finds news": "/noise?format=json&wait=50&since=0&limit=20",
    "the API": "/api/v1/rooms/noise/messages?limit=20",
    "one event of the API": "/api/v1/rooms/noise/messages/3",
    "the extent of a room": "/api/v1/rooms/noise",
    "the list of rooms": "/api/v1/rooms",
}
STREAMS = {
    "text": "/noise?follow=1&since=0",
    "ndjson": "/noise?follow=1&format=ndjson&since=0",
    "sse": "/noise?format=sse&since=0",
    "many rooms": "/api/v1/stream?room=noise&room=other&since={epoch};noise=0",
}


@pytest.fixture(scope="module")
def little(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that lets each address read very little."""
    with ServerProcess(tmp_path_factory.mktemp("little") / "data", *LITTLE, rate_limits=True) as server:
        say_all(server)
        yield server


@pytest.fixture
def source() -> str:
    """An address of this machine that has not read anything yet."""
    _taken.append(len(_taken))
    return f"127.0.1.{len(_taken)}"


_taken: list[int] = []


@pytest.mark.parametrize("path", WAYS.values(), ids=list(WAYS))
def test_every_way_to_read_is_paid_for(little: ServerProcess, source: str, path: str) -> None:
    with at(little, source) as client:
        for _ in range(500):
            status = client.get(path).status_code
            if status == 429:
                return
            assert status in (200, 303)
    raise AssertionError("it was never refused")


@pytest.mark.parametrize("path", STREAMS.values(), ids=list(STREAMS))
def test_replays_of_streams_are_paid_for(little: ServerProcess, source: str, path: str) -> None:
    with at(little, OTHER) as other:
        path = path.format(epoch=other.get("/api/v1").json()["epoch"])
    for _ in range(500):
        with Client.to(little.port, source=source) as client:
            answer = client.send(head("GET", path)).head()
            if answer.status == 429:
                return
            assert answer.status == 200
    raise AssertionError("it was never refused")


def test_a_websocket_of_an_address_that_has_read_its_share_waits_for_the_past(
    little: ServerProcess, source: str
) -> None:
    def first(from_: str) -> str:
        """What comes first: a message of the past, or the answer to what is asked after that."""
        with Client.to(little.port, source=from_) as client:
            client.send(head("GET", f"/noise?since={TEXTS - 1}", *UPGRADE) + ws_frame(b'{"op":"ping"}'))
            assert client.head().status == 101
            size = client.read(2)[1]
            size = int.from_bytes(client.read(2 if size == 126 else 8)) if size > 125 else size
            return str(json.loads(client.read(size))["type"])

    assert first(source) == "message"
    with at(little, source) as client:
        while client.get("/noise?format=text&limit=20").status_code != 429:
            pass
    assert first(source) == "pong"
    assert first(OTHER) == "message"
