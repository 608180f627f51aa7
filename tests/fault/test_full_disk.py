"""D15: a full disk refuses what it cannot store and nothing else, and needs nobody when there is room again."""

from __future__ import annotations

import asyncio
import functools
import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from parlour.store.sqlite.check import check
from tests.fault.disks import DISKS, SmallDisk
from tests.fault.load import Load
from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S

ROUNDS = 3
REFUSALS = 60
ACKS = 60


def status_of(port: int, path: str) -> int:
    return raw.status(raw.exchange(port, raw.head("GET", path, "Connection: close")))


def post(port: int, room: str, text: str, key: str) -> bytes:
    fields = ("Content-Type: application/json", "Accept: application/json", "Connection: close")
    return raw.exchange(port, raw.post(f"/{room}", json.dumps({"text": text, "key": key}).encode(), *fields))


@pytest.mark.parametrize("kind", DISKS.values(), ids=DISKS.keys())
async def test_a_full_disk_refuses_sends_serves_readers_and_recovers_by_itself(
    tmp_path: Path, kind: Callable[[Path], AbstractContextManager[SmallDisk]]
) -> None:
    with kind(tmp_path / "disk") as disk, ServerProcess(disk.path / "data") as server:
        first = server.pid
        async with Load(server.port, seed=5) as load:
            for number in range(ROUNDS):
                await load.until_acks(ACKS)
                await asyncio.to_thread(fill_and_look, disk, server, number)
                await load.until_refusals(REFUSALS)
                seen = await asyncio.to_thread(look_around, server, load)
                disk.free(server)
                await load.until_acks(ACKS)
                await load.until(functools.partial(all_read_on, load, seen))
                assert await asyncio.to_thread(status_of, server.port, "/readyz") == 200
            await load.rest()
        assert server.pid == first, "it was restarted"
        load.verify(tmp_path / "history.jsonl")
        assert check(server.data).is_ok
        figures = load.figures(0, 0.0)
        refused = {send.code for send in load.shared.history.sends if send.outcome == "known_fail"}
        assert refused == {"storage_full", "key_reused"}
        assert figures.unknown == 0, "a full disk is a refusal, never a doubt"
        assert figures.refused >= ROUNDS * REFUSALS


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, id=name, marks=[pytest.mark.long] * (name != list(DISKS)[-1])) for name, kind in DISKS.items()],
)
def test_a_server_is_ready_again_without_a_send_when_there_is_room(
    tmp_path: Path, kind: Callable[[Path], AbstractContextManager[SmallDisk]]
) -> None:
    """Whoever keeps senders away from a server that is not ready has to see when it is."""
    with kind(tmp_path / "disk") as disk, ServerProcess(disk.path / "data") as server:
        for number in range(10):
            assert raw.status(post(server.port, "lobby", "x" * 3000, f"before-it-{number}")) == 201
        fill_and_look(disk, server, 0)
        assert status_of(server.port, "/readyz") == 503
        disk.free(server)
        until = time.monotonic() + TIMEOUT_S
        while status_of(server.port, "/readyz") != 200:
            assert time.monotonic() < until
        assert raw.status(post(server.port, "lobby", "after", "after-it")) == 201
        server.stop()
        assert server.log.count("a batch of") == 1, "the log of a full disk fills the disk"


def fill_and_look(disk: SmallDisk, server: ServerProcess, number: int) -> None:
    """Fill the disk up to the refusal, and read what the refusal says."""
    disk.fill(server)
    for attempt in range(200):
        answer = post(server.port, "filling", "x" * 3000, f"filling-{number}-{attempt}")
        if raw.status(answer) == 507:
            break
    problem = json.loads(raw.body(answer))
    assert (problem["code"], problem["stored"]) == ("storage_full", False)
    assert b"retry-after:" in answer.lower()


def look_around(server: ServerProcess, load: Load) -> dict[str, int]:
    """What works while the disk is full: health, pages, new streams. Gives where the readers are."""
    assert status_of(server.port, "/healthz") == 200
    assert status_of(server.port, "/readyz") == 503
    for room in load.shared.rooms:
        assert status_of(server.port, f"/{room}?format=json") == 200
    for transport in raw.TRANSPORTS:
        with raw.connected(server.port) as sock:
            sock.sendall(raw.ask(transport, "red", 0, load.shared.epoch))
            stream = raw.read_until(sock, raw.is_caught_up(transport))
            assert len(raw.events(transport, stream)) >= 10
    return {reader.name: reader.seen for reader in load.readers}


def all_read_on(load: Load, seen: dict[str, int]) -> bool:
    """Whether every reader has got something since."""
    return all(reader.seen > seen[reader.name] for reader in load.readers)
