"""Answers that nobody reads: what waits of them is bounded, by client and in all, and given back at every end."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from parlour.config import Settings
from parlour.core.addresses import SITE, AddressCounts
from parlour.core.limits import Limits
from parlour.net.connection import LINGER_S
from parlour.net.tls import ServerTls
from tests.support.certificates import make_certificate
from tests.support.inprocess import InProcess, LoopFactory, Scripted, Setup
from tests.support.raw import head, post
from tests.support.talk import Client
from tests.support.timeout import TIMEOUT_S

SIZE = 700_000
LARGE = head("GET", f"/page/{SIZE}")
FAST = head("GET", "/fast")
OTHER = "127.0.0.2"


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"), "one")


@pytest.fixture(params=["plain", "tls"])
def tls(request: pytest.FixtureRequest, certificate: tuple[Path, Path]) -> tuple[ssl.SSLContext, ssl.SSLContext] | None:
    """The contexts of server and client, where it is TLS."""
    if request.param == "plain":
        return None
    return ServerTls(*certificate).context, ssl.create_default_context(cafile=str(certificate[0]))


def thin(server: InProcess, tls: ssl.SSLContext | None = None, source: str = "") -> Client:
    """A client of which both kernels hold little, as over a slow line."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    sock.settimeout(TIMEOUT_S)
    if source:
        sock.bind((source, 0))
    sock.connect(("127.0.0.1", server.port))
    return Client(sock if tls is None else tls.wrap_socket(sock, server_hostname="localhost"))


def waiting(server: InProcess) -> int:
    """The bytes that the server counts."""
    return server.call(server.server.sizes)["large_answers_bytes"]


def asked(server: InProcess, clients: ExitStack, count: int, tls: ssl.SSLContext | None = None) -> list[int]:
    """The statuses of so many large answers, of which nothing else is read."""
    statuses = []
    for _ in range(count):
        client = clients.enter_context(thin(server, tls))
        statuses.append(int(client.send(LARGE).read(12)[-3:]))
    return statuses


def test_what_one_client_does_not_read_is_bounded(
    clients: ExitStack, new_loop: LoopFactory, tls: tuple[ssl.SSLContext, ssl.SSLContext] | None
) -> None:
    ours, theirs = tls or (None, None)
    setup = Setup(tls=ours, client_bytes=10 * SIZE)
    with InProcess(Scripted(), setup, new_loop=new_loop) as server:
        statuses = asked(server, clients, 60, theirs)
        assert statuses == [200] * 9 + [429] * 51, "with its head, the tenth is too much"
        assert 9 * SIZE < waiting(server) <= 10 * SIZE
        with server.client(theirs) as same, server.client(theirs, OTHER) as other:
            assert same.send(FAST).answer().body == b"fast ", "small answers go on"
            answer = same.send(LARGE).answer()
            assert (answer.status, answer.body) == (429, b"rate_limited")
            assert same.send(FAST).answer().status == 200, "on the same connection"
            assert same.send(head("HEAD", f"/page/{SIZE}")).answer("HEAD").status == 200
            assert other.send(LARGE).answer().body == b"x" * SIZE
        clients.close()
        server.wait_until(lambda: not server.server.drain.connections)
        assert waiting(server) == 0
        with server.client(theirs) as again:
            assert again.send(LARGE).answer().body == b"x" * SIZE


def test_what_all_do_not_read_is_bounded(clients: ExitStack, new_loop: LoopFactory) -> None:
    with InProcess(Scripted(), Setup(all_bytes=5 * SIZE), new_loop=new_loop) as server:
        for number in range(4):
            client = clients.enter_context(thin(server, source=f"127.0.1.{number + 1}"))
            assert client.send(LARGE).head().status == 200
        with server.client(source=OTHER) as other:
            answer = other.send(LARGE).answer()
            assert (answer.status, answer.body) == (503, b"overloaded")
            assert other.send(FAST).answer().status == 200
        assert 4 * SIZE < waiting(server) <= 5 * SIZE
        clients.close()
        server.wait_until(lambda: not server.server.drain.connections)
        assert waiting(server) == 0


def test_client_that_a_proxy_names_has_the_bound(clients: ExitStack) -> None:
    setup = Setup(proxies=("127.0.0.1",), client_bytes=2 * SIZE)
    with InProcess(Scripted(), setup) as server:

        def status(address: str) -> int:
            client = clients.enter_context(thin(server))
            return client.send(head("GET", f"/page/{SIZE}", f"X-Forwarded-For: {address}")).head().status

        assert [status("198.51.100.7") for _ in range(3)] == [200, 429, 429]
        assert status("198.51.100.8") == 200
        assert [status("2001:db8::1"), status("2001:db8::2"), status("2001:db8:0:1::1")] == [200, 429, 200]


def test_without_rates_clients_have_no_bounds_of_their_own(clients: ExitStack) -> None:
    with InProcess(Scripted(), Setup(client_bytes=3 * SIZE, all_bytes=3 * SIZE)) as server:
        assert asked(server, clients, 4) == [200, 200, 503, 503]


def test_answer_beyond_the_bound_is_given_where_nothing_else_waits(clients: ExitStack) -> None:
    with InProcess(Scripted(), Setup(client_bytes=1000, all_bytes=1000)) as server:
        assert asked(server, clients, 2) == [200, 503]
        clients.close()
        server.wait_until(lambda: not server.server.drain.connections)
        with server.client() as client:
            assert client.send(LARGE * 3).answer().body == b"x" * SIZE
            assert [len(client.answer().body) for _ in range(2)] == [SIZE] * 2, "one after the other"


# --- ends ---


def read_all(server: InProcess, client: Client) -> None:
    assert client.answer().body == b"x" * SIZE
    assert waiting(server) == 0, "while the connection stays"
    assert client.send(FAST).answer().status == 200


def close(_server: InProcess, client: Client) -> None:
    client.sock.close()


def reset(_server: InProcess, client: Client) -> None:
    client.reset()


def stall(server: InProcess, client: Client) -> None:
    server.wind(2 * Limits().stalled_s + 2)
    with pytest.raises((ConnectionResetError, EOFError, ssl.SSLError)):
        client.answer()


def drain_and_read(server: InProcess, client: Client) -> None:
    begin_drain(server)
    assert client.answer().body == b"x" * SIZE
    assert client.rest() == b""


def drain_and_wait(server: InProcess, client: Client) -> None:
    begin_drain(server)
    server.wind(LINGER_S + 2 * Limits().stalled_s + 2)


def begin_drain(server: InProcess) -> None:
    def tell() -> None:
        server.server.drain.is_draining = True
        for connection in list(server.server.drain.connections):
            connection.drain(0)

    server.call(tell)


ENDS: list[Callable[[InProcess, Client], None]] = [read_all, close, reset, stall, drain_and_read, drain_and_wait]


@pytest.mark.parametrize("end", ENDS)
def test_what_waits_is_given_back_at_every_end(
    new_loop: LoopFactory,
    tls: tuple[ssl.SSLContext, ssl.SSLContext] | None,
    end: Callable[[InProcess, Client], None],
) -> None:
    ours, theirs = tls or (None, None)
    with InProcess(Scripted(), Setup(tls=ours), new_loop=new_loop) as server, thin(server, theirs) as client:
        client.send(LARGE)
        server.wait_until(lambda: server.server.sizes()["large_answers_bytes"] > SIZE)
        end(server, client)
        client.sock.close()
        server.wait_until(lambda: not server.server.drain.connections)
        assert waiting(server) == 0


def test_whole_answers_arrive_before_the_connection_ends(
    new_loop: LoopFactory, tls: tuple[ssl.SSLContext, ssl.SSLContext] | None
) -> None:
    ours, theirs = tls or (None, None)
    with InProcess(Scripted(), Setup(tls=ours), new_loop=new_loop) as server:
        with thin(server, theirs) as client:
            client.send(head("GET", f"/page/{SIZE}", "Connection: close"))
            assert client.answer().body == b"x" * SIZE
            assert client.rest() == b""
        with thin(server, theirs) as client:
            client.send(LARGE + FAST + LARGE)
            assert [len(client.answer().body) for _ in range(3)] == [SIZE, 5, SIZE]
        server.wait_until(lambda: not server.server.drain.connections)
        assert waiting(server) == 0


@pytest.mark.parametrize("request_bytes", [LARGE, head("GET", f"/page/{SIZE}", "Connection: close")])
def test_whole_answer_arrives_after_a_half_close(new_loop: LoopFactory, request_bytes: bytes) -> None:
    with InProcess(Scripted(), new_loop=new_loop) as server, thin(server) as client:
        client.send(request_bytes)
        server.wait_until(lambda: server.server.sizes()["large_answers_bytes"] > SIZE)
        client.half_close()
        assert client.answer().body == b"x" * SIZE
        assert client.rest() == b""
        server.wait_until(lambda: not server.server.drain.connections)
        assert waiting(server) == 0


def test_peer_that_takes_a_little_of_a_large_answer_now_and_then_is_not_cut_off(new_loop: LoopFactory) -> None:
    with InProcess(Scripted(), new_loop=new_loop) as server, thin(server) as client:
        client.send(LARGE)
        server.wait_until(lambda: server.server.sizes()["large_answers_bytes"] > SIZE)
        taken = b""
        while len(taken) < SIZE // 2:
            taken += client.read(SIZE // 10)
            server.wind(Limits().stalled_s)
        client.buffer = taken + client.buffer
        assert client.answer().body == b"x" * SIZE


# --- with everything ---


def test_refusal_says_when_to_come_again(tmp_path: Path, clients: ExitStack) -> None:
    settings = Settings(port=0, data=tmp_path / "data", rate_limits=False)
    with InProcess(None, Setup(client_bytes=1), settings=settings) as server, server.client() as client:
        for _ in range(100):
            assert client.send(post("/big", b"x" * 7000)).answer().status == 201
        page = head("GET", "/big?format=json&limit=1000")
        assert clients.enter_context(thin(server)).send(page).head().status == 200
        answer = client.send(page).answer()
        assert answer.status == 429
        assert b"rate_limited" in answer.body
        assert int(answer.fields["retry-after"]) > 0
        assert client.send(head("GET", "/big?format=json&limit=1")).answer().status == 200


def test_sizes_count_for_the_site_of_ipv6_too() -> None:
    counts = AddressCounts(100)
    networks = [f"2001:db8:1:{number:x}::/64" for number in range(20)]
    entered = [key for key in networks for _ in range(3) if counts.enter(key, 40)]
    assert entered == [key for key in networks[: SITE * 100 // 80] for _ in range(2)]
    for key in entered:
        counts.leave(key, 40)
    assert len(counts) == 0
