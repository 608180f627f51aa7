"""A removed event: ring, kept replays and pages show the tombstone from then on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from parlour.chat.policies import Policies
from parlour.chat.ports import Commit
from parlour.core.actor import OPERATOR
from parlour.core.event import Stored
from parlour.hub.door import Door
from parlour.hub.encoder import Encoder
from tests.support.memory_hub import MemoryHub
from tests.support.recorder import Recorder, encode_nothing
from tests.support.stores import redact

TOMBSTONE = Stored(2, b'{"type":"redacted"}', "redacted")


@pytest.fixture
async def rooms() -> AsyncIterator[MemoryHub]:
    rooms = MemoryHub()
    rooms.store.on_redact(rooms.hub.redact)
    await rooms.post(3)
    yield rooms
    await rooms.close()


class Texts(Recorder):
    """A reader that keeps the bytes of events."""

    def __init__(self, rooms: MemoryHub) -> None:
        super().__init__(rooms.hub, encoder=WHOLE)
        self.shown = b""

    def write(self, data: bytes) -> None:
        self.shown += data


def encode_whole(_room: str, _epoch: str, events: Sequence[Stored]) -> bytes:
    return b"".join([event.json for event in events])


WHOLE = Encoder(encode_whole, encode_nothing)


def texts(events: Sequence[Stored]) -> bytes:
    return encode_whole("", "", events)


async def test_everything_shows_the_tombstone(rooms: MemoryHub) -> None:
    before = await Texts(rooms).follow(0)
    channel = await rooms.hub.open("lobby")
    size = rooms.hub.sizes()["ring_bytes"]
    tombstone = await rooms.store.run(redact("lobby", 2))
    after = await Texts(rooms).follow(0)
    door = Door(rooms.hub, Policies("open"))
    pages = [
        await door.after(OPERATOR, channel, 0, 10),
        await door.before(OPERATOR, channel, 4, 10),
        [await door.event(OPERATOR, channel, 2)],
    ]
    assert b"message 1" in before.shown, "the page that was kept"
    for shown in (after.shown, *map(texts, pages)):
        assert tombstone.json in shown
        assert b"message 1" not in shown
    assert rooms.hub.sizes()["ring_bytes"] < size
    channel.release()


async def test_other_events_and_rooms_stay_as_they_are(rooms: MemoryHub) -> None:
    await rooms.post(3, ["other"])
    lobby, other = await rooms.hub.open("lobby"), await rooms.hub.open("other")
    rooms.hub.redact("lobby", TOMBSTONE)
    rooms.hub.redact("lobby", TOMBSTONE._replace(seq=9))
    rooms.hub.redact("nowhere", TOMBSTONE)
    assert [event.seq for event in lobby.ring.events] == [1, 2, 3]
    assert [event.type for event in lobby.ring.events] == ["message", "redacted", "message"]
    assert [event.type for event in other.ring.events] == ["message"] * 3
    lobby.release()
    other.release()


async def test_a_removal_while_a_room_is_loaded_is_not_forgotten(rooms: MemoryHub) -> None:
    opening = asyncio.ensure_future(rooms.hub.open("lobby"))
    await asyncio.sleep(0)
    rooms.hub.redact("lobby", TOMBSTONE)  # as if the store had been read before it
    channel = await opening
    assert [event.type for event in channel.ring.events] == ["message", "redacted", "message"]
    channel.release()


async def test_a_removal_while_a_gap_is_read_is_not_forgotten() -> None:
    lost: list[Commit] = []

    def lose(commits: Sequence[Commit]) -> Sequence[Commit]:
        lost.extend(commits)
        return [] if len(lost) > 1 else commits

    rooms = MemoryHub(lose)
    await rooms.post(1)
    channel = await rooms.hub.open("lobby")
    await rooms.post(1)
    await rooms.post(1)
    assert channel.head == 1
    channel.head_moved(3)
    rooms.hub.redact("lobby", TOMBSTONE)  # as if the store had been read before it
    await rooms.at_rest()
    assert [event.type for event in channel.ring.events] == ["message", "redacted", "message"]
    channel.release()
    await rooms.close()
