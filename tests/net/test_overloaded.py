"""Who is told that there is no room is not heard for a moment; whoever else is there does not wait for that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from parlour.http.aside import LONGEST_S
from tests.support.inprocess import PATIENCE_S, InProcess, LoopFactory, Scripted, Setup
from tests.support.raw import head

FULL, FAST = head("GET", "/full"), head("GET", "/fast")
CROWD = 10_000
"""So many wait already that the next one waits for as long as anybody may."""


@contextmanager
def crowded(new_loop: LoopFactory, *proxies: str) -> Iterator[InProcess]:
    with InProcess(Scripted(), Setup(proxies=proxies), new_loop=new_loop) as server:

        def crowd() -> None:
            for _ in range(CROWD):
                server.server.aside.wait(lambda: None)

        server.call(crowd)
        yield server


@pytest.mark.parametrize("behind", [b"", FAST], ids=["alone", "with what is sent behind it"])
def test_who_is_refused_for_want_of_room_is_heard_again_later(new_loop: LoopFactory, behind: bytes) -> None:
    with crowded(new_loop) as server, server.client() as refused, server.client() as other:
        begun = time.monotonic()
        assert refused.send(FULL + behind).answer().status == 503
        refused.send(FAST)
        for _ in range(50):
            assert other.send(FAST).answer().status == 200
        assert time.monotonic() - begun < LONGEST_S, "the others wait too"
        for _ in range(2 if behind else 1):
            assert refused.answer().body == b"fast "
        assert time.monotonic() - begun >= LONGEST_S - 0.1
        assert refused.send(FAST).answer().status == 200


def test_a_proxy_is_heard_at_once_for_it_speaks_for_others(new_loop: LoopFactory) -> None:
    with crowded(new_loop, "127.0.0.1") as server, server.client() as client:
        begun = time.monotonic()
        client.send(FULL + FAST)
        assert [client.answer().status for _ in range(2)] == [503, 200]
        assert time.monotonic() - begun < LONGEST_S - 0.1


@pytest.mark.parametrize("is_gone", [False, True], ids=["there", "gone"])
def test_a_stop_does_not_wait_for_who_is_not_heard(new_loop: LoopFactory, is_gone: bool) -> None:
    with crowded(new_loop) as server, server.client() as client:
        begun = time.monotonic()
        assert client.send(FULL).answer().status == 503
        if is_gone:
            client.sock.close()
        assert server.wait(server.server.drain.run(lambda: None, 20)) == 0
        assert time.monotonic() - begun < LONGEST_S - 0.1
        assert is_gone or client.rest() == b""


def test_a_stop_answers_what_came_while_nobody_listened(new_loop: LoopFactory) -> None:
    with crowded(new_loop) as server, server.client() as client:
        assert client.send(FULL).answer().status == 503
        client.send(FAST)
        stop = asyncio.run_coroutine_threadsafe(server.server.drain.run(lambda: None, 20), server.server.loop)
        answer = client.answer()
        assert (answer.status, answer.fields["connection"]) == (200, "close")
        assert client.rest() == b""
        client.sock.close()
        assert stop.result(PATIENCE_S) == 0
