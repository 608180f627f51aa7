"""What holds the event loop is named, also where the loop itself does not look."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import time

import pytest
import uvloop

from parlour.diagnostics import Watchdog
from tests.support.inprocess import LoopFactory
from tests.support.timeout import TIMEOUT_S

READ = r"test_watchdog\.py:\d+ data_received$"
"""How the calls of a hold end that is the read of this test."""


class Holder(asyncio.Protocol):
    """Holds the loop until the log says so once more; the data are for nothing else."""

    def __init__(self, records: list[logging.LogRecord]) -> None:
        self.records = records
        self.done = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        known = len(self.records)
        deadline = time.monotonic() + TIMEOUT_S
        while len(self.records) == known and time.monotonic() < deadline:
            pass
        self.done.set()


def holds(records: list[logging.LogRecord]) -> list[tuple[logging.LogRecord, logging.LogRecord]]:
    """Those of a read: what was said of each at once, and when it was over.

    A busy machine holds the loop too, wherever it happens to be, and a read that begins then is not looked at.
    """
    pairs = zip(records[::2], records[1::2], strict=False)
    return [(held, over) for held, over in pairs if re.search(READ, vars(held)["parlour_fields"]["calls"])]


@pytest.mark.parametrize("new_loop", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_a_read_that_holds_the_loop_is_reported_while_it_does_and_when_it_is_over(
    new_loop: LoopFactory, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with theirs:
            holder = Holder(caplog.records)
            transport, _ = await loop.connect_accepted_socket(lambda: holder, ours)
            Watchdog(loop).start()
            async with asyncio.timeout(TIMEOUT_S):
                while not holds(caplog.records):
                    holder.done.clear()
                    theirs.send(b"hold")
                    await holder.done.wait()
                    while len(caplog.records) % 2:
                        await asyncio.sleep(0)
            transport.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(scenario())
    held, over = holds(caplog.records)[0]
    assert (held.getMessage(), over.getMessage()) == ("loop_held", "loop_turns_again")
    assert vars(over)["parlour_fields"]["held_s"] >= 0.05


async def test_a_loop_that_turns_is_not_reported_and_a_closed_one_ends_the_watch(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.new_event_loop()
    watchdog = Watchdog(loop)
    loop.close()
    watchdog.start()
    watchdog.join(TIMEOUT_S)
    assert not watchdog.is_alive()
    assert caplog.records == []
