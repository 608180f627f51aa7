"""T15, B.1 D15: a server that comes to the end of its disk by itself, again and again, and one that has no inodes left.

What test_full_disk.py leaves out: the last bytes are taken by the server's own writes, wherever these are then; rounds
without end; a real file system with a journal; a quota; inodes; and starts.
"""

from __future__ import annotations

import asyncio
import functools
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from parlour.store.sqlite.check import check
from tests.fault.deaths import injecting
from tests.fault.load import Load
from tests.fault.volumes import VOLUMES, Volume
from tests.support import raw
from tests.support.server import ROOT, ServerProcess
from tests.support.timeout import TIMEOUT_S

ROUNDS = 2
LONG_ROUNDS = int(os.environ.get("PARLOUR_TEST_FILLS", "20"))
LEFT = (0, 600_000)
"""Bytes that are left to the server."""

REFUSALS = 30
ACKS = 30
CANNOT_START = 3
STREAM_ROOM = "red"

volumes = pytest.mark.parametrize("kind", VOLUMES)
in_memory = pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.long] * (kind != "tmpfs")) for kind in VOLUMES]
)
"""A file system on a device takes longer and is no different here: with --long."""

real = pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.long] * (kind != list(VOLUMES)[-1])) for kind in VOLUMES]
)
"""One with a journal, which gives out its blocks late; test_full_disk.py has one in memory."""


async def fill_again_and_again(tmp_path: Path, kind: str, rounds: int, seed: int) -> None:
    random = Random(seed)
    with VOLUMES[kind](tmp_path / "disk") as disk, ServerProcess(disk.path / "data") as server:
        server_before = server.pid
        async with Load(server.port, seed) as load:
            for _ in range(rounds):
                await load.until_acks(ACKS)
                await asyncio.to_thread(disk.leave, random.randint(*LEFT))
                await load.until_refusals(REFUSALS)
                seen = await asyncio.to_thread(look_around, server, load)
                disk.free()
                await load.until_acks(ACKS)
                await load.until(functools.partial(all_read_on, load, seen))
                assert await asyncio.to_thread(status_of, server, "/readyz") == 200
            await load.rest()
        assert server.pid == server_before, "it was restarted"
        load.verify(tmp_path / "history.jsonl")
        figures = load.figures(0, 0.0)
        refused = {send.code for send in load.shared.history.sends if send.outcome == "known_fail"}
        assert refused <= {"storage_full", "key_reused"}
        assert figures.unknown == 0, "a full disk is a refusal, never a doubt"
        assert figures.refused >= rounds * REFUSALS
        server.kill()
        assert check(server.data).is_ok
        server.start()
        assert check(server.data).is_ok


def status_of(server: ServerProcess, path: str) -> int:
    return raw.status(raw.exchange(server.port, raw.head("GET", path, "Connection: close")))


def look_around(server: ServerProcess, load: Load) -> dict[str, int]:
    """What works while the disk is full: pages, health, a new stream, and a check. Gives where the readers are."""
    assert status_of(server, "/healthz") == 200
    for room in load.shared.rooms:
        assert status_of(server, f"/{room}?format=json") == 200
    for transport in raw.TRANSPORTS:
        with raw.connected(server.port) as sock:
            sock.sendall(raw.ask(transport, STREAM_ROOM, 0, load.shared.epoch))
            raw.read_until(sock, raw.is_caught_up(transport))
    assert check(server.data).is_ok
    return {reader.name: reader.seen for reader in load.readers}


def all_read_on(load: Load, seen: dict[str, int]) -> bool:
    return all(reader.seen > seen[reader.name] for reader in load.readers)


@real
async def test_a_server_that_fills_its_disk_itself_refuses_and_recovers_every_time(tmp_path: Path, kind: str) -> None:
    await fill_again_and_again(tmp_path, kind, ROUNDS, 15)


@pytest.mark.long
@pytest.mark.timeout(1800)
@volumes
async def test_a_disk_is_filled_and_freed_many_times(tmp_path: Path, kind: str) -> None:
    await fill_again_and_again(tmp_path, kind, LONG_ROUNDS, 16)


async def test_a_quota_that_is_reached_now_and_then_refuses_and_nothing_else(tmp_path: Path) -> None:
    """EDQUOT, which a full disk is not, in the middle of transactions and of checkpoints."""
    with ServerProcess(tmp_path / "data") as server:
        async with Load(server.port, seed=17) as load:
            await load.until_acks(ACKS)
            with injecting(server.pid, "pwrite64:error=EDQUOT:when=5+11"):
                await load.until_refusals(REFUSALS)
                await load.until_acks(ACKS)
                server.kill()
                load.shared.is_up.clear()
            await asyncio.to_thread(server.start)
            load.shared.is_up.set()
            await load.until_acks(ACKS)
            await load.rest()
        load.verify(tmp_path / "history.jsonl")
        refused = {send.code for send in load.shared.history.sends if send.outcome == "known_fail"}
        assert refused <= {"storage_full", "key_reused"}
    assert check(tmp_path / "data").is_ok


@in_memory
async def test_without_inodes_a_running_server_needs_none(tmp_path: Path, kind: str) -> None:
    with VOLUMES[kind](tmp_path / "disk") as disk, ServerProcess(disk.path / "data") as server:
        async with Load(server.port, seed=18) as load:
            await load.until_acks(ACKS)
            disk.take_inodes()
            await load.until_acks(4 * ACKS)
            server.kill()
            load.shared.is_up.clear()
            await asyncio.to_thread(server.start)  # a kill leaves all files that it needs
            load.shared.is_up.set()
            await load.until_acks(4 * ACKS)
            await load.rest()
        load.verify(tmp_path / "history.jsonl")
        assert load.refusals == 0
        assert check(server.data).is_ok


@in_memory
def test_a_start_without_room_is_refused_in_words_and_harms_nothing(tmp_path: Path, kind: str) -> None:
    """It needs a write-ahead log; a service manager retries until there is room for it."""
    with VOLUMES[kind](tmp_path / "disk") as disk:
        server = ServerProcess(disk.path / "data")
        with server:
            assert raw.status(raw.exchange(server.port, raw.post("/lobby", b"before", "Connection: close"))) == 201
        # A start that found no bytes has made its files: it lacks no inodes after that.
        for take, give in ((disk.take_inodes, disk.give_inodes), (disk.fill, disk.free)):
            take()
            refuse(disk, server)
            give()
        with server:
            assert raw.status(raw.exchange(server.port, raw.post("/lobby", b"after", "Connection: close"))) == 201
            page = raw.exchange(server.port, raw.head("GET", "/lobby?format=ndjson", "Connection: close"))
            assert (page.count(b'"text":"before"'), page.count(b'"text":"after"')) == (1, 1)
        assert check(server.data).is_ok


def refuse(disk: Volume, server: ServerProcess) -> None:
    """A start ends with its exit code and one line that names the place."""
    serve = [sys.executable, "-m", "parlour", "serve", "--port", "0", "--data", str(server.data)]
    done = subprocess.run(
        serve, env={"PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert (done.returncode, done.stdout) == (CANNOT_START, ""), done
    (line,) = done.stderr.splitlines()
    assert str(server.data) in line
