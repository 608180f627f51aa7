"""Many and broken clients beside a healthy one: it notices nothing, and no iteration of the loop is long."""

from __future__ import annotations

import contextlib
import random
import resource
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from parlour.config import Settings
from parlour.core.limits import Limits
from tests.conformance.http1_cases import CASES
from tests.support.inprocess import InProcess, Setup
from tests.support.raw import UPGRADE, head, post, ws_frame
from tests.support.talk import Client

SLOW_CLIENTS = 1000
BROKEN_CLIENTS = 2000
HANDSHAKE = head("GET", "/lobby", *UPGRADE)


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[InProcess]:
    settings = Settings(port=0, data=tmp_path / "data", rate_limits=False)
    with InProcess(None, Setup(), settings=settings) as server:
        warm_up(server)
        yield server


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """Both ends of every connection are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def warm_up(server: InProcess) -> None:
    """Open the room once: what is done once for a process is not what is measured."""
    with server.client() as client:
        assert client.send(post("/lobby", b"first")).answer().status == 201
        assert client.send(head("GET", "/lobby", "Accept: text/html")).answer().status == 200


def say(client: Client, text: str) -> None:
    assert client.send(post("/lobby", text.encode())).answer().status == 201


def stored(server: InProcess) -> list[str]:
    with server.client() as client:
        page = client.send(head("GET", "/lobby?limit=1000")).answer().body.decode()
    return [line.split(": ", 1)[1] for line in page.splitlines()]


@pytest.mark.usefixtures("many_descriptors")
def test_a_thousand_slow_requests_keep_no_healthy_one_waiting(chat: InProcess) -> None:
    def scenario(chat: InProcess) -> None:
        slow, said = [], stored(chat)

        def say_next(healthy: Client) -> None:
            said.append(f"number {len(said)}")
            say(healthy, said[-1])

        try:
            with chat.client() as healthy:
                say_next(healthy)
                for _ in range(SLOW_CLIENTS):
                    slow.append(chat.client().send(post("/lobby", b"never")[:10]))
                chat.wait_until(lambda: len(chat.server.drain.connections) == SLOW_CLIENTS + 1)
                for number in range(10):
                    for client in slow[number::10]:
                        client.send(b"x")  # in the middle of a header field
                    say_next(healthy)
                chat.wind(Limits().header_read_s + 2)
                say_next(healthy)
                chat.wait_until(lambda: len(chat.server.drain.connections) == SLOW_CLIENTS + 1)
                assert all(client.answer().status in (400, 408) for client in slow)
                say_next(healthy)
        finally:
            for client in slow:
                client.sock.close()
        chat.wait_until(lambda: not chat.server.drain.connections)
        assert stored(chat) == said

    chat.check_turns(scenario)


def garbage(seeded: random.Random) -> bytes:
    """Noise, a damaged request, requests glued together, or frames: something between wrong and nearly right."""
    kind = seeded.randrange(5)
    if kind == 0:
        return seeded.randbytes(seeded.choice((1, 30, 1000, 20_000)))
    if kind == 1:
        data = bytearray(seeded.choice(CASES).data[:2000])
        for _ in range(seeded.randrange(1, 4)):
            data[seeded.randrange(len(data))] = seeded.randrange(256)
        return bytes(data)
    if kind == 2:
        glued = b"".join(seeded.choice(CASES).data[:500] for _ in range(seeded.randrange(2, 6)))
        return glued[: seeded.randrange(1, len(glued) + 1)]
    if kind == 3:
        return HANDSHAKE + seeded.randbytes(seeded.choice((2, 50, 5000)))
    frame = ws_frame(seeded.randbytes(seeded.randrange(200)), seeded.randrange(16))
    return HANDSHAKE + frame * seeded.randrange(1, 20)


def test_garbage_on_two_thousand_connections_disturbs_nobody(chat: InProcess) -> None:
    def scenario(chat: InProcess) -> None:
        seeded = random.Random(20_261_122)  # here: a try that comes after another is of the same garbage
        with chat.client() as healthy, chat.client() as reader:
            reader.send(head("GET", "/healthy?follow=1&format=ndjson")).head()
            for number in range(BROKEN_CLIENTS):
                with chat.client() as broken:
                    data = garbage(seeded)
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        cut = seeded.randrange(len(data) + 1)
                        broken.send(data[:cut]).send(data[cut:])
                        if seeded.random() < 0.5:
                            broken.half_close()
                            broken.rest()
                if number % 50 == 0:
                    text = f"healthy {number}".encode()
                    assert healthy.send(post("/healthy", text)).answer().status == 201
                    reader.read_until(text)
        # A stream whose client has hung up may be half-closed, as far as anyone knows, until it is written to.
        chat.wind(3 * Limits().stream_comment_s)
        chat.wait_until(lambda: not chat.server.drain.connections)

    chat.check_turns(scenario)


def test_connections_opened_and_dropped_at_once_leave_nothing_behind(chat: InProcess) -> None:
    for _ in range(500):
        sock = socket.create_connection(("127.0.0.1", chat.port))
        sock.close()
    with chat.client() as healthy:
        say(healthy, "still here")
    chat.wait_until(lambda: not chat.server.drain.connections)
    assert chat.call(chat.server.sizes)["addresses"] == 0


def test_largest_inputs_hold_the_loop_briefly(chat: InProcess) -> None:
    """Each is the worst of its kind that is let in, or the largest that is turned away."""
    escapes = b"message=" + b"%41" * 5300
    inputs = [
        head("GET", "/" + "%41" * 2700),
        head("GET", "/lobby?" + "&".join(f"a{number}=" + "%41" * 30 for number in range(80))),
        head("GET", "/lobby", *[f"X-{number}: {'a' * 240}" for number in range(60)]),
        head("GET", "/lobby", "Accept: " + ",".join(["text/html;q=0.1"] * 500)),
        head("GET", "/lobby", "Cookie: " + "; ".join(f"a{number}=b" for number in range(900))),
        head("GET", "/lobby", "X: " + "a" * 20_000),
        post("/lobby", b"x" * 65536),
        post("/lobby", b"\xf0\x9f\x8e\x89" * 4000),
        post("/lobby", b"a\n" * 8000),
        post("/lobby", "e\u0301".encode() * 4000),
        post("/lobby", escapes, "Content-Type: application/x-www-form-urlencoded"),
        post("/lobby", b"&" * 65536, "Content-Type: application/x-www-form-urlencoded"),
        post("/lobby", b"message=" + b"&a=b" * 16_000, "Content-Type: application/x-www-form-urlencoded"),
        post("/lobby", b"[" * 65536, "Content-Type: application/json"),
        post("/lobby", b'{"text":"' + b"\\u00e9" * 10_000 + b'"}', "Content-Type: application/json"),
        post("/lobby", b'{"a":1,' * 8000, "Content-Type: application/json"),
        post("/lobby", b'{"text":' + b"1" * 65_000 + b"}", "Content-Type: application/json"),
        post("/lobby", b"--x\r\n" * 13_000, "Content-Type: multipart/form-data; boundary=x"),
        post("/lobby", b"--x" + b"\r\n--" * 16_000, "Content-Type: multipart/form-data; boundary=x"),
        head("POST", "/lobby", "Transfer-Encoding: chunked") + b"1\r\nx\r\n" * 2000 + b"0\r\n\r\n",
        head("POST", "/lobby", "Transfer-Encoding: chunked") + b"0" * 65536,
    ]
    for data in inputs:
        chat.check_turns(partial(answered, data), what=f"{data[:100]!r}")


def answered(data: bytes, chat: InProcess) -> None:
    """Send an input and read what is said to it."""
    with chat.client() as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.send(data)
        assert client.answer().status < 500, data[:100]
