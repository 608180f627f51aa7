"""How long a connection waits: for a request, for its body, for the next one, for a peer that does not read."""

from __future__ import annotations

import functools
import socket
from collections.abc import Iterator

import pytest

from parlour.core.limits import Limits
from parlour.net.connection import LINGER_S, Connection
from parlour.net.http import HttpConnection
from tests.support.inprocess import InProcess, LoopFactory, Scripted, Setup
from tests.support.raw import head
from tests.support.talk import Client
from tests.support.timeout import TIMEOUT_S

LIMITS = Limits()
SLACK_S = 2
"""The wheel is coarse: what is due comes at most two ticks of a second later."""

FAST = head("GET", "/fast")
POST = head("POST", "/post", "Content-Length: 5")


@pytest.fixture
def application() -> Scripted:
    return Scripted()


@pytest.fixture
def server(application: Scripted, new_loop: LoopFactory) -> Iterator[InProcess]:
    with InProcess(application, Setup(LIMITS), new_loop=new_loop) as server:
        yield server


def arrived(server: InProcess, client: Client, size: int) -> None:
    """Wait until the server holds so many bytes of a request."""
    decoder = server.http(client).decoder
    server.wait_until(lambda: decoder.buffered == size)


def test_client_that_says_nothing_is_closed_without_a_word(server: InProcess) -> None:
    with server.client() as client:
        server.connection(client)
        server.wind(LIMITS.header_read_s - 1)
        assert server.connections() == 1
        server.wind(1 + SLACK_S)
        assert client.rest() == b""


def test_head_that_trickles_in_is_cut_off_in_time(server: InProcess) -> None:
    """RFC 9110 §15.5.9; the deadline is that of the whole head, not of its next byte."""
    with server.client() as client:
        for size in range(1, int(LIMITS.header_read_s)):
            client.send(FAST[size - 1 : size])
            arrived(server, client, size)
            server.wind(1)
        assert server.connections() == 1
        server.wind(1 + SLACK_S)
        answer = client.answer()
        assert (answer.status, answer.body, answer.fields["connection"]) == (408, b"request_timeout", "close")
        assert client.rest() == b""


def test_body_that_trickles_in_is_cut_off_in_time(server: InProcess) -> None:
    with server.client() as client:
        client.send(POST.replace(b"Content-Length: 5", b"Content-Length: 500"))
        for size in range(1, int(LIMITS.body_read_s)):
            client.send(b"x")
            arrived(server, client, size)
            server.wind(1)
        assert server.connections() == 1
        server.wind(1 + SLACK_S)
        assert client.answer().status == 408
        assert client.rest() == b""


@pytest.mark.parametrize("first", [FAST, head("GET", "/nothing"), POST + b"12345"], ids=["answer", "refusal", "body"])
def test_next_request_has_the_deadline_of_a_head_once_it_has_begun(server: InProcess, first: bytes) -> None:
    with server.client() as client:
        client.send(first[:10])
        arrived(server, client, 10)
        assert client.send(first[10:]).answer().status in (200, 404)
        server.wind(LIMITS.header_read_s + SLACK_S)  # between two requests there is more time
        client.send(FAST[:10])
        arrived(server, client, 10)
        server.wind(LIMITS.header_read_s - 1)
        assert server.connections() == 1
        server.wind(1 + SLACK_S)
        assert client.answer().status == 408


def test_head_cut_short_behind_a_slow_request_has_its_deadline_too(server: InProcess, application: Scripted) -> None:
    with server.client() as client:
        client.send(head("GET", "/slow/a") + FAST[:10])
        assert application.begun.get(timeout=TIMEOUT_S) == "a"
        server.wind(300)  # a handler may take its time
        server.call(application.finish, "a")
        assert client.answer().body == b"slow a"
        server.wind(LIMITS.header_read_s + SLACK_S)
        assert client.answer().status == 408


def test_idle_connection_is_closed_without_a_word(server: InProcess) -> None:
    with server.client() as client:
        assert client.send(FAST).answer().status == 200
        server.wind(LIMITS.keep_alive_s - 1)
        assert client.send(FAST).answer().status == 200
        server.wind(LIMITS.keep_alive_s - 1)
        assert server.connections() == 1
        server.wind(1 + SLACK_S)
        assert client.rest() == b""
        assert server.connections() == 0


# --- peers that do not read ---


def narrow(server: InProcess) -> Client:
    """A client whose kernel takes little unless it reads."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", server.port))
    return Client(sock)


def test_large_answer_waits_for_a_slow_reader_as_long_as_it_reads(server: InProcess) -> None:
    size = 8_000_000
    with narrow(server) as client:
        connection = server.connection(client)
        client.send(head("GET", f"/page/{size}"))
        assert client.head().status == 200
        read = 0
        while read < size:
            held = server.call(connection.untaken)
            piece = min(500_000, size - read)
            assert len(client.read(piece)) == piece
            read += piece
            if held:
                server.wait_until(functools.partial(has_less, connection, held))
                server.wind(LIMITS.stalled_s - SLACK_S)
        assert client.send(FAST).answer().status == 200


def has_less(connection: Connection, size: int) -> bool:
    """Whether fewer bytes are waiting to be sent."""
    return connection.untaken() < size


def test_large_answer_to_a_peer_that_does_not_read_is_given_up(server: InProcess) -> None:
    with narrow(server) as client, server.client() as other:
        assert other.send(FAST).answer().status == 200
        connection = server.connection(client)
        client.send(head("GET", "/page/8000000"))
        server.wait_until(lambda: bool(connection.describe()["paused"]))
        server.wind(LIMITS.stalled_s - 1)
        assert server.connections() == 2
        server.wind(1 + SLACK_S)
        server.wait_until(lambda: len(server.server.drain.connections) == 1)
        assert other.send(FAST).answer().status == 200


@pytest.mark.parametrize("ending", ["idle", "half-closed", "closing"])
def test_small_answer_to_a_peer_that_does_not_read_is_given_up(server: InProcess, ending: str) -> None:
    """What is left is too little to pause for, and yet the connection must not stay for ever."""
    with narrow(server) as client:
        connection = server.http(client)
        while server.call(connection.transport.get_write_buffer_size) < 30_000:
            left = connection.remaining
            client.send(head("GET", "/page/30000"))
            server.wait_until(functools.partial(has_remaining, connection, left - 1))
        assert not server.call(connection.describe)["paused"]
        if ending == "half-closed":
            client.half_close()
            server.wait_until(lambda: connection.has_ended)
        elif ending == "closing":
            client.send(head("GET", "/fast", "Connection: close"))
            server.wait_until(lambda: connection.is_last)
        server.wind(LIMITS.stalled_s - 1)
        assert server.connections() == 1
        server.wind((LIMITS.keep_alive_s if ending == "idle" else 0) + LIMITS.stalled_s + LINGER_S + 2 * SLACK_S)
        server.wait_until(lambda: not server.server.drain.connections)


def has_remaining(connection: HttpConnection, count: int) -> bool:
    """Whether a connection may bring so many further requests."""
    return connection.remaining == count


def test_last_answer_reaches_a_reader_who_takes_longer_than_we_linger(server: InProcess) -> None:
    """The kernel has it all, the peer does not: no reset may take it away."""
    size = 60_000
    with narrow(server) as client:
        connection = server.http(client)
        client.send(head("GET", f"/page/{size}", "Connection: close"))
        server.wait_until(lambda: connection.is_last)
        assert server.call(connection.transport.get_write_buffer_size) == 0
        server.wind(LINGER_S + SLACK_S)
        server.wait_until(lambda: not server.server.drain.connections)
        assert len(client.answer().body) == size
        assert client.rest() == b""
