"""One connection, request after request: order, persistence, pipelining, expectations (RFC 9112 §9, RFC 9110 §10)."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Iterator

import pytest

from parlour.core.limits import Limits
from parlour.net.connection import Connection
from parlour.net.http import READ_AHEAD, HttpConnection
from tests.support.inprocess import InProcess, LoopFactory, Scripted, Setup
from tests.support.raw import head, post
from tests.support.talk import Client
from tests.support.timeout import TIMEOUT_S

FAST = head("GET", "/fast")
CLOSE = head("GET", "/fast", "Connection: close")
FLOOD = 16_000
A_READ = 262144
"""What an event loop reads of a socket at once."""


@pytest.fixture
def application() -> Scripted:
    return Scripted()


@pytest.fixture
def server(application: Scripted, new_loop: LoopFactory) -> Iterator[InProcess]:
    with InProcess(application, Setup(Limits(connection_requests=50)), new_loop=new_loop) as server:
        yield server


def slow(name: str, *fields: str) -> bytes:
    return head("GET", f"/slow/{name}", *fields)


def finish(server: InProcess, application: Scripted, name: str) -> None:
    """Wait until a slow request has begun, then let it be answered."""
    assert application.begun.get(timeout=TIMEOUT_S) == name
    server.call(application.finish, name)


# --- order ---


def test_pipelined_requests_are_answered_in_order_whatever_each_takes(server: InProcess, application: Scripted) -> None:
    with server.client() as client:
        client.send(slow("a") + FAST + slow("b") + post("/post", b"12345") + head("HEAD", "/fast") + slow("c") + CLOSE)
        for name in "abc":
            finish(server, application, name)
        bodies = [client.answer("HEAD" if number == 4 else "GET").body for number in range(7)]
        assert bodies == [b"slow a", b"fast ", b"slow b", b"5", b"", b"slow c", b"fast "]
        assert client.rest() == b""


def test_two_connections_with_slow_requests_get_their_own_answers(server: InProcess, application: Scripted) -> None:
    """One of two peers behind the same proxy never sees what the other asked for, whoever is answered first."""
    with server.client() as one, server.client() as two:
        one.send(slow("one") + FAST)
        assert application.begun.get(timeout=TIMEOUT_S) == "one"
        two.send(slow("two") + FAST)
        finish(server, application, "two")
        assert [two.answer().body, two.answer().body] == [b"slow two", b"fast "]
        server.call(application.finish, "one")
        assert [one.answer().body, one.answer().body] == [b"slow one", b"fast "]


def test_flood_of_pipelined_requests_behind_a_slow_one_is_not_read_in(server: InProcess, application: Scripted) -> None:
    with server.client() as client:
        client.send(slow("a"))
        assert application.begun.get(timeout=TIMEOUT_S) == "a"
        decoder = server.http(client).decoder
        sent = fill(server, client, FAST * 1000)
        held = server.call(lambda: decoder.buffered)
        assert READ_AHEAD < held < sent
        assert held < READ_AHEAD + 262144  # one read more, at most
        server.call(application.finish, "a")
        assert client.answer().body == b"slow a"
        assert client.answer().body == b"fast "  # and it is read on


def test_flood_of_fast_pipelined_requests_is_read_only_as_fast_as_it_is_answered(
    application: Scripted, new_loop: LoopFactory
) -> None:
    """Neither does it keep others waiting: a few requests are answered in one iteration of the loop."""
    setup = Setup(Limits(connection_requests=10 * FLOOD))
    largest = 0

    async def look(server: InProcess) -> None:
        nonlocal largest
        while True:
            found = server.server.drain.connections
            buffered = [one.decoder.buffered for one in found if isinstance(one, HttpConnection)]
            largest = max([largest, *buffered])
            await asyncio.sleep(0)

    def flood(server: InProcess) -> None:
        with server.client() as client, server.client() as other:
            looking = server.call(lambda: server.loop.create_task(look(server)))
            sender = threading.Thread(target=client.send, args=(FAST * FLOOD,))
            sender.start()
            for _ in range(FLOOD // 2):
                assert client.answer().status == 200
            assert other.send(FAST).answer().status == 200
            for _ in range(FLOOD // 2):
                assert client.answer().status == 200
            sender.join()
            server.call(looking.cancel)

    with InProcess(application, setup, new_loop=new_loop) as server:
        server.check_turns(flood)
    assert largest <= 2 * A_READ, "one that was there when it had to wait, and one that shows it to be too much"


def fill(server: InProcess, client: Client, data: bytes) -> int:
    """Send until the server reads no more and the kernels are full; gives how much they and the server took."""
    transport = server.connection(client).transport
    sent = 0
    deadline = time.monotonic() + TIMEOUT_S
    client.sock.setblocking(False)
    while sent < 64 * 1024 * 1024:
        assert time.monotonic() < deadline, "the server neither reads nor stops reading"
        try:
            sent += client.sock.send(data)
        except BlockingIOError:
            if not server.call(transport.is_reading):
                client.sock.settimeout(TIMEOUT_S)
                return sent
    raise AssertionError("the server reads without end")


# --- persistence ---


@pytest.mark.parametrize(
    ("version", "connection", "stays"),
    [
        ("1.1", None, True),
        ("1.1", "close", False),
        ("1.1", "keep-alive", True),
        ("1.1", "Close, x", False),
        ("1.0", None, False),
        ("1.0", "keep-alive", True),
        ("1.0", "close", False),
    ],
)
def test_connection_persists_as_both_sides_say(
    server: InProcess, version: str, connection: str | None, stays: bool
) -> None:
    fields = [] if connection is None else [f"Connection: {connection}"]
    request = head("GET", "/fast", *fields).replace(b"HTTP/1.1", f"HTTP/{version}".encode())
    with server.client() as client:
        answer = client.send(request).answer()
        assert answer.body == b"fast "
        assert answer.fields.get("connection") == ("close" if not stays else "keep-alive" if version == "1.0" else None)
        if stays:
            assert client.send(FAST).answer().status == 200
        else:
            assert client.rest() == b""


def test_last_request_of_a_connection_says_so_and_refusals_count_too(server: InProcess) -> None:
    with server.client() as client:
        for number in range(1, 51):
            answer = client.send(FAST if number % 2 else head("GET", "/nothing")).answer()
            assert answer.status == (200 if number % 2 else 404)
            assert answer.fields.get("connection") == ("close" if number == 50 else None)
        assert client.rest() == b""


def test_head_is_answered_like_get_without_the_body(server: InProcess) -> None:
    with server.client() as client:
        got = client.send(FAST).answer()
        asked = client.send(head("HEAD", "/fast")).answer("HEAD")
        assert asked.fields | {"date": ""} == got.fields | {"date": ""}
        assert client.send(head("HEAD", "/nothing")).answer("HEAD").status == 404
        assert client.send(FAST).answer().body == b"fast "


# --- expectations ---


def test_continue_is_said_when_the_body_is_wanted_and_has_not_come(server: InProcess) -> None:
    with server.client() as client:
        client.send(head("POST", "/post", "Expect: 100-continue", "Content-Length: 5"))
        assert client.head().head == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"12")
        assert client.send(b"345").answer().body == b"5"
        client.send(head("POST", "/post", "Expect: 100-continue", "Content-Length: 5") + b"12345")
        assert client.answer().status == 200  # it came along: nothing to continue
        client.send(head("POST", "/post", "Expect: 100-continue", "Transfer-Encoding: chunked"))
        assert client.head().status == 100
        assert client.send(b"2\r\nab\r\n0\r\n\r\n").answer().body == b"2"


def test_http_1_0_client_is_never_told_to_continue(server: InProcess) -> None:
    """RFC 9110 §10.1.1."""
    with server.client() as client:
        request = head("POST", "/post", "Expect: 100-continue", "Content-Length: 2").replace(b"P/1.1", b"P/1.0")
        client.send(request)
        assert client.send(b"ab").answer().body == b"2"


@pytest.mark.parametrize(
    ("method", "target", "length", "status"),
    [("POST", "/post", 65537, 413), ("POST", "/nothing", 5, 404), ("PUT", "/post", 5, 405), ("GET", "/fast", 5, 413)],
)
def test_body_nobody_wants_is_refused_before_it_is_sent(
    server: InProcess, method: str, target: str, length: int, status: int
) -> None:
    with server.client() as client:
        answer = client.send(head(method, target, "Expect: 100-continue", f"Content-Length: {length}")).answer()
        assert answer.status == status
        assert answer.fields["connection"] == "close"
        assert client.rest() == b""


# --- mistakes of ours ---


def test_handler_that_fails_costs_its_own_request_only(server: InProcess, caplog: pytest.LogCaptureFixture) -> None:
    with server.client() as client:
        assert client.send(head("GET", "/broken")).answer().status == 500
        assert client.send(FAST).answer().status == 200
    assert "broken on purpose" in caplog.text


@pytest.mark.parametrize("path", ["/unwritable", "/split"])
def test_answer_that_cannot_be_written_is_a_500_and_the_end(
    server: InProcess, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that waits answers from a callback of the loop, where nobody else would catch the mistake."""
    with server.client() as client:
        answer = client.send(head("GET", path) + FAST).answer()
        assert answer.status == 500
        assert "set-cookie" not in answer.fields
        assert client.rest() == b""
    assert "answer_failed" in caplog.text


def test_closed_connection_is_freed_without_the_collector(application: Scripted, new_loop: LoopFactory) -> None:
    with InProcess(application, new_loop=new_loop) as server, server.client() as client:
        assert client.send(FAST).answer().status == 200

        def left() -> int:
            return sum(isinstance(found, Connection) for found in gc.get_objects())

        assert server.call(left) == 1
        gc.disable()
        try:
            client.sock.close()
            server.wait_until(lambda: left() == 0)
        finally:
            gc.enable()
