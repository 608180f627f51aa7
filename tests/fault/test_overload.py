"""What is too much is refused at the door, honestly and with a time to come back; what is accepted does not suffer."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
import uvloop

from tests.checker.invariants import violations
from tests.fault.client import Shared
from tests.fault.crowd import percentile, until
from tests.fault.flood import Flooder, HttpFlooder, Tide, WebSocketFlooder
from tests.fault.load import read_all
from tests.fault.test_storm import log_of
from tests.support.server import ServerProcess, resident_kb

ROOM = "flooded"
TEXT_BYTES = 1000
CALM = 8
"""Connections that send one message after the other: they find how much there is room for."""

MANY = 64
FLOOD = 10 * CALM
WEBSOCKETS = 24
"""With 256 messages under way on each."""

LIMITED = ("--room-sends-per-s", "100", "--room-sends-burst", "100", "--sends-per-s", "10000", "--sends-burst", "10000",
           "--address-sends-per-s", "10000", "--address-sends-burst", "10000", "--address-connections", "1000",
           "--address-new-per-10-s", "10000")  # fmt: skip

LONG_S = float(os.environ.get("PARLOUR_TEST_OVERLOAD_S", "300"))
ACCEPTED_S = 1.0
"""Who waits for each answer has it within this time, whatever others offer."""

SLOWER = 10
"""Or, on a busy machine, within so many times what few senders wait when there is no flood."""

BACK_S = 10.0

_log = logging.getLogger("parlour.fault")


def test_more_than_the_rate_is_refused_and_the_rate_is_kept(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", *LIMITED, rate_limits=True) as server:
        uvloop.run(over_the_rate(server, 2.0))


def test_more_than_the_disk_takes_waits_its_turn_or_is_refused(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        uvloop.run(over_the_capacity(server, 0.5, 2.0, share=0.4))


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_ten_times_too_much_for_a_long_time(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "limited", *LIMITED, rate_limits=True) as server:
        uvloop.run(over_the_rate(server, LONG_S))
    with ServerProcess(tmp_path / "free") as server:
        back_s = uvloop.run(over_the_capacity(server, 5.0, LONG_S, share=0.8))
    assert back_s <= BACK_S


async def over_the_rate(server: ServerProcess, seconds: float) -> None:
    """The room takes 100 messages a second; it is offered as many as come."""
    tide = tide_of(server)
    begun = time.monotonic()
    await flood(tide, [HttpFlooder(tide, number) for number in range(FLOOD)], seconds)
    took = time.monotonic() - begun
    accepted = len(tide.since(begun, "ack"))
    refused = Counter(send.code for send in tide.sends if send.outcome != "ack")
    _log.info(
        "%.0f messages/s offered, %.0f/s accepted (p99 %.0f ms), refused: %s",
        len(tide.sends) / took, accepted / took, percentile(tide.since(begun, "ack"), 0.99) * 1000,
        dict(refused),
    )  # fmt: skip
    assert set(refused) == {"rate_limited"}
    assert sum(refused.values()) >= accepted, "that was no flood"
    assert 0.8 * 100 * seconds <= accepted <= 100 + 100 * (took + 0.5)
    await judge(server, tide)


async def over_the_capacity(server: ServerProcess, calm_s: float, flood_s: float, *, share: float) -> float:
    """Find out what the server takes, offer ten times that, then no more than before; all on one room.

    Gives after how long few senders are answered as before.
    """
    tide = tide_of(server)
    peak, _ = await calm(tide, calm_s, MANY)
    _, before_s = await calm(tide, calm_s, CALM)
    begun_kb, begun = resident_kb(server.pid), time.monotonic()
    posters: list[Flooder] = [HttpFlooder(tide, number) for number in range(FLOOD)]
    await flood(tide, [*posters, *[WebSocketFlooder(tide, number) for number in range(WEBSOCKETS)]], flood_s)
    took = time.monotonic() - begun
    accepted = [send for send in tide.sends if send.outcome == "ack" and send.sent_at >= begun]
    goodput = len(accepted) / took
    alone = percentile([s.done_at - s.sent_at for s in accepted if s.proc.startswith("Http")], 0.99)
    piled = percentile([s.done_at - s.sent_at for s in accepted if s.proc.startswith("Web")], 0.99)
    grown_kb = resident_kb(server.pid) - begun_kb
    ended = time.monotonic()
    back_s = 0.0
    for _ in range(5):
        _, after_s = await calm(tide, calm_s, CALM)
        back_s = time.monotonic() - ended
        if after_s <= max(2 * before_s, 0.05):
            break
    refused = Counter(send.code for send in tide.sends if send.outcome != "ack")
    _log.info(
        "peak %.0f messages/s (p99 of few senders %.0f ms); flooded %.0f/s accepted, p99 %.0f ms for who waits for each"
        " answer, %.0f ms for who does not, refused: %s; as before after %.1f s; %d MiB more memory",
        peak, before_s * 1000, goodput, alone * 1000, piled * 1000, dict(refused), back_s, grown_kb // 1024,
    )  # fmt: skip
    assert set(refused) <= {"overloaded"}  # where the 16 MiB that may wait are not enough
    assert goodput >= share * peak
    assert alone <= max(ACCEPTED_S, SLOWER * before_s)
    await judge(server, tide)
    return back_s


async def calm(tide: Tide, seconds: float, senders: int) -> tuple[float, float]:
    """Messages a second and the 99th percentile of their acknowledgement, with so many senders."""
    begun = time.monotonic()
    first = len(tide.sends) + FLOOD  # names that nobody has yet
    await flood(tide, [HttpFlooder(tide, first + number) for number in range(senders)], seconds)
    took = time.monotonic() - begun
    acks = tide.since(begun, "ack")
    return len(acks) / took, percentile(acks, 0.99)


async def flood(tide: Tide, flooders: Sequence[Flooder], seconds: float) -> None:
    """Let them flood for so long, then answer what is under way."""
    tide.is_over = False
    gc.disable()  # it would walk over all that has been written down, and stand still for seconds
    try:
        running = asyncio.gather(*[flooder.run() for flooder in flooders])
        await asyncio.sleep(seconds)
        tide.is_over = True
        await asyncio.wait_for(running, 60)
    finally:
        gc.enable()


def tide_of(server: ServerProcess) -> Tide:
    return Tide(Shared(server.port, str(log_of(server, ROOM)["epoch"]), (ROOM,)), TEXT_BYTES)


async def judge(server: ServerProcess, tide: Tide) -> None:
    """What was acknowledged is stored, once, where it was said to be; what was refused is not."""
    assert tide.faults == []
    history = tide.shared.history
    history.log = await asyncio.to_thread(read_all, tide.shared)
    assert violations(history)[:3] == []
    await until(lambda: server.process is not None and server.process.poll() is None, 1)
