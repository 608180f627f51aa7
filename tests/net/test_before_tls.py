"""The TLS port before the handshake: who is counted, who is answered what, and who is told in the log."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from parlour.core.limits import Limits
from parlour.net.server import REFUSALS_EVERY_S
from parlour.net.tls import ServerTls
from tests.support.certificates import make_certificate
from tests.support.inprocess import InProcess, LoopFactory, Scripted, Setup
from tests.support.raw import head
from tests.support.talk import Client

FAST = head("GET", "/fast")
OTHER = "127.0.0.2"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"), "one")


@pytest.fixture(scope="module")
def trusting(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate[0]))


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def server(certificate: tuple[Path, Path], new_loop: LoopFactory) -> Iterator[InProcess]:
    setup = Setup(Limits(address_connections=3), tls=ServerTls(*certificate).context, limit_addresses=True)
    with InProcess(Scripted(), setup, new_loop=new_loop) as server:
        yield server


def silent(server: InProcess, clients: ExitStack, count: int, first: bytes = b"", source: str = "") -> list[Client]:
    """Connections that never finish a handshake, or begin one, and have been accepted."""
    before = server.connections()
    made = [clients.enter_context(server.client(source=source)).send(first) for _ in range(count)]
    server.wait_until(lambda: len(server.server.drain.connections) == before + count)
    return made


def hello() -> bytes:
    """A ClientHello as a client of TLS begins with."""
    out = ssl.MemoryBIO()
    sslobj = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost")
    with suppress(ssl.SSLWantReadError):
        sslobj.do_handshake()
    return out.read()


@pytest.mark.parametrize("first", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"], ids=["silent", "a byte", "half a hello"])
def test_connections_count_before_their_handshake(
    server: InProcess, trusting: ssl.SSLContext, clients: ExitStack, first: bytes
) -> None:
    waiting = silent(server, clients, 3, first)
    with server.client(trusting) as client:
        assert client.send(FAST).answer().status == 429
    with server.client(trusting, source=OTHER) as client:
        assert client.send(FAST).answer().status == 200
    waiting[0].sock.close()
    server.wait_until(lambda: len(server.server.drain.connections) == 2)
    with server.client(trusting) as client:
        assert client.send(FAST).answer().status == 200
    server.wait_until(lambda: len(server.server.drain.connections) == 2)
    server.wind(server.setup.limits.tls_handshake_s + 2)
    for client in waiting[1:]:
        with suppress(ConnectionResetError):
            assert client.rest() == b""
    server.wait_until(lambda: not server.server.drain.connections)


def test_what_is_counted_goes_on_being_counted_after_the_handshake(
    server: InProcess, trusting: ssl.SSLContext, clients: ExitStack
) -> None:
    for _ in range(3):
        assert clients.enter_context(server.client(trusting)).send(FAST).answer().status == 200
    with server.client(trusting) as client:
        assert client.send(FAST).answer().status == 429


def test_a_hello_in_single_bytes_and_a_request_behind_it_are_understood(
    server: InProcess, trusting: ssl.SSLContext
) -> None:
    """The request leaves together with the end of the handshake, as browsers send it."""
    back, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trusting.wrap_bio(back, out, server_hostname="localhost")
    with server.client() as client:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in out.read():
                    client.send(bytes([byte]))
                back.write(client.sock.recv(65536))
        tls.write(head("GET", "/fast", "Connection: close"))
        client.send(out.read())
        answer = b""
        while b"\r\n\r\n" not in answer:
            with suppress(ssl.SSLWantReadError):
                answer += tls.read(65536)
                continue
            back.write(client.sock.recv(65536))
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda version: version.name)
def test_both_versions_of_tls_are_spoken(
    server: InProcess, certificate: tuple[Path, Path], version: ssl.TLSVersion
) -> None:
    context = ssl.create_default_context(cafile=str(certificate[0]))
    context.minimum_version = context.maximum_version = version
    with server.client(context) as client:
        assert client.send(FAST).answer().status == 200


def test_plain_http_is_told_where_to_go(certificate: tuple[Path, Path], tmp_path: Path, new_loop: LoopFactory) -> None:
    from parlour.config import Settings

    settings = Settings(port=0, data=tmp_path / "data", rate_limits=False)
    setup = Setup(tls=ServerTls(*certificate).context)
    with InProcess(None, setup, settings=settings, new_loop=new_loop) as chat, chat.client() as client:
        answer = client.send(head("GET", "/lobby?since=3", "Accept: text/html")).answer()
        assert answer.status == 400
        assert answer.fields["content-type"].startswith("text/plain")
        assert answer.body == b"error: This port speaks https: use https://localhost/lobby?since=3. (bad_request)\n"
        assert client.rest() == b""


PLAIN = {
    "in pieces": [b"GE", b"T / HTT", b"P/1.1\r\nHost: localh", b"ost\r\n\r\n"],
    "HEAD": [head("HEAD", "/")],
    "HTTP/1.0 without Host": [b"GET / HTTP/1.0\r\n\r\n"],
    "a body on its way": [head("POST", "/post", "Content-Length: 3000000"), *[b"x" * 30_000] * 100],
    "HTTP/2": [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    "PROXY protocol": [b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"],
    "SSH": [b"SSH-2.0-OpenSSH_9.6\r\n"],
    "a long line": [b"G" * 20_000],
}


@pytest.mark.parametrize("pieces", PLAIN.values(), ids=PLAIN)
def test_every_plain_text_is_answered_and_closed(
    server: InProcess, trusting: ssl.SSLContext, pieces: list[bytes]
) -> None:
    with server.client() as client:
        for piece in pieces:
            client.send(piece)
        answer = client.head()
        assert (answer.status, answer.fields["connection"]) == (400, "close")
    with server.client(trusting) as client:
        assert client.send(FAST).answer().status == 200
    server.wait_until(lambda: not server.server.drain.connections)


@pytest.mark.parametrize("junk", [b"\x05\x01\x00", b"\x00" * 100, b"\x03\x00\x00\x13", b"\r\n\r\n", b"\xff"])
def test_what_is_neither_tls_nor_text_is_closed(server: InProcess, junk: bytes) -> None:
    with server.client() as client, suppress(ConnectionResetError):
        assert client.send(junk).rest() == b""


@pytest.mark.parametrize("broken", [b"\x16" * 1000, hello()[:50] + b"\x00" * 1000, hello()[:-3] + b"abc"])
def test_a_broken_handshake_is_closed_without_a_word_in_the_log(
    server: InProcess, trusting: ssl.SSLContext, broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with server.client() as client, suppress(ConnectionResetError):
        client.send(broken).half_close()
        client.rest()
    with server.client(trusting) as client:
        assert client.send(FAST).answer().status == 200
    assert caplog.records == []


def test_a_hello_to_the_plain_port_is_answered_and_closed(
    new_loop: LoopFactory, trusting: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    """In plain text: clients of TLS call it `wrong version number`, which people know how to look up."""
    with InProcess(Scripted(), Setup(), new_loop=new_loop) as server:
        with server.client() as client, suppress(ConnectionResetError):
            assert client.send(hello()).rest().startswith(b"HTTP/1.1 400 ")
        with pytest.raises(ssl.SSLError, match=r"wrong.version.number|record layer failure"):
            server.client(trusting)
    assert caplog.records == []


def test_a_stop_closes_what_has_not_begun_a_handshake(server: InProcess, clients: ExitStack) -> None:
    waiting = silent(server, clients, 2)
    assert server.wait(server.server.drain.run(lambda: None, 5)) == 0
    for client in waiting:
        with suppress(ConnectionResetError):
            assert client.rest() == b""


def test_refusals_are_logged_once_with_a_count_and_their_end_too(
    server: InProcess, trusting: ssl.SSLContext, clients: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "parlour.net")
    waiting = silent(server, clients, 3)
    for _ in range(5):
        with server.client(trusting) as client:
            assert client.send(FAST).answer().status == 429
    assert told(caplog) == [("connections_refused", "too_many_connections", 1)]
    server.wind(REFUSALS_EVERY_S + 2)
    assert told(caplog)[1:] == [("connections_refused", "too_many_connections", 4)]
    for client in waiting:
        client.sock.close()
    server.wind(REFUSALS_EVERY_S + 2)
    assert told(caplog)[2:] == [("connections_refused_no_more", "too_many_connections", 5)]
    server.wind(2 * REFUSALS_EVERY_S)
    assert len(told(caplog)) == 3


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, object, object]]:
    fields = [(record.getMessage(), getattr(record, "parlour_fields", {})) for record in caplog.records]
    return [(name, row["reason"], row["refused"]) for name, row in fields if name.startswith("connections_refused")]
