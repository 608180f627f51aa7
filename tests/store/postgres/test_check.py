"""`parlour check --store`: what is damaged in a database is named, beside servers that run too."""

from __future__ import annotations

import json
import os
from pathlib import Path

import asyncpg
import pytest

from parlour.store.errors import StoreError
from parlour.store.postgres import check as checking
from parlour.store.postgres.check import check
from tests.support.commands import run_text
from tests.support.postgres import Databases
from tests.support.server import ServerProcess
from tests.support.stores import HandClock, append, draft, open_postgres

ROOMS = 5
EVENTS = 7


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def problems(url: str) -> list[str]:
    return [str(problem) for problem in (await check(url)).problems]


@pytest.fixture
async def rooms(database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database with five rooms of seven events each, which are looked at two rooms and three rows at a time."""
    monkeypatch.setattr(checking, "ROOMS_AT_ONCE", 2)
    monkeypatch.setattr(checking, "ROWS_AT_ONCE", 3)
    clock = HandClock()
    store = await open_postgres(database, clock=clock)
    for number in range(EVENTS):
        clock.ms += 1000
        for room in range(ROOMS):
            await append(store, draft(f"text {number}", f"r{room}", key=f"key-{number:04}"))
    await store.close()
    return database


async def test_what_is_whole_is_well(rooms: str) -> None:
    report = await check(rooms)
    assert report.is_ok, report.problems
    assert (report.rooms, report.events) == (ROOMS, ROOMS * EVENTS)
    assert report.database == rooms
    assert report.facts["postgresql"]


DAMAGE = {
    "UPDATE events SET body = 'x' || body WHERE id = 2::bigint << 36 | 3": [
        "room r1, event 3: its checksum does not match"
    ],
    "UPDATE events SET author = 'u_other' WHERE id = 3::bigint << 36 | 7": [
        "room r2, event 7: its columns differ from its text"
    ],
    "UPDATE events SET key = NULL WHERE id = 3::bigint << 36 | 1": [
        "room r2, event 1: its columns differ from its text"
    ],
    "DELETE FROM events WHERE id & 15 BETWEEN 3 AND 5 AND id >> 36 = 5": [
        "room r4, event 3: it is missing, and all to event 5"
    ],
    "DELETE FROM events WHERE id = 4::bigint << 36 | 7": ["room r3, event 7: it is missing"],
    "DELETE FROM events WHERE id >> 36 = 1": ["room r0, event 1: it is missing, and all to event 7"],
    "UPDATE rooms SET head = 6 WHERE room_no = 2": [
        f"event with id {2 << 36 | 7} belongs to no room or lies outside of the log of its room",
        "room r1, event 6: the room has another time than its newest event",
    ],
    "UPDATE rooms SET at_ms = 5 WHERE room_no = 2": [
        "room r1, event 7: the room has another time than its newest event"
    ],
    "UPDATE rooms SET name = 'other' WHERE room_no = 2": [
        f"room other, event {seq}: its checksum does not match" for seq in range(1, EVENTS + 1)
    ],
    "UPDATE meta SET value = 'abcdef' WHERE name = 'epoch'": ["the epoch or the secret is damaged"],
    "DROP TABLE accounts": ['the accounts cannot be read: relation "accounts" does not exist'],
}


@pytest.mark.parametrize("statement", DAMAGE)
async def test_damage_is_named(rooms: str, statement: str) -> None:
    await execute(rooms, statement)
    assert await problems(rooms) == DAMAGE[statement]


async def test_a_damaged_commit_is_named(rooms: str) -> None:
    await execute(rooms, "UPDATE commits SET checksum = 1 WHERE position = (SELECT max(position) FROM commits)")
    (problem,) = await problems(rooms)
    assert problem.startswith("commit ")


async def test_where_there_is_nothing_to_check_is_said(postgres: Databases, database: str, rooms: str) -> None:
    with postgres.new() as empty, pytest.raises(StoreError, match="nothing of Parlour"):
        await check(empty)
    with pytest.raises(StoreError, match="no such database"):
        await check(postgres.address("nowhere"))
    await execute(rooms, "DELETE FROM migrations")
    with pytest.raises(StoreError, match="older schema"):
        await check(rooms)


def test_the_command_checks_a_database_beside_its_server(tmp_path: Path, database: str) -> None:
    with ServerProcess(tmp_path / "data", "--store", database) as server, server.client() as http:
        for text in ("1", "2", "3"):
            http.post("/lobby", content=text).raise_for_status()
        done = run_text(("check", "--store", database))
        assert (done.returncode, done.stderr) == (0, "")
        first, second, third, last = done.stdout.splitlines()
        assert first == f"{database}: 1 rooms, 3 events"
        assert second.startswith("epoch ")
        assert third.startswith("postgresql ")
        assert last == "ok"
        report = json.loads(run_text(("check", "--store", database, "--json")).stdout)
        assert report["ok"]
        assert (report["database"], report["rooms"], report["events"], report["problems"]) == (database, 1, 3, [])


def test_the_command_says_why_it_cannot_check(empty_database: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONUTF8": "1"}
    for store, said in (
        ("postgresql://u:s3cret@127.0.0.1/x", "everybody on this machine can read the password"),
        ("memory", "expected postgresql://"),
        ("postgresql://u@127.0.0.1:1/x", "cannot be reached"),
        (empty_database, "nothing of Parlour"),
    ):
        done = run_text(("check", "--store", store), environment=environment)
        assert done.returncode == 2
        assert said in done.stderr
        assert "s3cret" not in done.stderr
