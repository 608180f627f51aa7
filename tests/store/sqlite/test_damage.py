"""A damaged or missing event is named and never served as good (D25)."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from pathlib import Path

import apsw
import msgspec
import pytest

from parlour.chat.ports import DamagedEvents
from parlour.cli.check import check as command
from parlour.core.errors import Refusal
from parlour.core.event import Stored
from parlour.store.errors import StoreError
from parlour.store.sqlite.check import check
from tests.support.stores import append, draft, open_sqlite


def seqs(events: Sequence[Stored]) -> list[int]:
    return [event.seq for event in events]


BODY = """
UPDATE events SET body = CAST(replace(CAST(body AS TEXT), 'text 5', 'text 6') AS BLOB) WHERE id >> 36 AND id & 0xff = 5
"""
DAMAGE = {
    "another text": (BODY, "its checksum does not match"),
    "another checksum": (
        "UPDATE events SET checksum = checksum + 1 WHERE id >> 36 AND id & 0xff = 5",
        "its checksum does not match",
    ),
    "a raw newline": (
        "UPDATE events SET body = CAST(body || x'0a' AS BLOB) WHERE id >> 36 AND id & 0xff = 5",
        "its checksum does not match",
    ),
    "not UTF-8": (
        "UPDATE events SET body = CAST(x'ff0aff' AS BLOB) WHERE id >> 36 AND id & 0xff = 5",
        "its checksum does not match",
    ),
    "nothing": ("UPDATE events SET body = x'' WHERE id >> 36 AND id & 0xff = 5", "its checksum does not match"),
    "deleted": ("DELETE FROM events WHERE id >> 36 AND id & 0xff = 5", "it is missing"),
    "in another place": ("UPDATE events SET id = id + 100 WHERE id >> 36 AND id & 0xff = 5", "it is missing"),
}


async def make(directory: Path, *statements: str) -> None:
    store = await open_sqlite(directory)
    for room in ("lobby", "other"):
        await asyncio.gather(*(append(store, draft(f"text {i}", room, f"key-{i:04}")) for i in range(1, 11)))
    await store.close()
    connection = apsw.Connection(str(directory / "parlour.db"))
    for statement in statements:
        connection.execute(statement.replace("WHERE", "WHERE id >> 36 = 1 AND") if "WHERE" in statement else statement)
    connection.close()


async def test_a_type_that_is_no_text_is_damage_like_any_other(tmp_path: Path) -> None:
    await make(tmp_path, "UPDATE events SET type = CAST(x'ff0aff' AS TEXT) WHERE id >> 36 AND id & 0xff = 5")
    (problem,) = check(tmp_path).problems
    assert (problem.room, problem.seq) == ("lobby", 5)
    store = await open_sqlite(tmp_path)
    assert seqs(await store.after("lobby", 0, 10)) == [1, 2, 3, 4]
    with pytest.raises(DamagedEvents):
        await store.after("lobby", 4, 10)
    await store.close()


@pytest.mark.parametrize("kind", DAMAGE)
async def test_a_bad_event_is_named_and_pages_stop_at_it(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    statement, what = DAMAGE[kind]
    await make(tmp_path, statement)
    store = await open_sqlite(tmp_path)
    for limit in (1, 2):
        for read in (store.after("lobby", 4, limit), store.before("lobby", 6, limit)):
            with pytest.raises(DamagedEvents, match=f"Event 5 of room lobby is damaged: {what}") as caught:
                await read
            assert (caught.value.code, caught.value.first, caught.value.last) == ("storage_unavailable", 5, 5)
            assert caught.value.extra == {"room": "lobby", "seq": 5, "last_seq": 5}
    assert seqs(await store.after("lobby", 0, 100)) == [1, 2, 3, 4]
    assert seqs(await store.after("lobby", 2, 5)) == [3, 4]
    assert seqs(await store.before("lobby", 8, 5)) == [6, 7]
    assert seqs(await store.before("lobby", 6 + 5, 6)) == [6, 7, 8, 9, 10] or kind == "in another place"
    assert len([record for record in caplog.records if record.name == "parlour.store"]) == 1, "logged once"
    good = [*await store.after("lobby", 0, 4), *await store.before("other", 100, 100)]
    assert len(good) == 14
    assert seqs(await store.after("lobby", 5, 5)) == [6, 7, 8, 9, 10] or kind == "in another place"
    await store.close()
    problems = [(problem.room, problem.seq, problem.what) for problem in check(tmp_path).problems]
    assert ("lobby", 5, what) in problems


async def test_holes_at_the_edges_of_a_page_are_found(tmp_path: Path) -> None:
    await make(tmp_path, "DELETE FROM events WHERE id >> 36 AND id & 0xff IN (1, 7)")
    store = await open_sqlite(tmp_path)
    for read, seq in (
        (store.after("lobby", 0, 3), 1),
        (store.after("lobby", 6, 3), 7),
        (store.before("lobby", 8, 2), 7),
    ):
        with pytest.raises(DamagedEvents, match=f"Event {seq} of room lobby"):
            await read
    assert seqs(await store.before("lobby", 4, 100)) == [2, 3]
    assert seqs(await store.after("lobby", 4, 3)) == [5, 6]
    assert seqs(await store.before("lobby", 10, 3)) == [8, 9]
    assert seqs(await store.after("lobby", 4, 2)) == [5, 6]
    await store.close()


async def test_bad_events_in_a_row_are_named_together(tmp_path: Path) -> None:
    await make(tmp_path, "DELETE FROM events WHERE id >> 36 AND id & 0xff IN (4, 5, 6, 8)")
    store = await open_sqlite(tmp_path)
    for read, first, last in (
        (store.after("lobby", 3, 100), 4, 6),
        (store.after("lobby", 3, 2), 4, 5),
        (store.before("lobby", 7, 100), 4, 6),
        (store.before("lobby", 7, 2), 5, 6),
    ):
        with pytest.raises(DamagedEvents, match=f"Events {first} to {last} of room lobby are damaged") as caught:
            await read
        assert (caught.value.first, caught.value.last) == (first, last)
    assert seqs(await store.after("lobby", 6, 100)) == [7]
    assert seqs(await store.after("lobby", 8, 100)) == [9, 10]
    assert seqs(await store.before("lobby", 11, 100)) == [9, 10]
    await store.close()


async def test_a_damaged_page_of_the_file_costs_its_events_alone(tmp_path: Path) -> None:
    """SQLite refuses the whole page of 4096 bytes: about half a dozen of these events."""
    store = await open_sqlite(tmp_path)
    stored = await asyncio.gather(*(append(store, draft("x" * 500)) for _ in range(100)))
    await store.close()
    file = tmp_path / "parlour.db"
    whole = file.read_bytes()
    page = whole.index(stored[49].json) // 4096 * 4096
    file.write_bytes(whole[:page] + b"\xff" * 8 + whole[page + 8 :])
    store = await open_sqlite(tmp_path)
    before = await store.after("lobby", 0, 100)
    with pytest.raises(DamagedEvents, match="it cannot be read") as caught:
        await store.after("lobby", before[-1].seq, 100)
    after = await store.before("lobby", 101, 100)
    assert before[-1].seq == caught.value.first - 1 < 50
    assert after[0].seq == caught.value.last + 1 > 50
    assert len(before) + len(after) > 85
    assert [event.json for event in before + after] == [
        event.json for event in stored if not caught.value.first <= event.seq <= caught.value.last
    ]
    await store.close()


async def test_a_retry_of_a_damaged_event_is_not_answered_from_it(tmp_path: Path) -> None:
    await make(tmp_path, BODY)
    store = await open_sqlite(tmp_path)
    with pytest.raises(Refusal, match="Event 5 of room lobby") as caught:
        await append(store, draft("text 5", "lobby", "key-0005"))
    assert caught.value.code == "storage_unavailable"
    assert (await append(store, draft("text 4", "lobby", "key-0004"))).replay
    await store.close()


async def test_a_check_beside_a_running_server_finds_all_well(tmp_path: Path) -> None:
    await make(tmp_path)
    store = await open_sqlite(tmp_path)
    for number in range(20):
        futures = [append(store, draft(f"{i}", f"room{number}")) for i in range(50)]
        report = await asyncio.to_thread(check, tmp_path)
        await asyncio.gather(*futures)
        assert report.problems == []
        assert report.events >= 20 + 50 * number
    assert report.epoch == store.epoch
    assert report.facts["journal_mode"] == "wal"
    await store.close()


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE events SET author = 'u_bob' WHERE id >> 36 AND id & 0xff = 5", "its columns differ from its text"),
        ("UPDATE events SET key = 'key-other' WHERE id >> 36 AND id & 0xff = 5", "its columns differ from its text"),
        ("UPDATE events SET at_ms = at_ms - 1 WHERE id >> 36 AND id & 0xff = 5", "its columns differ from its text"),
        ("DELETE FROM events WHERE id >> 36 AND id & 0xff IN (5, 6, 7)", "it is missing, and all to event 7"),
    ],
)
async def test_a_check_names_what_is_wrong(tmp_path: Path, statement: str, what: str) -> None:
    await make(tmp_path, statement)
    (problem,) = check(tmp_path).problems
    assert (problem.room, problem.seq, problem.what) == ("lobby", 5, what)


async def test_a_check_finds_rooms_and_events_that_lost_each_other(tmp_path: Path) -> None:
    await make(
        tmp_path,
        "DELETE FROM rooms WHERE name = 'lobby'".replace("WHERE", "where"),
        "INSERT INTO rooms (room_no, name) VALUES (9, 'empty')",
        "UPDATE rooms SET first_seq = 3 where name = 'other'",
    )
    found = [str(problem) for problem in check(tmp_path).problems]
    assert len([line for line in found if "belongs to no room" in line]) == 12
    assert "room empty, event 1: the room has no events" in found


FLIPS = 6
"""At once: most of the file are tables in which nothing is."""


async def test_flipped_bytes_in_the_file_are_never_served_as_good(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever bytes of the file flip, a page is what was stored or is refused."""
    caplog.set_level(logging.CRITICAL, "parlour.store")
    await make(tmp_path)
    store = await open_sqlite(tmp_path)
    good = {room: await store.after(room, 0, 100) for room in ("lobby", "other")}
    await store.close()
    file = tmp_path / "parlour.db"
    whole = file.read_bytes()
    chance = random.Random(22)
    refused = 0
    for _ in range(40):
        damaged = bytearray(whole)
        places = chance.sample(range(100, len(whole)), FLIPS)
        for place in places:
            damaged[place] ^= 1 << chance.randrange(8)
        file.write_bytes(damaged)
        try:
            store = await open_sqlite(tmp_path)
        except StoreError:
            refused += 1
            continue
        for room, events in good.items():
            try:
                page = await store.after(room, 0, 100)
            except Refusal as refusal:
                refused += refusal.code == "storage_unavailable"
            else:
                # Empty: the name of the room is what was hit. Shorter: one of its events is.
                assert page == events[: len(page)], f"bytes {places}"
        await store.close()
    assert refused


async def test_the_command_tells_by_its_exit_code(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def run(*options: str) -> tuple[int, str]:
        code = command.main(["--data", str(tmp_path), *options], "check", standalone_mode=False)
        return code, "".join(capfd.readouterr())

    await make(tmp_path)
    code, said = run()
    assert code == 0
    assert "2 rooms, 20 events" in said
    assert said.endswith("ok\n")

    connection = apsw.Connection(str(tmp_path / "parlour.db"))
    connection.execute(BODY)
    connection.close()
    code, said = run()
    assert code == 1
    assert "damaged: room lobby, event 5: its checksum does not match" in said
    report = msgspec.json.decode(run("--json")[1])
    assert report["ok"] is False
    assert report["problems"][0] == {"room": "lobby", "seq": 5, "what": "its checksum does not match"}

    (tmp_path / "parlour.db").write_bytes(b"rubbish" * 1000)
    assert run()[0] == 1
    (tmp_path / "parlour.db").unlink()
    code, said = run()
    assert code == 2
    assert "There is no parlour.db" in said
