"""The whole program over TLS: pages, messages, streams, WebSockets, and ends that lose nothing."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parlour.config import Settings
from parlour.core.limits import Limits
from parlour.net.connection import LINGER_S
from parlour.net.tls import ServerTls
from tests.support.certificates import make_certificate
from tests.support.inprocess import InProcess, LoopFactory, Scripted, Setup
from tests.support.raw import UPGRADE, head, post, ws_frame
from tests.support.timeout import TIMEOUT_S


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"), "one")


@pytest.fixture(scope="module")
def trusting(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    """What a client needs that trusts the server."""
    return ssl.create_default_context(cafile=str(certificate[0]))


@pytest.fixture
def chat(tmp_path: Path, certificate: tuple[Path, Path], new_loop: LoopFactory) -> Iterator[InProcess]:
    settings = Settings(port=0, data=tmp_path / "data", rate_limits=False)
    setup = Setup(tls=ServerTls(*certificate).context)
    with InProcess(None, setup, settings=settings, new_loop=new_loop) as server:
        yield server


@pytest.fixture
def server(certificate: tuple[Path, Path], new_loop: LoopFactory) -> Iterator[InProcess]:
    with InProcess(Scripted(), Setup(tls=ServerTls(*certificate).context), new_loop=new_loop) as server:
        yield server


def test_everything_works_over_tls(chat: InProcess, trusting: ssl.SSLContext) -> None:
    with chat.client(trusting) as reader, chat.client(trusting) as talker, chat.client(trusting) as sender:
        reader.send(head("GET", "/lobby", "Accept: text/event-stream")).read_until(b"caught_up")
        talker.send(head("GET", "/lobby", *UPGRADE, "Origin: https://localhost"))
        assert talker.head().status == 101
        talker.read_until(b"caught_up")
        posted = sender.send(post("/lobby", b'{"text":"by POST"}', "Content-Type: application/json")).answer()
        assert posted.status == 201
        for listener in (reader, talker):
            assert posted.body[:-1] in listener.read_until(b"by POST") + listener.read(2)
        talker.send(ws_frame(json.dumps({"op": "send", "text": "by socket", "key": "key-00000001"}).encode()))
        assert b"by socket" in reader.read_until(b"by socket")
        page = sender.send(head("GET", "/lobby", "Accept: text/html")).answer()
        assert b"by socket" in page.body
        assert "; Secure" in page.fields["set-cookie"]
        assert page.fields["set-cookie"].startswith("__Host-")
        assert b"https://localhost" in sender.send(head("GET", "/help")).answer().body


def test_refusal_is_read_by_a_tls_client_that_is_still_sending(server: InProcess, trusting: ssl.SSLContext) -> None:
    with server.client(trusting) as client:
        client.send(head("POST", "/post", "Content-Length: 1000000"))
        for _ in range(100):
            client.send(b"x" * 10_000)
        answer = client.answer()
        assert (answer.status, answer.body) == (413, b"too_large")
        connection = server.connection(client)
        server.wait_until(lambda: not connection.untaken())  # the client's kernel may acknowledge it later
        server.wind(LINGER_S + 2)
        assert client.rest() == b""


def test_last_answer_to_a_tls_client_that_reads_late_comes_whole(server: InProcess, trusting: ssl.SSLContext) -> None:
    size = 8_000_000
    with server.client(trusting) as client:
        client.send(head("GET", f"/page/{size}", "Connection: close"))
        connection = server.http(client)
        server.wait_until(lambda: connection.is_last)
        server.wind(server.setup.limits.stalled_s - 1)
        assert len(client.answer().body) == size
        assert client.rest() == b""


def test_tls_client_that_does_not_read_its_last_answer_is_given_up(server: InProcess, trusting: ssl.SSLContext) -> None:
    with server.client(trusting) as client:
        client.send(head("GET", "/page/20000000", "Connection: close"))
        connection = server.http(client)
        server.wait_until(lambda: connection.is_last)
        server.wind(2 * server.setup.limits.stalled_s + 4)
        server.wait_until(lambda: not server.server.drain.connections)


def test_idle_tls_connection_is_closed_with_a_close_notify(server: InProcess, trusting: ssl.SSLContext) -> None:
    with server.client(trusting) as client:
        assert client.send(head("GET", "/fast")).answer().status == 200
        server.wind(server.setup.limits.keep_alive_s + 2)
        assert client.rest() == b""  # ssl raises for an end without one


SHORT_S = 0.2
"""A limit of time that the loop keeps in real time, where it is to be reached."""

SOON = 0.8
"""Far beyond that limit, and before the default would have been reached: this share of it."""


def test_table_can_be_made_in_every_turn_of_the_end_of_a_tls_connection(
    server: InProcess, trusting: ssl.SSLContext
) -> None:
    """The socket is gone in one iteration of the loop, and `connection_lost` is called in the next."""

    async def look_until_it_is_gone() -> int:
        turns = 0
        while server.server.table():
            turns += 1
            await asyncio.sleep(0)
        return turns

    with server.client(trusting) as client:
        server.connection(client)
        looked = asyncio.run_coroutine_threadsafe(look_until_it_is_gone(), server.loop)
        client.reset()
        assert looked.result(TIMEOUT_S) > 0


@pytest.fixture
def hasty(certificate: tuple[Path, Path], new_loop: LoopFactory) -> Callable[[Limits], InProcess]:
    """A server with other limits. Only one of them is short: on a busy machine also what is no fault takes longer."""
    tls = ServerTls(*certificate).context
    return lambda limits: InProcess(Scripted(), Setup(limits=limits, tls=tls), new_loop=new_loop)


def test_end_of_tls_that_takes_longer_than_the_limit_is_cut_off(
    hasty: Callable[[Limits], InProcess], trusting: ssl.SSLContext
) -> None:
    with hasty(Limits(stalled_s=SHORT_S)) as server, server.client(trusting) as client:
        client.send(head("GET", "/page/20000000", "Connection: close"))
        connection = server.http(client)
        server.wait_until(lambda: connection.is_last)
        server.call(connection.transport.close)
        server.wait_until(lambda: not server.server.drain.connections, SOON * Limits().stalled_s)
