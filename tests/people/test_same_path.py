"""What may not be seen takes the path of what is not there: the same code runs, so it takes the same time.

The long form measures the time, too: which of the two was quicker is the toss of a coin.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType

import pytest

import parlour
from parlour import RunningServer, start_server_async
from parlour.core.accounts import Account
from parlour.core.actor import OPERATOR, Actor
from parlour.core.payloads import Settings
from tests.people.matrix import ASKED, Asked
from tests.support.timeout import TIMEOUT_S

SOURCE = str(Path(parlour.__file__).parent)
TRIES = 5
SAMPLES = int(os.environ.get("PARLOUR_TEST_SAMPLES", "20000"))

MOST_SIGMAS = 5.0
"""Of a fair coin, once in two million runs."""


class House:
    """A server with a private room in which `eve` has been and is no more. `fields` are those of her requests."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.room = self.nothing = ""
        self.fields: tuple[str, ...] = ()

    async def settle(self) -> None:
        context = self.server.app.context
        for name in ("oona", "eve"):
            account = Account(f"u_{name}", name, name, "member", "member", None, "active")
            await context.store.run(context.people.accounts._add(OPERATOR, account, None))
        oona, eve = (context.people.identities.accounts.get(f"u_{name}") for name in ("oona", "eve"))
        assert oona is not None
        assert eve is not None
        actor = Actor("member", oona.id, "password", None, oona)
        made = await context.rooms.create(actor, None, Settings("private", "Leads"))
        self.room, self.nothing = made.room, f"{made.room[:-6]}zzzzzz"
        await context.members.add(actor, self.room, eve, "member")
        for text in ("one", "two", "three"):
            await context.posting.posted(actor, self.room, text)
        await context.members.remove(actor, self.room, eve)
        token = await context.people.sign_ins.make_token(OPERATOR, eve, "cron", frozenset({"admin"}), 90)
        self.fields = (f"Authorization: Bearer {token.secret}",)


class Line:
    """A connection that is kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, server: RunningServer) -> Line:
        return cls(*await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2])))

    async def ask(self, request: bytes) -> int:
        """The status of the answer, which is read whole."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await self._reader.readexactly(int(length or 0))
        return int(head[9:12])

    def close(self) -> None:
        self._writer.close()


@contextmanager
def called(functions: list[str]) -> Iterator[None]:
    """Note every function of ours that is called meanwhile, and what it calls of C, but those of timers."""

    def note(frame: FrameType, event: str, c_function: object) -> None:
        code = frame.f_code
        if event in ("call", "c_call") and code.co_filename.startswith(SOURCE) and "wheel" not in code.co_filename:
            name = f"{code.co_filename.removeprefix(SOURCE)}: {code.co_qualname}"
            functions.append(name if event == "call" else f"{name}: {getattr(c_function, '__qualname__', '')}")

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)


OWN_LIST = "DELETE /api/v1/me/rooms/{room}"
"""It looks in the list of whoever asks, where a room stays that is not there any more."""


def ways() -> Iterator[tuple[str, Asked]]:
    for name, asked in ASKED.items():
        for number, how in enumerate(asked if isinstance(asked, tuple) else (asked,)):
            yield f"{name} {number}", how


async def paths(house: House, request: Callable[[str], bytes], room: str) -> set[tuple[str, ...]]:
    """The calls that a request makes, in order: of some tries, for something else may happen meanwhile."""
    found = set()
    for _ in range(TRIES):
        calls = list[str]()
        with closing(await Line.to(house.server)) as line, called(calls):
            assert await line.ask(request(room)) in (
                204,
                303,
                401,
                404,
            )  # 303: to signing in; 204: what is not in a list is taken out of it
        found.add(tuple(calls))
    return found


def test_a_request_takes_the_same_path_whether_there_is_a_room_or_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(TIMEOUT_S), await start_server_async(0, data=tmp_path, rate_limits=False) as server:
            house = House(server)
            await house.settle()
            for (name, how), fields in [(way, fields) for way in ways() for fields in (house.fields, ())]:
                there, not_there = [
                    await paths(house, lambda room: how.request(room, fields), room)  # noqa: B023
                    for room in (house.room, house.nothing)
                ]
                assert there & not_there, difference(name, there, not_there)
                quiet = min(there, key=len)  # the first use of a token is written down
                asks_the_disk = any("store" in call for call in quiet)
                assert not asks_the_disk or name.startswith(OWN_LIST), f"{name} asks the disk"

    asyncio.run(scenario())


def difference(name: str, there: set[tuple[str, ...]], not_there: set[tuple[str, ...]]) -> str:
    """Where the shortest paths part."""
    first, second = min(there, key=len), min(not_there, key=len)
    parts = next((at for at, calls in enumerate(zip(first, second, strict=False)) if calls[0] != calls[1]), -1)
    return f"{name}: {first[parts:][:3]} where there is a room, {second[parts:][:3]} where there is none"


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", ["GET /api/v1/rooms/{room} 0", "POST /api/v1/rooms/{room}/messages 0"])
def test_no_time_tells_whether_there_is_a_room(name: str, tmp_path: Path) -> None:
    async def scenario() -> Sequence[tuple[float, float]]:
        async with await start_server_async(
            0, data=tmp_path, rate_limits=False, connection_requests=2 * SAMPLES + 1
        ) as server:
            house = House(server)
            await house.settle()
            how, pairs = dict(ways())[name], []
            requests = [how.request(room, house.fields) for room in (house.room, house.nothing)]
            with closing(await Line.to(server)) as line:
                for _ in range(SAMPLES):
                    took = [0.0, 0.0]
                    for which in random.sample((0, 1), 2):
                        began = time.perf_counter()
                        await line.ask(requests[which])
                        took[which] = time.perf_counter() - began
                    pairs.append((took[0], took[1]))
            return pairs

    pairs = asyncio.run(scenario())
    slower = sum(there > not_there for there, not_there in pairs)
    sigmas = abs(slower - SAMPLES / 2) / (SAMPLES**0.5 / 2)
    medians = [1e6 * sorted(times)[SAMPLES // 2] for times in zip(*pairs, strict=True)]
    print(f"{name}: {slower} of {SAMPLES} slower ({sigmas:.1f} sigmas), medians {medians} µs")  # noqa: T201
    assert sigmas < MOST_SIGMAS, medians
