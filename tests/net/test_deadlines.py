"""The wheel, with a clock wound by hand."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.net.deadlines import Wheel
from tests.support.timeout import TIMEOUT_S


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Entry:
    __slots__ = ("__weakref__", "again", "bucket", "due", "expired", "wheel")

    def __init__(self, wheel: Wheel | None = None, again: float = 0) -> None:
        self.due = self.bucket = 0
        self.expired = 0
        self.wheel, self.again = wheel, again

    def expire(self) -> None:
        self.expired += 1
        if self.wheel is not None and self.again:
            self.wheel.set(self, self.again)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wheel(clock: Clock) -> Wheel:
    return Wheel(clock)


def wind(wheel: Wheel, clock: Clock, seconds: float) -> None:
    """Let time pass in steps of a quarter of a second."""
    end = clock.now + seconds
    while clock.now < end:
        clock.now = min(end, clock.now + 0.25)
        wheel.tick()


def test_an_entry_expires_once_after_its_time(wheel: Wheel, clock: Clock) -> None:
    entry = Entry()
    wheel.set(entry, 10)
    wind(wheel, clock, 10)
    assert entry.expired == 0
    wind(wheel, clock, 2)
    assert entry.expired == 1
    assert entry.due == 0
    wind(wheel, clock, 30)
    assert entry.expired == 1


def test_setting_again_later_postpones_and_earlier_brings_forward(wheel: Wheel, clock: Clock) -> None:
    entry = Entry()
    wheel.set(entry, 5)
    wind(wheel, clock, 4)
    wheel.set(entry, 20)
    wind(wheel, clock, 20)
    assert entry.expired == 0
    wheel.set(entry, 60)
    wheel.set(entry, 2)
    wind(wheel, clock, 4)
    assert entry.expired == 1
    wind(wheel, clock, 80)
    assert entry.expired == 1


def test_a_cleared_entry_never_expires_and_can_be_set_again(wheel: Wheel, clock: Clock) -> None:
    entry = Entry()
    wheel.set(entry, 5)
    entry.due = 0
    wind(wheel, clock, 10)
    assert entry.expired == 0
    wheel.set(entry, 5)
    entry.due = 0
    wheel.set(entry, 3)
    wind(wheel, clock, 5)
    assert entry.expired == 1


def test_a_discarded_entry_is_forgotten_at_once(wheel: Wheel) -> None:
    entry = Entry()
    wheel.set(entry, 3600)
    wheel.set(entry, 10)
    wheel.discard(entry)
    gone = weakref.ref(entry)
    del entry
    gc.collect()
    assert gone() is None


def test_an_entry_may_set_itself_again_when_it_expires(wheel: Wheel, clock: Clock) -> None:
    entry = Entry(wheel, again=10)
    wheel.set(entry, 10)
    wind(wheel, clock, 65)
    assert entry.expired == 5


def test_one_failing_expiry_keeps_none_from_expiring(wheel: Wheel, clock: Clock) -> None:
    class Broken(Entry):
        def expire(self) -> None:
            raise RuntimeError("broken")

    entries = [Entry(), Broken(), Entry()]
    for entry in entries:
        wheel.set(entry, 1)
    clock.now += 5
    with pytest.raises(RuntimeError, match="broken"):
        wheel.tick()
    assert [entry.expired for entry in entries] == [1, 0, 1]


def test_an_expiry_may_discard_its_neighbour(wheel: Wheel, clock: Clock) -> None:
    class Jealous(Entry):
        other: Entry

        def expire(self) -> None:
            self.expired += 1
            wheel.discard(self.other)

    one, two = Jealous(), Jealous()
    one.other, two.other = two, one
    wheel.set(one, 1)
    wheel.set(two, 1)
    wind(wheel, clock, 5)
    assert one.expired + two.expired == 1


Step = tuple[int, str, float]


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["set", "clear", "discard", "wait"]), st.integers(0, 80)),
        max_size=60,
    )
)
def test_whatever_is_done_deadlines_are_never_early_and_less_than_two_ticks_late(steps: list[Step]) -> None:
    clock = Clock()
    wheel = Wheel(clock)
    promised: dict[int, float] = {}
    entries = [Entry() for _ in range(3)]

    def advance(seconds: float) -> None:
        end = clock.now + seconds
        while clock.now < end:
            clock.now += 0.5
            wheel.tick()
            for number, entry in enumerate(entries):
                if entry.expired:
                    entry.expired = 0
                    assert clock.now >= promised.pop(number), "early, twice, or although it was cleared"
            assert all(clock.now < at + 2 for at in promised.values()), "late"

    for number, step, amount in [*steps, (0, "wait", 100)]:
        if step == "wait":
            advance(amount / 4)
        elif step == "set":
            wheel.set(entries[number], amount / 2)
            promised[number] = clock.now + amount / 2
        else:
            if step == "clear":
                entries[number].due = 0
            else:
                wheel.discard(entries[number])
            promised.pop(number, None)
    advance(45)
    assert promised == {}


async def test_started_on_a_loop_it_ticks_until_stopped() -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    class Waiting(Entry):
        def expire(self) -> None:
            done.set_result(None)

    wheel = Wheel(loop.time, tick_s=0.01)
    wheel.start(loop)
    wheel.set(Waiting(), 0.02)
    await asyncio.wait_for(done, TIMEOUT_S)
    wheel.stop()
    wheel.stop()


class Timers(asyncio.SelectorEventLoop):
    """A loop whose one timer is called by hand."""

    timer: Callable[[], object]

    def call_later(self, delay: float, callback: Any, *args: Any, **_: Any) -> asyncio.TimerHandle:  # type: ignore[override]
        self.timer = partial(callback, *args)
        return asyncio.TimerHandle(0, callback, args, self)


@pytest.mark.parametrize("paused_s", [0.0, 60.0])
def test_a_pause_of_the_process_is_not_counted(wheel: Wheel, clock: Clock, paused_s: float) -> None:
    """A peer whose answer waits in the socket is not cut off for a server that did not listen."""
    again, other = Entry(wheel, again=4), Entry()
    wheel.set(again, 3)
    wheel.set(other, 12)
    loop = Timers()
    wheel.start(loop)
    for second in range(7):
        clock.now += 1 + (paused_s if second == 2 else 0)
        loop.timer()
    assert (again.expired, other.expired) == (1, 0)
    for _ in range(3):
        clock.now += 1
        loop.timer()
    assert again.expired == 2
    wheel.stop()
    loop.close()
