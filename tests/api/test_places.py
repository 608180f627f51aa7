"""What stays open counts for its client, wherever it comes from, until it ends, however it ends."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parlour.config import Settings
from parlour.core.limits import Limits
from parlour.net.connection import Connection
from tests.support.inprocess import InProcess, Setup
from tests.support.many import many
from tests.support.raw import UPGRADE, head, post, ws_frame
from tests.support.talk import Client

MOST = 4
FOR_US, FOR_OTHERS = "X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 198.51.100.8"
LONG_POLL = "/waited?format=json&wait=50"
KINDS = {
    "sse": head("GET", "/followed?format=sse", FOR_US),
    "ndjson": head("GET", "/followed?follow=1&format=ndjson", FOR_US),
    "text": head("GET", "/followed?follow=1", FOR_US),
    "many rooms": head("GET", "/api/v1/stream?room=a&room=b", FOR_US),
    "websocket": head("GET", "/followed", FOR_US, *UPGRADE),
    "websocket of many": head("GET", "/api/v1/stream", FOR_US, *UPGRADE),
    "long-poll": head("GET", LONG_POLL, FOR_US),
}


@pytest.fixture(scope="module", params=[("127.0.0.1",), ()], ids=["behind a proxy", "directly"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """A server at which each client may have four things open; the second believes no proxy."""
    data = tmp_path_factory.mktemp("places") / "data"
    limits = Limits(address_streams=MOST, history_ms_per_s=10_000, sends_burst=10_000, address_sends_burst=10_000)
    rates = Settings(data=data, port=0, limits=limits)
    with InProcess(settings=rates, setup=Setup(proxies=request.param)) as server:
        yield server


def places(server: InProcess) -> int:
    assert server.app is not None
    return server.app.sizes()["places"]


def opened(server: InProcess, stack: ExitStack, kind: str) -> Client:
    """A client that has it open: it has been counted."""
    before = server.call(places, server)
    client = stack.enter_context(server.client()).send(KINDS[kind])
    server.wait_until(lambda: places(server) == before + 1)
    return client


def test_one_client_has_its_share_whatever_it_is_and_others_theirs(server: InProcess) -> None:
    is_proxied = server.server.behind_proxy
    for kinds in (list(KINDS)[:MOST], list(KINDS)[-MOST:], ["long-poll"] * MOST):
        with ExitStack() as stack:
            for kind in kinds:
                opened(server, stack, kind)
            for kind, request in KINDS.items():
                with server.client() as client:
                    answer = client.send(request).answer()
                    assert answer.status == 429, kind
                    assert answer.fields["retry-after"] == "5"
                    assert b"too_many_connections" in answer.body
            with server.client() as client:  # what does not stay open is not counted
                assert client.send(head("GET", "/followed", FOR_US)).answer().status == 200
                assert client.send(head("HEAD", "/followed?follow=1", FOR_OTHERS)).head().status in (200, 429)
            with server.client(source="127.0.0.1" if is_proxied else "127.0.0.9") as client:
                assert client.send(head("GET", "/followed?follow=1", FOR_OTHERS)).head().status == 200
                server.wait_until(lambda: places(server) == MOST + 1)
        nothing_left(server)


def nothing_left(server: InProcess) -> None:
    server.wind(5)  # a long-poll whose client has closed its side is given a second
    server.wait_until(lambda: places(server) == 0)


def close(server: InProcess, client: Client) -> None:
    client.sock.close()


def reset(server: InProcess, client: Client) -> None:
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.sock.close()


def half_close(server: InProcess, client: Client) -> None:
    client.half_close()


def news(server: InProcess, client: Client) -> None:
    """Ends a long-poll."""
    with server.client() as sender:
        for room in ("waited", "followed"):
            assert sender.send(post(f"/{room}", b"news")).answer().status == 201
    client.sock.close()


def garbage(server: InProcess, client: Client) -> None:
    """Ends a WebSocket by its fault; a stream's peer has nothing to say."""
    client.send(ws_frame(b"\xff", 1))
    client.sock.close()


def time(server: InProcess, client: Client) -> None:
    """Ends what does not answer pings."""
    server.wind(60)
    client.sock.close()


def cut(server: InProcess, client: Client) -> None:
    """The server ends it, unless another end has done so for all."""
    port = client.sock.getsockname()[1]

    def find() -> None:
        for connection in list(server.server.drain.connections):
            assert isinstance(connection, Connection)
            if (connection.transport.get_extra_info("peername") or ("", 0))[1] == port:
                connection.abort()

    server.call(find)


ENDS: dict[str, Callable[[InProcess, Client], None]] = {
    end.__name__: end for end in (close, reset, half_close, news, garbage, time, cut)
}


@settings(max_examples=many(25))
@given(lives=st.lists(st.tuples(st.sampled_from(list(KINDS)), st.sampled_from(list(ENDS))), min_size=1, max_size=MOST))
def test_a_place_is_given_back_however_it_ends(server: InProcess, lives: list[tuple[str, str]]) -> None:
    with ExitStack() as stack:
        clients = [(opened(server, stack, kind), end) for kind, end in lives]
        assert server.call(places, server) == len(lives)
        for client, end in clients:
            ENDS[end](server, client)
    nothing_left(server)


def test_what_fails_before_it_is_open_takes_no_place(server: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that cannot be read, and an answer that cannot be written."""

    async def broken(*_: object) -> object:
        raise RuntimeError("broken on purpose")

    def unwritable(*_: object, **__: object) -> bytes:
        raise RuntimeError("broken on purpose")

    assert server.app is not None
    with monkeypatch.context() as patch:
        patch.setattr(server.app.context.hub, "open", broken)
        for kind, request in KINDS.items():
            with server.client() as client:
                expected = 101 if kind == "websocket of many" else 500
                assert client.send(request).head().status == expected, kind
    nothing_left(server)
    subscriptions = server.app.context.hub.sizes()["subscriptions"]
    with monkeypatch.context() as patch:
        patch.setattr("parlour.net.http.encode_open", unwritable)
        for kind in ("sse", "ndjson", "text", "many rooms"):
            with server.client() as client:
                assert client.send(KINDS[kind]).answer().status == 500, kind
    nothing_left(server)
    assert server.app.context.hub.sizes()["subscriptions"] == subscriptions


def test_a_stop_gives_all_places_back(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", port=0, limits=Limits(address_streams=20))
    with InProcess(settings=settings) as server, ExitStack() as stack:
        for kind in KINDS:
            opened(server, stack, kind)
        assert server.app is not None
        server.call(server.app.context.hub.end_waits)
        server.wait(server.server.drain.run(lambda: None, 0.5))
        server.wait_until(lambda: places(server) == 0)
