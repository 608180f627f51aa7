"""What holds the event loop is named, also where the loop itself does not look."""

from __future__ import annotations

import asyncio
import logging
import socket
import time

import pytest
import uvloop

from parlour.watchdog import Watchdog
from tests.support.inprocess import LoopFactory

PATIENCE_S = 30


class Holder(asyncio.Protocol):
    """Holds the loop until the log says so; the data are for nothing else."""

    def __init__(self, records: list[logging.LogRecord], done: asyncio.Future[None]) -> None:
        self.records, self.done = records, done

    def data_received(self, data: bytes) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not self.records and time.monotonic() < deadline:
            pass
        self.done.set_result(None)


@pytest.mark.parametrize("new_loop", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_a_read_that_holds_the_loop_is_reported_while_it_does_and_when_it_is_over(
    new_loop: LoopFactory, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        ours, theirs = socket.socketpair()
        with theirs:
            transport, _ = await loop.connect_accepted_socket(lambda: Holder(caplog.records, done), ours)
            watchdog = Watchdog(loop)
            watchdog.start()
            theirs.send(b"hold")
            await done
            async with asyncio.timeout(PATIENCE_S):
                while len(caplog.records) < 2:
                    await asyncio.sleep(0)
            watchdog.stop()
            transport.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(scenario())
    held, over = caplog.records[:2]
    assert (held.getMessage(), over.getMessage()) == ("loop_held", "loop_turns_again")
    calls = vars(held)["parlour_fields"]["calls"]
    assert "test_watchdog.py" in calls
    assert calls.endswith(" data_received")
    assert vars(over)["parlour_fields"]["held_s"] >= 0.05


async def test_a_loop_that_turns_is_not_reported_and_a_closed_one_ends_the_watch(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.new_event_loop()
    watchdog = Watchdog(loop)
    loop.close()
    watchdog.start()
    watchdog._thread.join(PATIENCE_S)
    assert not watchdog._thread.is_alive()
    assert caplog.records == []
