"""The graceful stop, with connections that end when told, later, or never."""

from __future__ import annotations

import asyncio

import pytest

from parlour.net.drain import Drain
from tests.support.timeout import TIMEOUT_S


class Conn:
    """A connection that ends `polite` (at once when told), `busy` (when `finish` is called) or never (`stuck`)."""

    def __init__(self, drain: Drain, kind: str = "polite") -> None:
        self.owner, self.kind = drain, kind
        self.told: list[int] = []
        self.was_told = asyncio.Event()
        self.is_aborted = False
        drain.opened(self)

    def drain(self, reconnect_after_ms: int) -> None:
        self.told.append(reconnect_after_ms)
        self.was_told.set()
        if self.kind == "broken":
            raise RuntimeError("broken")
        if self.kind == "polite":
            self.owner.closed(self)

    def finish(self) -> None:
        self.owner.closed(self)

    def describe(self) -> dict[str, object]:
        return {"kind": self.kind}

    def abort(self) -> None:
        self.is_aborted = True
        self.owner.closed(self)


@pytest.fixture
def drain() -> Drain:
    fractions = iter([0.0, 0.5, 0.999] * 1000)
    return Drain(lambda: next(fractions), spread_s=15.0)


async def test_everybody_is_told_once_with_a_spread_and_the_stop_ends_when_all_are_gone(drain: Drain) -> None:
    order: list[str] = []
    polite, busy = [Conn(drain) for _ in range(500)], Conn(drain, "busy")
    assert not drain.is_draining
    stop = asyncio.ensure_future(drain.run(lambda: order.append(f"closed, draining={drain.is_draining}"), 60))
    await busy.was_told.wait()
    assert order == ["closed, draining=True"]
    assert not stop.done()
    busy.finish()
    assert await asyncio.wait_for(stop, TIMEOUT_S) == 0
    assert all(len(conn.told) == 1 for conn in polite)
    assert {conn.told[0] for conn in polite} == {0, 7500, 14985}
    assert not drain.connections


async def test_what_is_left_at_the_deadline_is_aborted(drain: Drain) -> None:
    stuck = [Conn(drain, "stuck") for _ in range(3)]
    polite = Conn(drain)
    assert await asyncio.wait_for(drain.run(lambda: None, 0.01), TIMEOUT_S) == 3
    assert all(conn.is_aborted for conn in stuck)
    assert polite.told
    assert not polite.is_aborted


async def test_connections_that_came_and_went_before_the_stop_end_no_wait(drain: Drain) -> None:
    Conn(drain, "busy").finish()
    busy = Conn(drain, "busy")
    stop = asyncio.ensure_future(drain.run(lambda: None, 60))
    await busy.was_told.wait()
    await asyncio.sleep(0)
    busy.finish()
    assert await asyncio.wait_for(stop, TIMEOUT_S) == 0
    assert not busy.is_aborted


async def test_a_second_signal_ends_the_wait(drain: Drain) -> None:
    stuck = Conn(drain, "stuck")
    stop = asyncio.ensure_future(drain.run(lambda: None, 3600))
    await stuck.was_told.wait()
    drain.hurry()
    assert await asyncio.wait_for(stop, TIMEOUT_S) == 1
    assert stuck.is_aborted


async def test_a_connection_of_the_last_moment_is_drained_too(drain: Drain) -> None:
    busy = Conn(drain, "busy")
    stop = asyncio.ensure_future(drain.run(lambda: None, 60))
    await busy.was_told.wait()
    late = Conn(drain)
    await late.was_told.wait()
    busy.finish()
    assert await asyncio.wait_for(stop, TIMEOUT_S) == 0


async def test_one_broken_connection_spares_the_others(drain: Drain, caplog: pytest.LogCaptureFixture) -> None:
    broken, polite = Conn(drain, "broken"), Conn(drain)
    assert await asyncio.wait_for(drain.run(lambda: None, 60), TIMEOUT_S) == 0
    assert broken.is_aborted
    assert polite.told
    assert [record.getMessage() for record in caplog.records] == ["drain_failed"]


async def test_without_connections_it_ends_at_once(drain: Drain) -> None:
    assert await asyncio.wait_for(drain.run(lambda: None, 60), TIMEOUT_S) == 0
