"""Who is told that there is no room is not heard for a moment; whoever else is there does not wait for that."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Iterator

import pytest

from tests.support.inprocess import InProcess, LoopFactory, Scripted, Setup
from tests.support.patience import PATIENCE_S
from tests.support.raw import head

FULL, FAST = head("GET", "/full"), head("GET", "/fast")
CROWD = 100
"""So many wait already: 0.4 s in all, and each behind the one before, however late a busy machine lets them return."""

HOUR_S = 3600.0


@pytest.fixture
def server(new_loop: LoopFactory) -> Iterator[InProcess]:
    with InProcess(Scripted(), new_loop=new_loop) as server:
        yield server


@pytest.fixture
def for_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits does so for longer than any test: what happens all the same does not wait."""
    monkeypatch.setattr("parlour.http.aside.APART_S", HOUR_S)
    monkeypatch.setattr("parlour.http.aside.LONGEST_S", HOUR_S)


@pytest.mark.parametrize("behind", [b"", FAST], ids=["alone", "with what is sent behind it"])
def test_who_is_refused_for_want_of_room_is_heard_again_behind_those_who_wait(server: InProcess, behind: bytes) -> None:
    happened: list[str] = []

    def crowd() -> None:
        server.server.on_answer = lambda _method, path, *_: happened.append(path)
        for _ in range(CROWD):
            server.server.aside.wait(lambda: happened.append("one of the crowd"))

    with server.client() as refused:
        server.call(crowd)
        assert refused.send(FULL + behind).answer().status == 503
        refused.send(FAST)
        later = ["/fast"] * (2 if behind else 1)
        assert [refused.answer().body for _ in later] == [b"fast "] * len(later)
        server.call(happened.remove, "/full")  # on the loop, which notes an answer when it has sent it
        assert happened == ["one of the crowd"] * CROWD + later
        assert refused.send(FAST).answer().status == 200


@pytest.mark.usefixtures("for_an_hour")
def test_nobody_else_waits_for_who_is_not_heard(server: InProcess) -> None:
    with server.client() as refused, server.client() as other:
        assert refused.send(FULL + FAST).answer().status == 503
        for _ in range(50):
            assert other.send(FAST).answer().status == 200
        assert select.select([refused.sock], [], [], 0)[0] == []


@pytest.mark.usefixtures("for_an_hour")
def test_a_proxy_is_heard_at_once_for_it_speaks_for_others(new_loop: LoopFactory) -> None:
    setup = Setup(proxies=("127.0.0.1",))
    with InProcess(Scripted(), setup, new_loop=new_loop) as server, server.client() as client:
        client.send(FULL + FAST)
        assert [client.answer().status for _ in range(2)] == [503, 200]


@pytest.mark.usefixtures("for_an_hour")
@pytest.mark.parametrize("is_gone", [False, True], ids=["there", "gone"])
def test_a_stop_does_not_wait_for_who_is_not_heard(server: InProcess, is_gone: bool) -> None:
    with server.client() as client:
        assert client.send(FULL).answer().status == 503
        if is_gone:
            client.sock.close()
        assert server.wait(server.server.drain.run(lambda: None, 20)) == 0
        assert is_gone or client.rest() == b""


@pytest.mark.usefixtures("for_an_hour")
def test_who_is_no_proxy_waits_where_there_are_some(new_loop: LoopFactory) -> None:
    setup = Setup(proxies=("198.51.100.1",))
    with (
        InProcess(Scripted(), setup, new_loop=new_loop) as server,
        server.client() as refused,
        server.client() as other,
    ):
        assert refused.send(FULL + FAST).answer().status == 503
        assert other.send(FAST).answer().status == 200
        assert select.select([refused.sock], [], [], 0)[0] == []


@pytest.mark.usefixtures("for_an_hour")
def test_a_stop_answers_what_came_while_nobody_listened(server: InProcess) -> None:
    with server.client() as client:
        assert client.send(FULL).answer().status == 503
        client.send(FAST)
        stop = asyncio.run_coroutine_threadsafe(server.server.drain.run(lambda: None, 20), server.server.loop)
        answer = client.answer()
        assert (answer.status, answer.fields["connection"]) == (200, "close")
        assert client.rest() == b""
        client.sock.close()
        assert stop.result(PATIENCE_S) == 0
