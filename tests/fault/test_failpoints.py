"""Promises 1 and 4 at the exact points: killed, or told of a failing disk, on entering one system call after another.

Which call is which point of a send: `pwrite64` of the WAL, in the middle of writing a transaction; `fdatasync`, written
but not synced; `write` of the writer thread, synced but nobody told; `write` of the loop, between one reader, the next
one and the sender's answer; `pwrite64` of the database, in the middle of a checkpoint; `openat` and `ftruncate`, around
the files of a start or of a checkpoint.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parlour.store.sqlite.check import check
from tests.fault.deaths import DATABASE, EXIT_STORAGE_FAILED, At, Death, injecting, live_through, start_under
from tests.fault.load import Load
from tests.support import raw
from tests.support.server import ROOT, ServerProcess
from tests.support.timeout import TIMEOUT_S

WAL = "parlour.db-wal"

POINTS: dict[str, list[Death]] = {
    "written-not-synced": [At("fdatasync", count) for count in range(1, 9)],
    "inside-a-transaction": [At("pwrite64", count, WAL) for count in range(1, 13)],
    "between-the-answers": [At("write", count) for count in (*range(1, 13), 30, 100)],
    "inside-a-checkpoint": [At("pwrite64", count, DATABASE) for count in (1, 2, 5, 20)],
    "checkpoint-not-synced": [At("fdatasync", 1, DATABASE)],
}


def one_of_each(points: dict[str, list[Death]]) -> list[Any]:
    """A death of each kind, of one server, for the default run; all of each kind for the long one."""
    return [
        pytest.param([deaths[len(deaths) // 2] for deaths in points.values()], id="one of each"),
        *[pytest.param(deaths, id=kind, marks=pytest.mark.long) for kind, deaths in points.items()],
    ]


@pytest.mark.parametrize("deaths", one_of_each(POINTS))
async def test_nothing_acknowledged_is_lost_when_the_server_is_killed_at_a_point(
    tmp_path: Path, deaths: list[Death]
) -> None:
    with ServerProcess(tmp_path / "data") as server:
        async with Load(server.port, seed=3) as load:
            slowest = await live_through(server, load, deaths)
            await load.rest()
        load.verify(tmp_path / "history.jsonl")
    assert check(tmp_path / "data").is_ok
    figures = load.figures(len(deaths), slowest)
    assert figures.acks >= 10 * len(deaths)


FAILURES: dict[str, list[Death]] = {
    "sync": [At("fdatasync", count, error="EIO") for count in range(1, 7)],
    "write": [At("pwrite64", count, WAL, "EIO") for count in (1, 2, 4)],
    "checkpoint": [At("fdatasync", 1, DATABASE, "EIO")],
}


@pytest.mark.parametrize("deaths", one_of_each(FAILURES))
async def test_a_failed_disk_is_unknown_ends_the_process_and_is_resolved_by_the_retry(
    tmp_path: Path, deaths: list[Death]
) -> None:
    """B.1 D16: no second try of the sync, exit code 74, the log verified at the next start."""
    with ServerProcess(tmp_path / "data") as server:
        async with Load(server.port, seed=4) as load:
            slowest = await live_through(server, load, deaths)
            await load.rest()
        load.verify(tmp_path / "history.jsonl")
    assert check(tmp_path / "data").is_ok
    figures = load.figures(len(deaths), slowest)
    codes = {send.code for send in load.shared.history.sends if send.outcome == "unknown"}
    assert codes & {"outcome_unknown", "lost"}  # who was told, and who saw the line end first
    assert figures.unknown >= len(deaths)


@pytest.mark.long
async def test_writes_that_find_no_room_now_and_then_refuse_their_batches_and_nothing_else(tmp_path: Path) -> None:
    """D15 in the middle of a transaction: half of it is in the log's file, and none of it is ever read.

    The default run has the same for a quota, and disks that are really full.
    """
    with ServerProcess(tmp_path / "data") as server:
        async with Load(server.port, seed=6) as load:
            await load.until_acks(10)
            with injecting(server.pid, "pwrite64:error=ENOSPC:when=3+13", server.data / WAL):
                await load.until_refusals(20)
                await load.until_acks(20)
                server.kill()
                load.shared.is_up.clear()
            await asyncio.to_thread(server.start)
            load.shared.is_up.set()
            await load.until_acks(10)
            await load.rest()
        load.verify(tmp_path / "history.jsonl")
    assert check(tmp_path / "data").is_ok
    assert load.figures(1, 0.0).refused >= 20


def say(port: int, key: str, text: str) -> tuple[int, dict[str, object]]:
    """Send with a key; gives the status and the JSON of the answer."""
    fields = ("Content-Type: application/json", "Accept: application/json", "Connection: close")
    answer = raw.exchange(port, raw.post("/lobby", json.dumps({"text": text, "key": key}).encode(), *fields))
    return raw.status(answer), json.loads(raw.body(answer))


def test_the_sender_of_a_batch_whose_sync_failed_is_told_500_and_finds_one_event_later(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        assert say(server.port, "before-it", "one")[0] == 201
        with injecting(server.pid, "fdatasync:error=EIO:when=1+"):
            status, problem = say(server.port, "the-moment", "two")
            assert server.wait() == EXIT_STORAGE_FAILED, server.log
        assert (status, problem["code"]) == (500, "outcome_unknown")
        assert "stored" not in problem
        server.start()
        first, stored = say(server.port, "the-moment", "two")
        again, repeated = say(server.port, "the-moment", "two")
        assert (first, again) == (201, 201)
        assert stored == repeated
        page = json.loads(
            raw.body(raw.exchange(server.port, raw.head("GET", "/lobby?format=json", "Connection: close")))
        )
        assert [event["text"] for event in page["events"]] == ["one", "two"]
    assert check(tmp_path / "data").is_ok


STARTS = [
    *[("pwrite64", count, "") for count in (1, 2, 3, 5, 7, 9, 11)],
    *[("fdatasync", count, "") for count in (1, 2, 3, 4)],
    ("fsync", 1, ""),
]
"""Calls of a start on a new directory: database, migrations, identity, record."""

RECOVERIES = [
    *[("pwrite64", count, DATABASE) for count in (1, 2, 3, 5)],
    ("fdatasync", 1, DATABASE),
    ("ftruncate", 2, ""),
]
"""Calls of a start after a kill: the log is moved into the database and checked."""


def die_at_start(server: ServerProcess, syscall: str, count: int, path: str) -> bool:
    """Start a server on the same data that is killed at a call; whether it came so far."""
    command = [sys.executable, "-m", "parlour", "serve", "--port", "0", "--data", str(server.data)]
    fault = f"{syscall}:signal=KILL:when={count}"
    under = start_under(fault, server.data / path if path else None, command)
    with subprocess.Popen(
        under, env={"PYTHONPATH": str(ROOT / "src")}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        listening = process.stdout.readline()
        if listening:
            process.terminate()  # strace passes it on
        process.wait(TIMEOUT_S)
    return not listening


# Long: the images of test_power_loss.py that keep everything are those of a kill, at every moment of such starts.


@pytest.mark.long
def test_a_first_start_that_was_killed_anywhere_is_taken_up_by_the_next(tmp_path: Path) -> None:
    hits = 0
    for syscall, count, path in STARTS:
        server = ServerProcess(tmp_path / f"{syscall}-{count}")
        hits += die_at_start(server, syscall, count, path)
        with server:
            assert say(server.port, "first-one", "hello")[0] == 201
        assert check(server.data).is_ok
    assert hits >= len(STARTS) // 2, "the points do not exist any more"


@pytest.mark.long
def test_a_recovery_that_was_killed_anywhere_is_taken_up_by_the_next(tmp_path: Path) -> None:
    expected = []
    hits = 0
    with ServerProcess(tmp_path / "data") as server:
        for round_number, (syscall, count, path) in enumerate(RECOVERIES):
            for number in range(20):
                text = f"{round_number}.{number}"
                assert say(server.port, f"recovery-{round_number}-{number}", text)[0] == 201
                expected.append(text)
            server.kill()
            hits += die_at_start(server, syscall, count, path)
            server.start()
        answer = raw.exchange(server.port, raw.head("GET", "/lobby?format=json&limit=1000", "Connection: close"))
        assert [event["text"] for event in json.loads(raw.body(answer))["events"]] == expected
    assert check(server.data).is_ok
    assert hits >= len(RECOVERIES) - 1, "the points do not exist any more"
