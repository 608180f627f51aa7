"""Who runs the simulated server: closes rooms to guests at any moment, speaks in them, and opens them again.

`wrong_about` says where guests posted in a closed room, or were shown something of it.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Coroutine, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple, TypeVar

from parlour.app import App
from parlour.core.actor import OWNER
from parlour.core.errors import Refusal
from parlour.core.payloads import Access, Settings
from tests.checker.history import Entry, Reading, Received, Send, digest
from tests.simulation.loop import World
from tests.simulation.machine import Machine

T = TypeVar("T")

AUTHOR = "system"
CLOSED, OPEN = digest("members"), digest("open")
"""What the history has for the text of an event that closes a room, and of one that opens it."""

PAUSE_S = 0.05


class Asked(NamedTuple):
    """The owner has asked for this at this time; whether it was done is in the log."""

    room: str
    access: Access
    at: float


class Owner:
    """Does one thing after the other, as a task of the world outside."""

    def __init__(self, world: World, machine: Machine, rooms: Sequence[str], seed: int) -> None:
        self.asked: list[Asked] = []
        self._world = world
        self._machine = machine
        self._rooms = rooms
        self._random = Random(f"{seed} owner")
        self._said = 0

    async def run(self) -> None:
        """Close and open rooms until cancelled."""
        while True:
            await asyncio.sleep(self._random.expovariate(1 / PAUSE_S))
            room = self._random.choice(self._rooms)
            if not await self._set(room, "members"):
                continue
            for _ in range(self._random.randrange(4)):
                await self._say(room)
            await asyncio.sleep(self._random.choice((0.0, 0.0, self._random.expovariate(1 / PAUSE_S))))
            if self._random.random() < 0.8:
                await self._set(room, "open")

    async def open_all(self) -> None:
        """Open every room, however often it takes."""
        for room in self._rooms:
            while not await self._set(room, "open"):
                await asyncio.sleep(PAUSE_S)

    async def _set(self, room: str, access: Access) -> bool:
        self.asked.append(Asked(room, access, self._world.now))
        self._world.trace(f"the owner asks for {room} to be {access}")
        return await self._have(lambda app: app.context.rooms.change(OWNER, room, Settings(access=access)))

    async def _say(self, room: str) -> None:
        self._said += 1
        text, key = f"hidden {self._said}", f"{AUTHOR}-{self._said}"

        async def post(app: App) -> object:
            return await app.context.posting.posted(OWNER, room, text, key=key)

        await self._have(post)

    async def _have(self, work: Any) -> bool:
        """Have the server do something; False if it refuses, or is not there, or ends before it has answered."""
        done: Future[bool] = asyncio.get_running_loop().create_future()

        async def do(work: Coroutine[Any, Any, object]) -> None:
            is_done = True
            try:
                await work
            except Refusal:
                is_done = False
            if not done.done():
                done.set_result(is_done)

        if not self._machine.on_server(lambda app: do(work(app))):
            return False
        waiting: set[Future[Any]] = {done, self._machine.ended}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return done.done() and done.result()


def sends_of(log: Sequence[Entry]) -> Iterator[Send]:
    """The owner's part of a log as sends, about whose fate nothing is claimed."""
    for entry in log:
        if entry.author == AUTHOR:
            place = (AUTHOR, AUTHOR, entry.room, entry.author, entry.key, entry.text, 0.0, float("inf"))
            yield Send(*place, "unknown", entry.epoch)


def wrong_about(asked: Sequence[Asked], log: Sequence[Entry], readings: Sequence[Reading]) -> Iterator[str]:
    """Every message of a guest in a closed room, and every event of one that a guest was shown before it was open."""
    for room in {entry.room for entry in log}:
        opened_at = dict(_hidden(asked, [entry for entry in log if entry.room == room]))
        for entry in log:
            if entry.room == room and entry.seq in opened_at and entry.author != AUTHOR:
                yield f"{entry.seq} of {room} is a guest's, and the room was closed"
        for seen in readings:
            if isinstance(seen, Received) and seen.room == room and seen.at < opened_at.get(seen.seq, 0.0):
                yield f"{seen.conn} was shown {seen.seq} of {room}, which was closed"


def _hidden(asked: Sequence[Asked], log: Sequence[Entry]) -> Iterator[tuple[int, float]]:
    """The seqs in a room's log behind a closing, each with the time before which no guest may be shown it.

    That is when the owner asked for the opening: the first such request behind the closing that may have been the one.
    """
    requests = iter([each for each in asked if each.room == log[0].room])
    behind: list[int] = []
    is_closed = False
    for entry in sorted(log, key=lambda entry: entry.seq):
        is_policy = entry.author == AUTHOR and entry.text in (CLOSED, OPEN)
        if is_policy:
            access = "members" if entry.text == CLOSED else "open"
            at = next(each.at for each in requests if each.access == access)
            if not is_closed and access == "members":
                is_closed = True
                continue
            if is_closed and access == "open":
                is_closed = False
                yield from ((seq, at) for seq in behind)
                behind = []
                continue
        if is_closed:
            behind.append(entry.seq)
    yield from ((seq, float("inf")) for seq in behind)
