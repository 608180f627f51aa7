"""A house moves to another place, and everything in it is there as it was: to and from each engine."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from parlour.chat.identities import Credentials
from parlour.chat.ports import Store
from parlour.chat.tickets import Tickets
from parlour.core.event import Log, Stored
from parlour.store.check import Report
from parlour.store.errors import Damaged, StoreError
from parlour.store.moving import move as moving
from parlour.store.moving.endpoint import Endpoint
from parlour.store.moving.places import open_source, open_target
from parlour.store.moving.tables import Table
from parlour.store.postgres.check import check as check_postgres
from parlour.store.sqlite.check import check as check_sqlite
from parlour.work.retention import Retention
from tests.people.house import ADDRESS, House
from tests.support.moving import DAY, execute, furnish, move_house, open_place, tables, why_not_served
from tests.support.postgres import Databases
from tests.support.stores import CountedIds, HandClock, append, draft, redact
from tests.support.timeout import TIMEOUT_S

IN_USE = r"is in use|is connected"
NOTHING = r"nothing of Parlour|There is no parlour.db"


async def logs(store: Store) -> dict[str, tuple[Log, list[Stored]]]:
    """Everything that can be read in any room."""
    names = [summary.room for summary in await store.rooms(1000)] + list(await store.policies()) + [".server"]
    return {name: (await store.log(name), await store.after(name, 0, 10_000, 1 << 30)) for name in names}


async def report(place: str) -> Report:
    return await check_postgres(place) if "://" in place else check_sqlite(Path(place))


async def test_everything_is_there_as_it_was(places: tuple[str, str], clock: HandClock) -> None:
    source, target = places
    secrets = await furnish(source, clock)
    before = await tables(source)
    assert [name for name, rows in before.items() if not rows] == [], "a table that nothing is in proves nothing"
    store = await open_place(source, clock)
    known, read = (store.epoch, store.secret), await logs(store)
    await store.close()

    moved = await move_house(source, target)
    assert await tables(target) == before
    assert (await report(target)).problems == []
    assert (moved.epoch, moved.events) == (known[0], len(before["events"]))
    store = await open_place(target, clock)
    try:
        assert (store.epoch, store.secret) == known
        assert await logs(store) == read
        again = await append(store, draft("another 3", "room-3", "key-0003"))
        assert (again.seq, again.replay) == (1, True)
        assert (await append(store, draft("more", "room-3"))).seq == 2
        assert (await append(store, draft("first", "a new room"))).seq == 1
        house = House(store, clock=clock, ids=CountedIds(400_000))
        await house.identities.load()
        for credentials in (Credentials("session", secrets.session), Credentials("token", secrets.token)):
            actor = await house.identities.identify(credentials, ADDRESS)
            assert actor is not None
            assert actor.account is not None
            assert actor.account.name == "alice-b"
        tickets = Tickets(store, clock, CountedIds(9500), house.identities)
        came = await house.known_passes.identify(secrets.guest, ADDRESS)
        assert came is not None
        assert came.guest_pass is not None
        assert came.guest_pass.name == "Léna"
        assert (await tickets.redeem(secrets.ticket, ADDRESS)).credential == "ticket"
        assert [deletion.messages for deletion in await house.deletions.waiting()] == ["remove"]
        house.passwords.close()
    finally:
        await store.close()


async def test_followers_go_on_from_where_they_were(places: tuple[str, str], clock: HandClock) -> None:
    """Retention has not heard of what came last, and what comes after the move follows that."""
    source, target = places
    await furnish(source, clock)
    await move_house(source, target)
    clock.ms += DAY
    store = await open_place(target, clock)
    try:
        await append(store, draft("after the move", "größe"))
        await append(store, draft("after the move", "room-5"))
        clock.ms += DAY + 3_600_000
        retention = Retention(store, 2, clock, events_per_step=7, step_pause_s=0.0)
        async with asyncio.timeout(TIMEOUT_S):  # in other databases of the cluster older transactions may still run
            while (await store.log("größe")).first_seq != (await store.log("größe")).head_seq:
                await retention.round()
        assert (await store.log("room-5")).first_seq == 2
        assert (await store.log("room-6")) == Log(1, 1)
    finally:
        await store.close()


async def test_no_server_starts_where_the_house_was(places: tuple[str, str], clock: HandClock) -> None:
    source, target = places
    await furnish(source, clock)
    await move_house(source, target)
    assert f"was moved to {target}" in await why_not_served(source)
    assert await why_not_served(target) == ""
    with pytest.raises(StoreError, match="already"):
        await move_house(source, target)


async def test_who_goes_back_begins_another_epoch(places: tuple[str, str], clock: HandClock) -> None:
    source, target = places
    await furnish(source, clock)
    epoch = (await move_house(source, target)).epoch
    async with open_source(source, CountedIds(500_000)) as endpoint:
        await endpoint.begin_epoch(CountedIds(500_000))
    store = await open_place(source, clock, 600_000)
    try:
        assert store.epoch != epoch
        assert (await append(store, draft("again"))).seq > 40
    finally:
        await store.close()
    assert (await report(source)).problems == []


async def test_a_place_that_is_not_empty_is_refused(places: tuple[str, str], clock: HandClock) -> None:
    source, target = places
    await furnish(source, clock)
    await furnish(target, clock)
    before = await tables(target)
    with pytest.raises(StoreError, match="is not empty"):
        await move_house(source, target)
    assert await tables(target) == before
    assert await why_not_served(target) == ""
    assert await why_not_served(source) == ""


async def test_what_is_in_use_is_not_moved(
    places: tuple[str, str], clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parlour.store.postgres.in_use.WAIT_MS", 100)
    source, target = places
    store = await open_place(source, clock)
    await append(store, draft("one"))
    with pytest.raises(StoreError, match=IN_USE):
        await move_house(source, target)
    await append(store, draft("two"))
    await store.close()
    async with open_target(target):
        with pytest.raises(StoreError, match=IN_USE):
            await move_house(source, target)
        assert await why_not_served(target) != ""
    assert (await move_house(source, target)).events == 2


async def test_where_there_is_nothing_to_move_is_said(places: tuple[str, str]) -> None:
    source, target = places
    with pytest.raises(StoreError, match=NOTHING):
        await move_house(source, target)


async def test_damaged_events_are_not_moved(places: tuple[str, str], clock: HandClock) -> None:
    source, target = places
    await furnish(source, clock)
    (event,) = [row for row in (await tables(source))["events"] if b"text 11 " in row["body"]]
    await execute(source, f"UPDATE events SET checksum = 5 WHERE id = {event['id']}")  # noqa: S608
    with pytest.raises(Damaged, match=f"event {event['id'] & 0xFFFF}"):
        await move_house(source, target)
    assert "not finished" in await why_not_served(target)
    assert await why_not_served(source) == ""


async def test_a_copy_that_is_another_is_noticed_and_made_again(
    places: tuple[str, str], clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = places
    await furnish(source, clock)
    before = await tables(source)
    copy = moving._copy

    async def and_tamper(left: Endpoint, right: Endpoint, table: Table, *more: object) -> None:
        await copy(left, right, table, *more)  # type: ignore[arg-type]
        if table.name == "sign_ins":
            keys = [row async for rows in right.rows(table) for row in rows]
            await right.add(table, [tuple(f"{value}x" if isinstance(value, str) else value for value in keys[0])])

    monkeypatch.setattr(moving, "_copy", and_tamper)
    with pytest.raises(Damaged, match="in the table sign_ins"):
        await move_house(source, target)
    monkeypatch.setattr(moving, "_copy", copy)
    assert "not finished" in await why_not_served(target)
    await move_house(source, target)
    assert await tables(target) == before


async def test_the_place_of_another_house_that_is_not_finished_is_refused(
    places: tuple[str, str], clock: HandClock, postgres: Databases
) -> None:
    source, target = places
    await furnish(source, clock)
    async with open_source(source, CountedIds(0)) as left, open_target(target) as right:
        identity = await left.identity()
        await right.begin(identity._replace(seed="zzzzzz", epoch="zzzzzz"), "id elsewhere")
    with pytest.raises(StoreError, match="a part of what is moved there from elsewhere"):
        await move_house(source, target)
    assert await why_not_served(source) == ""
    with pytest.raises(StoreError, match="not finished"):
        await report(target)
    with pytest.raises(StoreError, match="not finished"):
        async with open_source(target, CountedIds(0)):
            pass


async def test_a_server_whose_line_was_lost_does_not_come_back_while_it_is_moved(database: str, tmp_path: Path) -> None:
    store = await open_place(database, HandClock())
    control = await asyncpg.connect(database)
    try:
        await append(store, draft("one"))
        opening = open_source(database, CountedIds(50))
        waiting = asyncio.create_task(opening.__aenter__())
        # Of this database alone: others of the cluster are those of other tests.
        here = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND database = $1"
        oid = await control.fetchval("SELECT oid FROM pg_database WHERE datname = current_database()")
        while not (
            pids := await control.fetch(f"{here} AND mode = 'ShareLock' AND granted", oid)
        ) or not await control.fetch(f"{here} AND NOT granted", oid):
            await asyncio.sleep(0.01)
        await control.execute("SELECT pg_terminate_backend($1)", pids[0][0])
        source = await waiting
        async with open_target(str(tmp_path / "target")) as target:
            await moving.move(source, target, CountedIds(300), lambda *_: None)
        assert not store.is_ready()
        await opening.__aexit__(None, None, None)
        assert "was moved" in await why_not_served(database)
        assert not store.is_ready()
    finally:
        await control.close()
        await store.close()
    assert await why_not_served(str(tmp_path / "target")) == ""


async def test_a_server_that_starts_at_the_source_ends_the_move(places: tuple[str, str], clock: HandClock) -> None:
    """What it changes has to be moved, too: also what was there and is not any more."""
    source, target = places
    await furnish(source, clock)
    async with open_source(source, CountedIds(7)) as left, open_target(target) as right:
        with pytest.raises(Interrupted):
            await moving.move(left, right, CountedIds(300), interrupt)
    store = await open_place(source, clock)
    await store.run(redact("größe", 5))
    await append(store, draft("meanwhile"))
    await store.close()
    before = await tables(source)
    await move_house(source, target)
    assert await tables(target) == before


class Interrupted(Exception):
    pass


def interrupt(work: str, done: int, total: int) -> None:
    raise Interrupted
