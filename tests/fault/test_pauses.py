"""T25: a process that is stopped and goes on (SIGSTOP, SIGCONT) has lost nothing and cuts nobody off for its own pause.

A pause is what a busy host, a debugger or a suspended virtual machine does to a server: its clocks go on, its peers
talk on, and all that it should have done meanwhile is due at once when it wakes.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import pytest

from parlour.store.sqlite.check import check
from tests.fault.listeners import QUIET, listen, say
from tests.fault.load import Load
from tests.support import raw
from tests.support.server import ServerProcess

PAUSES_S = (1.0, 1.3)
LONG_PAUSES = int(os.environ.get("PARLOUR_TEST_PAUSES", "20"))
LONG_PAUSE_S = (1.0, 5.0)
BEYOND_EVERY_DEADLINE_S = 60.0
"""Longer than a ping and its answer, a request's head, a reader that takes nothing: each is over while it sleeps."""


@contextmanager
def stopped(server: ServerProcess) -> Iterator[None]:
    """The server does not run."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


async def pauses_under_load(tmp_path: Path, seed: int, pauses_s: list[float], awake_acks: int) -> None:
    """Stop the server for so long, again and again; check what everybody saw."""
    with ServerProcess(tmp_path / "data") as server, ExitStack() as sockets:
        async with Load(server.port, seed) as load:
            listeners = listen(server.port, sockets)
            for number, pause_s in enumerate(pauses_s):
                await load.until_acks(awake_acks)
                with stopped(server):
                    await asyncio.sleep(pause_s)
                said = [f"after pause {past}." for past in range(number + 1)]
                await asyncio.to_thread(say, server.port, said[-1])
                for listener in listeners:
                    listener.live()
                    assert await asyncio.to_thread(listener.texts_until, said[-1]) == said
            await load.until_acks(awake_acks)
            await load.rest()
        load.verify(tmp_path / "history.jsonl")
        figures = load.figures(0, 0.0)
        assert (figures.unknown, figures.refused) == (0, reused(load)), "a sender was cut off or refused for a pause"
    assert check(tmp_path / "data").is_ok


def reused(load: Load) -> int:
    """Refusals that are the answer to what was asked: other content under a key."""
    return sum(send.code == "key_reused" for send in load.shared.history.sends)


async def test_pauses_under_load_lose_nothing_and_cut_nobody_off(tmp_path: Path) -> None:
    await pauses_under_load(tmp_path, 25, list(PAUSES_S), 300)


@pytest.mark.long
@pytest.mark.timeout(600 + 10 * LONG_PAUSES)
async def test_many_pauses_under_load_lose_nothing_and_cut_nobody_off(tmp_path: Path) -> None:
    random = Random(26)
    await pauses_under_load(tmp_path, 26, [random.uniform(*LONG_PAUSE_S) for _ in range(LONG_PAUSES)], 1000)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_pause_beyond_every_deadline_cuts_nobody_off(tmp_path: Path) -> None:
    """What is due when the process wakes is not held against peers that it has not listened to yet."""
    with ServerProcess(tmp_path / "data") as server, ExitStack() as sockets:
        say(server.port, "before")
        listeners = listen(server.port, sockets)
        half = sockets.enter_context(raw.connected(server.port))
        request = raw.post(f"/{QUIET}", b"in two halves", "Connection: close")
        half.sendall(request[:20])
        with stopped(server):
            half.sendall(request[20:])
            signal.sigtimedwait([], BEYOND_EVERY_DEADLINE_S)
        assert raw.status(raw.read_until(half, lambda data: False)) == 201
        say(server.port, "after")
        for listener in listeners:
            listener.live()
            assert listener.texts_until("after") == ["before", "in two halves", "after"]
