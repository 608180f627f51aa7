"""A client that is answered 503 is not read from for a moment; nobody else waits for that."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Iterator

import pytest

from parlour.http.throttle import Throttle
from tests.support.inprocess import InProcess, LoopFactory, Scripted, Setup
from tests.support.raw import head
from tests.support.timeout import TIMEOUT_S

FULL, FAST = head("GET", "/full"), head("GET", "/fast")
DELAYED = 100
"""So many peers are delayed already: 0.4 s in all, each after the one before, however late a busy machine is."""

HOUR_S = 3600.0


def endless() -> Throttle:
    """Delays for longer than any test: whatever happens all the same was not delayed."""
    return Throttle(HOUR_S, HOUR_S)


@pytest.fixture
def server(new_loop: LoopFactory) -> Iterator[InProcess]:
    with InProcess(Scripted(), Setup(throttle=endless()), new_loop=new_loop) as server:
        yield server


@pytest.mark.parametrize("behind", [b"", FAST], ids=["alone", "with a request sent behind it"])
def test_client_answered_503_is_read_again_after_those_delayed_before_it(new_loop: LoopFactory, behind: bytes) -> None:
    happened: list[str] = []
    with InProcess(Scripted(), new_loop=new_loop) as server, server.client() as refused:

        def delay_others() -> None:
            server.server.on_answer = lambda _method, path, *_: happened.append(path)
            for _ in range(DELAYED):
                server.server.throttle.delay(lambda: happened.append("one before"))

        server.call(delay_others)
        assert refused.send(FULL + behind).answer().status == 503
        refused.send(FAST)
        after = ["/fast"] * (2 if behind else 1)
        assert [refused.answer().body for _ in after] == [b"fast "] * len(after)
        server.call(happened.remove, "/full")  # on the loop, which reports an answer after it has sent it
        assert happened == ["one before"] * DELAYED + after
        assert refused.send(FAST).answer().status == 200


def test_nobody_else_is_delayed(server: InProcess) -> None:
    with server.client() as refused, server.client() as other:
        assert refused.send(FULL + FAST).answer().status == 503
        for _ in range(50):
            assert other.send(FAST).answer().status == 200
        assert select.select([refused.sock], [], [], 0)[0] == []


def test_trusted_proxy_is_not_delayed_because_it_speaks_for_others(new_loop: LoopFactory) -> None:
    setup = Setup(proxies=("127.0.0.1",), throttle=endless())
    with InProcess(Scripted(), setup, new_loop=new_loop) as server, server.client() as client:
        client.send(FULL + FAST)
        assert [client.answer().status for _ in range(2)] == [503, 200]


def test_client_that_is_no_proxy_is_delayed_where_there_are_proxies(new_loop: LoopFactory) -> None:
    setup = Setup(proxies=("198.51.100.1",), throttle=endless())
    with (
        InProcess(Scripted(), setup, new_loop=new_loop) as server,
        server.client() as refused,
        server.client() as other,
    ):
        assert refused.send(FULL + FAST).answer().status == 503
        assert other.send(FAST).answer().status == 200
        assert select.select([refused.sock], [], [], 0)[0] == []


@pytest.mark.parametrize("is_gone", [False, True], ids=["there", "gone"])
def test_stop_does_not_wait_for_a_delayed_client(server: InProcess, is_gone: bool) -> None:
    with server.client() as client:
        assert client.send(FULL).answer().status == 503
        if is_gone:
            client.sock.close()
        assert server.wait(server.server.drain.run(lambda: None, 20)) == 0
        assert is_gone or client.rest() == b""


def test_stop_answers_what_arrived_during_the_delay(server: InProcess) -> None:
    with server.client() as client:
        assert client.send(FULL).answer().status == 503
        client.send(FAST)
        stop = asyncio.run_coroutine_threadsafe(server.server.drain.run(lambda: None, 20), server.server.loop)
        answer = client.answer()
        assert (answer.status, answer.fields["connection"]) == (200, "close")
        assert client.rest() == b""
        client.sock.close()
        assert stop.result(TIMEOUT_S) == 0
