"""The generator speaks to every broker as it should: against the real ones, and against frames cut in bad places."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.scenario import Scenario
from bench.scenarios import SCENARIOS
from bench.servers import (
    BENCH,
    BUILD,
    JETSTREAM,
    MOSQUITTO,
    NATS,
    PARLOUR,
    REDIS_STREAMS,
    SOCKET_IO,
    Server,
)
from bench.table import Pace, run_once
from tests.support.timeout import TIMEOUT_S

BRIEF = Pace(rounds=1, warm_up_s=0.0, seconds=0.2)
FAN_OUT = ("--publishers", "4", "--subscribers", "10", "--markers", "10")
OWED = ("missing", "extra", "repeats", "gaps", "refused", "lost_connections")

SERVER_INFO = b'INFO {"server_id":"scripted"}\r\n'
A_PING = b"\x89\x05hello"
ITS_PONG = b"\x8a\x85\0\0\0\0hello"  # masked with zeros


def every_delivery_is_counted(server: Server, *load: str) -> None:
    scenario = Scenario("brief", "A brief one", (PARLOUR, server), (*FAN_OUT, *load), ("deliveries_per_s",))
    figures = run_once(scenario, server, BRIEF)
    assert figures["acks"] > 0
    assert figures["deliveries"] > 0
    assert figures["delivery_ms_count"] > 0
    assert figures["ack_ms_count"] > 0
    assert {each: figures[each] for each in OWED} == dict.fromkeys(OWED, 0)


@pytest.mark.parametrize("server", [MOSQUITTO, REDIS_STREAMS], ids=lambda server: server.name)
@pytest.mark.parametrize("load", [(), ("--rooms", "5")], ids=["closed", "rooms"])
def test_broker_when_nothing_is_lost_then_every_delivery_is_counted(server: Server, load: tuple[str, ...]) -> None:
    every_delivery_is_counted(server, *load)


@pytest.mark.long
@pytest.mark.parametrize("server", [SOCKET_IO, NATS, JETSTREAM], ids=lambda server: server.name)
@pytest.mark.parametrize("load", [(), ("--rooms", "5"), ("--rate", "100")], ids=["closed", "rooms", "on schedule"])
def test_peer_from_a_registry_when_nothing_is_lost_then_every_delivery_is_counted(
    server: Server, load: tuple[str, ...]
) -> None:
    subprocess.run([str(BENCH / "prepare")], check=True)
    every_delivery_is_counted(server, *load)


def test_idle_when_subscribers_of_a_broker_wait_then_each_has_its_weight() -> None:
    idle = Scenario("brief", "A brief one", (PARLOUR, MOSQUITTO), ("50",), ("kib_per_subscriber",), kind="idle")
    figures = run_once(idle, MOSQUITTO, BRIEF)
    assert figures["handshakes_per_s"] > 0
    # Proportional memory falls when another process begins to share it: beside other tests only the size is certain.
    assert abs(figures["kib_per_subscriber"]) < 1024


@pytest.mark.parametrize("size", [1, 7, 125, 126, 400, 70_000])
def test_stream_when_frames_end_anywhere_then_every_message_is_read(size: int) -> None:
    with scripted_nats(size) as (port, pongs):
        figures = generate(port, "--publishers", "1", "--seconds", "0.1")
    assert figures["acks"] > 0
    assert {each: figures[each] for each in OWED} == dict.fromkeys(OWED, 0)
    assert pongs


def test_broker_when_it_refuses_then_the_generator_says_what_it_said() -> None:
    refusal = b"-ERR 'Authorization Violation'\r\n"
    with scripted_nats(100, greeting=refusal) as (port, _), pytest.raises(subprocess.CalledProcessError) as failure:
        generate(port, "--publishers", "1", "--seconds", "0.1")
    assert "Authorization Violation" in failure.value.stderr


def test_scenarios_when_a_server_stores_nothing_then_only_one_that_syncs_is_called_synced() -> None:
    posts = next(each for each in SCENARIOS if each.name == "posts")
    assert {each.name for each in posts.servers if each.keeps != "nothing"} == {"Parlour", "Redis Streams", "JetStream"}


def generate(port: int, *arguments: str) -> dict[str, int]:
    """Run the generator in the dialect of NATS and return what it printed."""
    command = [str(BUILD / "load"), "--port", str(port), "--dialect", "nats", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT_S)
    figures: dict[str, int] = json.loads(done.stdout)
    return figures


@contextmanager
def scripted_nats(size: int, greeting: bytes = SERVER_INFO) -> Iterator[tuple[int, list[bytes]]]:
    """Serve one subscriber and one publisher; what the subscriber gets comes in frames of `size` bytes, with pings
    between them. Yields the port and the pongs that came back."""
    pongs: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_serve, args=(listening, size, greeting, pongs))
        thread.start()
        yield listening.getsockname()[1], pongs
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()


def _serve(listening: socket.socket, size: int, greeting: bytes, pongs: list[bytes]) -> None:
    subscriber = _accept(listening, size, greeting)
    if greeting != SERVER_INFO:
        subscriber.close()
        return
    publisher = _accept(listening, size, greeting)
    with subscriber, publisher:
        while text := _message(publisher):
            framed = _framed(b"MSG bench.0 1 %d\r\n%s\r\n" % (len(text), text), size)
            subscriber.sendall(A_PING + framed[0] + A_PING + b"".join(framed[1:]))
            publisher.sendall(b"".join(_framed(b"+OK\r\n", size)))
        subscriber.settimeout(TIMEOUT_S)
        pongs.extend(re.findall(re.escape(ITS_PONG), subscriber.recv(1 << 20)))


def _accept(listening: socket.socket, size: int, greeting: bytes) -> socket.socket:
    connection, _ = listening.accept()
    _read_until(connection, b"\r\n\r\n")
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + b"".join(_framed(greeting, size)))
    if greeting == SERVER_INFO:
        _read_until(connection, b"PING\r\n")
        connection.sendall(b"".join(_framed(b"+OK\r\nPONG\r\n", size)))
    return connection


def _message(publisher: socket.socket) -> bytes:
    """The text of the next `PUB` in its frame; empty at the end."""
    request = _read_until(publisher, b"x\r\n")
    return request.split(b"\r\n")[1] if request else b""


def _read_until(connection: socket.socket, end: bytes) -> bytes:
    got = b""
    while not got.endswith(end):
        part = connection.recv(65536)
        if not part:
            return b""
        got += part
    return got


def _framed(text: bytes, size: int) -> list[bytes]:
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    return [b"\x82" + _length(len(part)) + part for part in parts]


def _length(n: int) -> bytes:
    return bytes((n,)) if n < 126 else b"\x7e" + n.to_bytes(2, "big")
