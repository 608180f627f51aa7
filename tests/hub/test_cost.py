"""What a live reader costs: a room a few bytes, and an acknowledgement the same however many rooms it reads."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from parlour.hub.chunk import Chunk
from parlour.hub.resources import Tuning
from tests.support.memory_hub import MemoryHub
from tests.support.recorder import Recorder
from tests.support.server import ROOT

ROOMS = [f"room-{number}" for number in range(100)]
CROWD = 40
"""Readers that are there before, so that a room's own memory is not counted for the one that is measured."""


@pytest.fixture
async def rooms() -> AsyncIterator[MemoryHub]:
    rooms = MemoryHub()
    yield rooms
    await rooms.close()


async def reader_of_all(rooms: MemoryHub) -> Recorder:
    reader = Recorder(rooms.hub)
    for room in ROOMS:
        await reader.follow(0, room)
    return reader


async def test_a_reader_of_a_hundred_rooms_costs_four_kib_at_most(rooms: MemoryHub) -> None:
    others = [await reader_of_all(rooms) for _ in range(CROWD)]
    tracemalloc.start()
    measured = [await reader_of_all(rooms) for _ in range(CROWD)]
    for reader in measured:
        reader.notes.clear()  # what a recorder writes down is no cost of reading
    gc.collect()  # what was left to the collector is no cost either, whenever it comes
    ours = tracemalloc.Filter(True, f"{ROOT}/src/parlour/*")  # and not what another thread of the tests does
    taken = sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([ours]).traces)
    tracemalloc.stop()
    positions = measured[0]._positions
    assert all(isinstance(position, Chunk) for position in positions)
    assert sys.getsizeof(positions) < 1000
    assert taken / CROWD <= 4096
    for reader in (*others, *measured):
        reader.close()
    assert rooms.hub.sizes()["subscriptions"] == 0


async def test_what_is_written_about_one_room_waits_for_that_room_alone() -> None:
    """An acknowledgement costs the same however many rooms its connection reads."""
    rooms = MemoryHub(tuning=Tuning(writes_at_once=0))  # everything is queued
    reader = await reader_of_all(rooms)
    await rooms.post(3, ROOMS)
    assert reader.seqs == []
    reader.flush(ROOMS[7])
    assert reader.seqs == [1, 2, 3]
    await rooms.at_rest()
    assert reader.seqs == [1, 2, 3] * len(ROOMS)
    await rooms.close()
