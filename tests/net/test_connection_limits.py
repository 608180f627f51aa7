"""How many connections there may be, from whom, and who is taken to be at the other end."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from parlour.core.addresses import SITE, AddressCounts
from parlour.core.limits import Limits
from parlour.net.drain import Drainable
from tests.support.inprocess import InProcess, Scripted, Setup
from tests.support.raw import head
from tests.support.talk import Answer, Client
from tests.support.timeout import TIMEOUT_S

FAST = head("GET", "/fast")
WHO = head("GET", "/who")
OTHER = "127.0.0.2"


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def opened(server: InProcess, clients: ExitStack, count: int, source: str = "") -> list[Client]:
    """Connections that are served."""
    found = [clients.enter_context(server.client(source=source)) for _ in range(count)]
    for client in found:
        assert client.send(FAST).answer().status == 200
    return found


def refused(server: InProcess, source: str = "") -> Answer:
    """The answer to a connection that is one too many."""
    with server.client(source=source) as client:
        answer = client.send(WHO).answer()
        assert client.rest() == b""
        return answer


def test_connections_from_one_address_are_limited_and_other_addresses_are_not(clients: ExitStack) -> None:
    with InProcess(Scripted(), Setup(Limits(address_connections=3), limit_addresses=True)) as server:
        first, *_ = opened(server, clients, 3)
        answer = refused(server)
        assert (answer.status, answer.body, answer.fields["connection"]) == (429, b"too_many_connections", "close")
        opened(server, clients, 1, OTHER)
        first.sock.close()
        server.wait_until(lambda: len(server.server.drain.connections) <= 3)
        opened(server, clients, 1)
        assert refused(server).status == 429


def test_new_connections_from_one_address_have_a_rate(clients: ExitStack) -> None:
    # So few that the next one would be let in only after five seconds: the rate keeps real time.
    with InProcess(Scripted(), Setup(Limits(address_new_per_10_s=2), limit_addresses=True)) as server:
        opened(server, clients, 2)
        assert refused(server).status == 429
        opened(server, clients, 1, OTHER)


def test_full_server_says_so_and_goes_on_counting_right(clients: ExitStack) -> None:
    """Who was refused because the server is full does not make room for another from the same address."""
    setup = Setup(Limits(address_connections=2), max_connections=3, limit_addresses=True)
    with InProcess(Scripted(), setup) as server:
        (other,) = opened(server, clients, 1, OTHER)
        opened(server, clients, 2)
        for _ in range(3):
            assert refused(server, "127.0.0.3").status == 503
            assert refused(server).status in (429, 503)
        other.sock.close()
        server.wait_until(lambda: len(server.server.drain.connections) == 2)
        assert refused(server).status == 429


def test_trusted_proxy_is_not_limited(clients: ExitStack) -> None:
    setup = Setup(Limits(address_connections=2), proxies=("127.0.0.0/24",), limit_addresses=True)
    with InProcess(Scripted(), setup) as server:
        opened(server, clients, 5)
        assert server.call(server.server.sizes)["addresses"] == 0


# --- who is there ---


def who(server: InProcess, *fields: str, source: str = "") -> str:
    """What the server takes the client for, and under which origin."""
    with server.client(source=source) as client:
        return client.send(head("GET", "/who", *fields)).answer().body.decode()


def test_forwarded_address_scheme_and_host_are_believed_from_a_trusted_proxy_only() -> None:
    fields = ("X-Forwarded-For: 198.51.100.7, 192.0.2.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: chat.test")
    with InProcess(Scripted(), Setup(proxies=("127.0.0.1", "192.0.2.0/24"))) as server:
        assert who(server, *fields) == "198.51.100.7 https://chat.test"
        assert who(server) == "127.0.0.1 http://localhost"
        assert who(server, *fields, source=OTHER) == "127.0.0.2 http://localhost"
    with InProcess(Scripted()) as server:
        assert who(server, *fields) == "127.0.0.1 http://localhost"


def test_one_proxy_connection_carries_many_clients() -> None:
    with InProcess(Scripted(), Setup(proxies=("127.0.0.1",))) as server, server.client() as proxy:
        for address in ("198.51.100.7", "198.51.100.8"):
            request = head("GET", "/who", f"X-Forwarded-For: {address}")
            assert proxy.send(request).answer().body.startswith(address.encode())
        assert proxy.send(WHO).answer().body.startswith(b"127.0.0.1 ")


def test_field_that_the_proxy_adds_counts_and_not_the_one_a_client_sent() -> None:
    """Some proxies append a line of their own where others replace it."""
    sent = ("X-Forwarded-Proto: https", "X-Forwarded-Host: evil.test")
    added = ("X-Forwarded-Proto: http", "X-Forwarded-Host: chat.test")
    with InProcess(Scripted(), Setup(proxies=("127.0.0.1",))) as server:
        assert who(server, *sent, *added) == "127.0.0.1 http://chat.test"


def test_unix_socket_serves_and_its_peers_are_believed_if_trusted(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    fields = ("X-Forwarded-For: 198.51.100.7", "X-Forwarded-Proto: https")
    for proxies, expected in ((("unix",), b"198.51.100.7 https://localhost"), ((), b"unix: http://localhost")):
        with InProcess(Scripted(), Setup(proxies=proxies, unix_socket=path)):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(str(path))
            with Client(sock) as client:
                assert client.send(head("GET", "/who", *fields)).answer().body == expected
                assert client.send(FAST).answer().status == 200


def test_tcp_peer_that_is_gone_before_it_is_accepted_is_not_taken_for_the_unix_socket() -> None:
    """Its address cannot be asked for any more, but what it sent can still be read."""
    with InProcess(Scripted(), Setup(proxies=("unix",), limit_addresses=True)) as server:
        held, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            held.set()
            go_on.wait(TIMEOUT_S)

        server.loop.call_soon_threadsafe(hold)
        assert held.wait(TIMEOUT_S)
        with Client.to(server.port) as client:
            client.send(head("GET", "/who", "X-Forwarded-For: 198.51.100.7"))
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        addresses: list[str] = []
        opened = server.server.opened

        def note(connection: Drainable, address: str) -> None:
            opened(connection, address)
            addresses.append(address)

        server.server.opened = note  # type: ignore[method-assign]  # it is gone before it could be asked for
        go_on.set()
        with server.client() as client:
            assert client.send(FAST).answer().status == 200
        assert addresses == ["", "127.0.0.1"]


def test_refused_connections_take_nobody_s_place(clients: ExitStack) -> None:
    setup = Setup(Limits(address_connections=2), limit_addresses=True, max_connections=6)
    with InProcess(Scripted(), setup) as server:
        opened(server, clients, 2)
        for _ in range(20):  # each has been answered and lingers
            clients.enter_context(server.client()).send(WHO).answer()
        opened(server, clients, 2, OTHER)


def test_of_too_many_refused_connections_the_oldest_are_cut(clients: ExitStack) -> None:
    """Those who ask for nothing must not keep others from hearing why they are refused."""
    setup = Setup(Limits(address_connections=1), limit_addresses=True, lingering=3)
    with InProcess(Scripted(), setup) as server:
        opened(server, clients, 1)
        silent = [clients.enter_context(server.client()) for _ in range(6)]
        for _ in range(6):
            assert clients.enter_context(server.client()).send(WHO).answer().status == 429
        for client in silent:
            with suppress(ConnectionResetError):
                assert client.rest() == b""
        server.wait_until(lambda: len(server.server.refused) <= 3)
        opened(server, clients, 1, OTHER)


def test_who_is_refused_and_asks_for_nothing_is_told_why(clients: ExitStack) -> None:
    with InProcess(Scripted(), Setup(Limits(address_connections=1), limit_addresses=True)) as server:
        opened(server, clients, 1)
        silent = clients.enter_context(server.client())
        server.wait_until(lambda: len(server.server.refused) == 1)
        server.wind(2 * Limits().header_read_s)
        assert silent.answer().status == 429


def test_a_site_of_ipv6_has_a_bound_however_many_networks_it_has() -> None:
    counts = AddressCounts(2)
    networks = [f"2001:db8:1:{number:x}::/64" for number in range(100)]
    entered = [key for key in networks for _ in range(3) if counts.enter(key)]
    assert entered == [key for key in networks[:SITE] for _ in range(2)]
    assert counts.enter("2001:db8:2::/64"), "another site"
    assert counts.enter("192.0.2.1")
    for key in [*entered, "2001:db8:2::/64", "192.0.2.1"]:
        counts.leave(key)
    assert len(counts) == 0
