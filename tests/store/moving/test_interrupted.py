"""A move that ends at any point goes on from there: at the end everything is there, once."""

from __future__ import annotations

from contextlib import suppress

import pytest

from parlour.store.errors import StoreError
from parlour.store.moving import move as moving
from parlour.store.moving.marks import refuse_moved
from parlour.store.moving.places import open_source, open_target
from parlour.store.postgres import moving as in_postgres
from parlour.store.sqlite import moving as in_sqlite
from tests.support.moving import furnish, tables, why_not_served
from tests.support.stores import CountedIds, HandClock

CHANGES = ("mark", "begin", "add", "finish")


ONE_WAY = pytest.mark.parametrize(
    "places", ["sqlite to postgres", pytest.param("postgres to sqlite", marks=pytest.mark.long)], indirect=True
)
"""By default one way, which has both engines in it; the way back is for the long run."""


class Killed(BaseException):
    """No `except` of the code that is killed sees it."""


class Killer:
    """Ends a move before its change with a number, which is after the one before."""

    def __init__(self, at: int) -> None:
        self.at, self.count = at, 0

    def step(self) -> None:
        self.count += 1
        if self.count > self.at:
            raise Killed


class Mortal:
    """An endpoint whose changes a killer counts, each before it is made."""

    def __init__(self, endpoint: object, killer: Killer) -> None:
        self._endpoint, self._killer = endpoint, killer

    def __getattr__(self, name: str) -> object:
        found = getattr(self._endpoint, name)
        if name not in CHANGES:
            return found

        async def changing(*arguments: object) -> None:
            self._killer.step()
            await found(*arguments)

        return changing


async def attempt(source: str, target: str, at: int, ids: int) -> bool:
    """Move until that change; whether it came to its end."""
    killer = Killer(at)
    async with open_source(source, CountedIds(ids)) as left, open_target(target) as right:
        await moving.move(Mortal(left, killer), Mortal(right, killer), CountedIds(ids), lambda *_: None)  # type: ignore[arg-type]
    return True


@ONE_WAY
async def test_a_move_that_is_killed_anywhere_goes_on(
    places: tuple[str, str], clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attempt is killed one change later than the one before, counted from where that has come to."""
    source, target = places
    for module in (in_sqlite, in_postgres):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", 4)
    monkeypatch.setattr(moving, "ROWS", 8)
    await furnish(source, clock)
    before = await tables(source)
    attempts = 0
    while "was moved" not in await why_not_moved(source):
        attempts += 1
        with suppress(Killed):
            await attempt(source, target, attempts % 5, 1000 * attempts)
    assert attempts > 20
    with suppress(StoreError):  # it may have been killed after the last change
        await attempt(source, target, 10**9, 10**6)
    assert await tables(target) == before
    assert "was moved" in await why_not_served(source)
    assert await why_not_served(target) == ""


async def why_not_moved(source: str) -> str:
    """What a move says that begins there, which changes nothing."""
    try:
        async with open_source(source, CountedIds(0)) as endpoint:
            refuse_moved(await endpoint.meta(), source)
    except StoreError as error:
        return str(error)
    return ""


@ONE_WAY
async def test_no_two_places_can_be_served_wherever_it_is_killed(
    places: tuple[str, str], clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start at the source ends the move, so the next attempt begins again; but not after the last change there."""
    source, target = places
    await furnish(source, clock)
    seen: list[tuple[bool, bool]] = []
    at = 0
    while True:
        with suppress(Killed):
            if await attempt(source, target, at, 1000 * at):
                break
        is_begun = at >= 2  # else it is an empty place, where a start makes something new
        served = (await why_not_served(source) == "", is_begun and await why_not_served(target) == "")
        seen.append(served)
        at += 1
        if not served[0]:
            break
    assert (True, True) not in seen
    assert seen[-1] == (False, False), "between the two last changes the house is nowhere"
    assert await attempt(source, target, 10**9, 10**6)
    assert await why_not_served(target) == ""
