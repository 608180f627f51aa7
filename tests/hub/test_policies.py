"""A policy event ends the readers that may not read on, in the order of the log: after it, before the next event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence

import pytest

from parlour.chat.policies import Policies
from parlour.chat.ports import Commit
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.event import Answer, Draft
from parlour.core.guest_links import GuestPass
from parlour.core.payloads import GuestChanged, Message, Payload, Settings
from parlour.core.permissions import Who, rule
from parlour.hub.door import Door
from tests.support.memory_hub import MemoryHub, until
from tests.support.recorder import Recorder
from tests.support.stores import ALICE

GUEST = rule(Who("guest"), "read", "open")
"""The rule of those whom the closing of a room concerns; recorders without one may read everything."""


async def follow(room: MemoryHub, *, takes: int = 1_000_000, since: int = 0, is_guest: bool = True) -> Recorder:
    reader = Recorder(room.hub, takes)
    if is_guest:
        reader.rule = GUEST
    return await reader.follow(since)


async def happen(room: MemoryHub, *events: str) -> None:
    """One batch: what somebody says, and the changes of `_POLICIES`."""
    answers: list[Answer] = []
    for event in events:
        payload = _POLICIES.get(event, Message(event))
        room.store.append(Draft("lobby", ALICE, payload), answers.append)
    await until(lambda: len(answers) == len(events))
    await room.at_rest()


_POLICIES: dict[str, Payload] = {
    "closed": Settings("members"),
    "opened": Settings("open"),
    "renamed": Settings(title="Another"),
    "private": Settings("private"),
    "joined": GuestChanged("joined", "g_lena", "Lena", link="l_1"),
    "left": GuestChanged("left", "g_lena", "Lena"),
    "removed": GuestChanged("removed", "g_lena", "Lena"),
    "ended": GuestChanged("ended", link="l_1", count=1),
    "another joined": GuestChanged("joined", "g_ken", "Ken", link="l_1"),
    "another removed": GuestChanged("removed", "g_ken", "Ken"),
}


def run(scenario: Callable[[MemoryHub], Coroutine[None, None, None]]) -> None:
    async def inside() -> None:
        room = MemoryHub()
        await scenario(room)
        await room.close()

    asyncio.run(inside())


def test_live_readers_are_shown_the_event_and_nothing_behind_it_in_the_same_batch() -> None:
    async def scenario(room: MemoryHub) -> None:
        guests = [await follow(room) for _ in range(3)]
        member = await follow(room, is_guest=False)
        await happen(room, "a", "b", "closed", "c", "d")
        for guest in guests:
            assert guest.seqs == [1, 2, 3]
            assert guest.notes == ["caught_up 0", "closed lobby"]
            assert guest.rooms == 0
        assert member.seqs == [1, 2, 3, 4, 5]
        assert room.hub.sizes()["subscriptions"] == 1

    run(scenario)


def test_a_room_that_is_opened_in_the_same_batch_was_closed_to_those_who_were_there() -> None:
    async def scenario(room: MemoryHub) -> None:
        guest = await follow(room)
        await happen(room, "closed", "a", "opened", "b")
        assert (guest.seqs, guest.notes) == ([1], ["caught_up 0", "closed lobby"])
        late = await follow(room)
        assert late.seqs == [1, 2, 3, 4]

    run(scenario)


def test_a_reader_that_is_behind_is_caught_up_to_the_event_and_no_further() -> None:
    async def scenario(room: MemoryHub) -> None:
        guest = await follow(room, takes=1)
        for event in "abc":
            await happen(room, event)
        assert guest.seqs == [1]  # its buffer is full
        await happen(room, "closed", "d", "e")
        guest.drained(1_000_000)
        await room.at_rest()
        assert (guest.seqs, guest.notes) == ([1, 2, 3, 4], ["caught_up 0", "closed lobby"])
        for since in (0, 2, 4, 5):  # as one that was let in just before
            late = await follow(room, since=since)
            await room.at_rest()
            assert (late.seqs, late.notes) == ([], ["closed lobby"])

    run(scenario)


def test_a_reader_that_is_behind_is_shown_nothing_between_the_closing_and_another_change() -> None:
    async def scenario(room: MemoryHub) -> None:
        full, slow = await follow(room, takes=1), await follow(room, takes=2)
        await happen(room, "a")
        await happen(room, "b", "closed", "c", "renamed", "d")  # the buffer of the second is full with the closing
        await happen(room, "e", "renamed", "f")
        for guest in (full, slow):
            guest.drained(1_000_000)
            await room.at_rest()
            assert (guest.seqs, guest.notes) == ([1, 2, 3], ["caught_up 0", "closed lobby"])

    run(scenario)


def test_a_reader_that_is_behind_goes_on_where_the_room_is_open_again() -> None:
    async def scenario(room: MemoryHub) -> None:
        guest = await follow(room, takes=1)
        for events in (["a"], ["b"], ["closed", "c"], ["opened", "d"]):
            await happen(room, *events)
        guest.drained(1_000_000)
        await room.at_rest()
        assert guest.seqs == [1, 2, 3, 4, 5, 6]
        assert "closed lobby" not in guest.notes

    run(scenario)


def test_an_event_that_is_lost_changes_nothing() -> None:
    async def scenario(room: MemoryHub) -> None:
        guest = await follow(room)
        await happen(room, "a")
        losing = room.losing
        room.losing = lambda _: ()
        await happen(room, "closed", "b")
        room.losing = losing
        await happen(room, "c")
        await until(lambda: len(guest.notes) == 2)
        assert (guest.seqs, guest.notes) == ([1, 2], ["caught_up 0", "closed lobby"])

    run(scenario)


@pytest.mark.parametrize(
    ("event", "why"), [("removed", "removed"), ("ended", "link_gone"), ("left", "not_found")], ids=str
)
def test_a_guest_by_a_link_is_told_what_has_ended_their_place_however_far_they_are(event: str, why: str) -> None:
    async def scenario(room: MemoryHub) -> None:
        await happen(room, "private", "joined")
        live, slow = [await follow(room, takes=takes, is_guest=False) for takes in (1_000_000, 1)]
        for reader in (live, slow):
            reader.who = Who("guest", guest="g_lena")
            reader.rule = rule(reader.who, "read", "open")
        await happen(room, "a")
        await happen(room, event, "renamed", "b")
        slow.drained(1_000_000)
        await room.at_rest()
        assert [(reader.seqs, reader.why) for reader in (live, slow)] == [([1, 2, 3, 4], why)] * 2

    run(scenario)


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ("removed, another joined", "removed"),
        ("ended, renamed", "link_gone"),
        ("left, another joined, another removed", "not_found"),
        ("left, ended", "not_found"),
        ("removed, joined, left", "not_found"),
    ],
)
def test_a_guest_by_a_link_who_waits_is_told_what_has_ended_their_own_place(events: str, why: str) -> None:
    async def scenario(room: MemoryHub) -> None:
        door = Door(room.hub, Policies("open"))

        def learn(commits: Sequence[Commit]) -> Sequence[Commit]:
            door.committed(commits)
            return commits

        room.losing = learn
        await happen(room, "private", "joined")
        guest = GuestPass("g_lena", "l_1", "Lena", "in", ("lobby",), was_in=True)
        lena = Actor("guest", "g_lena", "pass", "", guest_pass=guest)
        channel = await door.open(lena, "lobby", "read")
        since = channel.head
        waiting = asyncio.create_task(channel.wait_for_news(since, 60.0))
        await happen(room, *events.split(", "))
        assert await waiting
        with pytest.raises(Refusal) as caught:
            await door.after(lena, channel, since, 100)
        channel.release()
        assert caught.value.code == why

    run(scenario)
