"""Nodes over one PostgreSQL behind a balancer, with a line of the tests' own between each pair, and what can go wrong.

Every fault has its way back. What is broken, how and for how long is chance, by a seed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import NamedTuple, Self, TypeVar

from tests.support.lines import BOTH, Lines, Way
from tests.support.nats import NatsProcess
from tests.support.postgres import PostgresProcess
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S

NODES = 3
HANDS = 2
"""Things that happen at once."""

T = TypeVar("T")

END_CONNECTIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'parlour'"

WAYS = (BOTH, (Way.THERE,), (Way.BACK,))


class Times(NamedTuple):
    """How long what is wrong lasts, in seconds, from and to."""

    short: tuple[float, float]
    """Nobody gives up."""
    long: tuple[float, float]
    """Past every time-out of the nodes and of PostgreSQL."""
    late: tuple[float, float]
    """By how much a line is late."""


IMPATIENT = Times((0.02, 0.2), (0.6, 0.9), (0.0, 0.06))
"""For nodes that give up after half a second (`node_changes.be_impatient`)."""

AS_SHIPPED = Times((0.02, 2.0), (11.0, 25.0), (0.0, 1.0))


class World:
    """The processes, and `lines` between them. As a context manager it starts and stops them.

    Clients come to `port`. `changes` are what the nodes are changed by (`ServerProcess`). Nodes tell each other by
    `relay`, or by the notifications of PostgreSQL without one.
    """

    def __init__(
        self,
        place: Path,
        database: PostgresProcess,
        name: str,
        seed: int,
        changes: Sequence[str],
        relay: NatsProcess | None = None,
    ) -> None:
        self.database = database
        self.relay = relay
        self._place, self._name, self._seed, self._changes = place, name, seed, changes
        self._stack = ExitStack()
        self.nodes: list[ServerProcess] = []
        self.lines: list[Lines] = []

    def __enter__(self) -> Self:
        self.database.sql(f"CREATE DATABASE {self._name}")
        self._stack.callback(self._drop)
        balancer = Lines(seed=self._seed)
        for number in range(NODES):
            to_database = self._stack.enter_context(Lines(self.database.socket, seed=self._seed + number))
            store = f"postgresql://postgres@127.0.0.1:{to_database.port}/{self._name}?sslmode=disable"
            options = ["--store", store, "--drain-seconds", "1"]
            if self.relay is not None:
                to_relay = self._stack.enter_context(Lines(self.relay.port, seed=self._seed + 10 * number))
                options += ["--relay", f"nats://127.0.0.1:{to_relay.port}"]
                self.lines.append(to_relay)
            node = ServerProcess(self._place / f"node{number}", *options, changes=self._changes)
            self.nodes.append(self._stack.enter_context(node))
            to_node = self._stack.enter_context(Lines(node.port, seed=self._seed - number))
            balancer.targets.append(to_node.port)
            self.lines += [to_database, to_node]
        self.lines.append(self._stack.enter_context(balancer))
        self.port = balancer.port
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for node in self.nodes:
                node.kill()
        self._stack.close()

    def _drop(self) -> None:
        self.database.sql(f"DROP DATABASE {self._name} WITH (FORCE)")


class Faults:
    """What can happen in a world, two things at once. `counts` says what has."""

    def __init__(self, world: World, times: Times, random: Random) -> None:
        self._database, self._relay, self._times, self._random = world.database, world.relay, times, random
        self._nodes, self._lines = list(world.nodes), list(world.lines)  # to which nothing happens
        self._only_one = asyncio.Lock()  # thing happens to the database at a time
        self.counts: Counter[str] = Counter()
        self.kinds: tuple[Callable[[], Awaitable[None]], ...] = (
            self.node_dies,
            self.node_stops,
            self.node_pauses,
            self.node_sleeps,
            self.database_dies,
            self.database_stops,
            self.database_pauses,
            self.connections_end,
            self.line_stalls,
            self.line_stalls_for_long,
            self.line_is_forgotten,
            self.line_is_cut,
            self.line_is_late,
        )
        if self._relay is not None:
            self.kinds += (self.relay_dies, self.relay_pauses)

    async def happen(self, count: int, until: Callable[[], Awaitable[None]]) -> None:
        """So many faults by chance, of every kind about as many; before each one `until` is awaited."""
        deck = [self.kinds[number % len(self.kinds)] for number in range(count)]
        self._random.shuffle(deck)
        hands = [asyncio.create_task(self._take_from(deck, until)) for _ in range(HANDS)]
        await asyncio.wait(hands, return_when=asyncio.FIRST_EXCEPTION)
        deck.clear()
        await asyncio.wait(hands)  # what has begun has its way back
        for hand in hands:
            hand.result()

    async def _take_from(self, deck: list[Callable[[], Awaitable[None]]], until: Callable[[], Awaitable[None]]) -> None:
        while deck:
            fault = deck.pop()
            await until()
            await self._for(self._times.short)
            self.counts[fault.__name__] += 1
            await fault()

    @contextmanager
    def _one_of(self, free: list[T]) -> Iterator[T]:
        """One to which nothing else happens meanwhile."""
        taken = free.pop(self._random.randrange(len(free)))
        try:
            yield taken
        finally:
            free.append(taken)

    async def _for(self, span: tuple[float, float]) -> None:
        await asyncio.sleep(self._random.uniform(*span))

    async def node_dies(self) -> None:
        """SIGKILL to a node, and another start."""
        with self._one_of(self._nodes) as node:
            await asyncio.to_thread(node.kill)
            await self._for(self._times.short)
            await asyncio.to_thread(start_after_all, node)

    async def node_stops(self) -> None:
        """A node is drained and started again: its readers go to the others."""
        with self._one_of(self._nodes) as node:
            code = await asyncio.to_thread(node.stop)
            assert code == 0, node.log
            await asyncio.to_thread(start_after_all, node)

    async def node_pauses(self) -> None:
        """A node stands still for a moment."""
        with self._one_of(self._nodes) as node:
            await self._pause([node.pid], self._times.short)

    async def node_sleeps(self) -> None:
        """A node stands still past every time-out, as in a machine that is moved, and wakes."""
        with self._one_of(self._nodes) as node:
            await self._pause([node.pid], self._times.long)

    async def database_dies(self) -> None:
        """SIGKILL to all of PostgreSQL, and another start."""
        async with self._only_one:
            await asyncio.to_thread(self._database.kill)
            await self._for(self._times.short)
            await asyncio.to_thread(self._database.start)

    async def database_stops(self) -> None:
        """A restart by an operator."""
        async with self._only_one:
            await asyncio.to_thread(self._database.stop)
            await asyncio.to_thread(self._database.start)

    async def database_pauses(self) -> None:
        """All of PostgreSQL stands still, and wakes."""
        async with self._only_one:
            span = self._random.choice((self._times.short, self._times.long))
            await self._pause(self._database.pids(), span)

    async def connections_end(self) -> None:
        """PostgreSQL ends all connections, also in the middle of a commit."""
        async with self._only_one:
            await asyncio.to_thread(self._database.sql, END_CONNECTIONS)

    async def relay_dies(self) -> None:
        """SIGKILL to NATS, and another start."""
        assert self._relay is not None
        async with self._only_one:
            await asyncio.to_thread(self._relay.kill)
            await self._for(self._random.choice((self._times.short, self._times.long)))
            await asyncio.to_thread(self._relay.start)

    async def relay_pauses(self) -> None:
        """NATS stands still, and wakes."""
        assert self._relay is not None
        async with self._only_one:
            assert self._relay.process is not None
            await self._pause([self._relay.process.pid], self._times.long)

    async def line_stalls(self) -> None:
        """Nothing comes over a line for a moment, one way or both."""
        await self._stall(self._times.short)

    async def line_stalls_for_long(self) -> None:
        """The same, past every time-out."""
        await self._stall(self._times.long)

    async def line_is_forgotten(self) -> None:
        """What is open on a line is dead and nobody is told, as behind a router that has started again."""
        with self._one_of(self._lines) as line:
            line.forget()
            await self._for(self._times.long)
            line.cut(resets=True)  # as such a router answers at last

    async def line_is_cut(self) -> None:
        """What is open on a line ends, in good order or by a reset."""
        with self._one_of(self._lines) as line:
            line.cut(resets=self._random.random() < 0.5)

    async def line_is_late(self) -> None:
        """What comes over a line comes late, some of it more than the rest."""
        with self._one_of(self._lines) as line:
            line.delays_s = self._times.late
            await self._for(self._times.long)
            line.go_on()

    async def _stall(self, span: tuple[float, float]) -> None:
        with self._one_of(self._lines) as line:
            line.stall(*self._random.choice(WAYS))
            await self._for(span)
            line.go_on()

    async def _pause(self, pids: Sequence[int], span: tuple[float, float]) -> None:
        send_signal(pids, signal.SIGSTOP)
        try:
            await self._for(span)
        finally:
            send_signal(pids, signal.SIGCONT)


def start_after_all(node: ServerProcess) -> None:
    """Start a node as often as its database, or the line to it, is away. Blocks."""
    deadline = time.monotonic() + TIMEOUT_S
    while node.process is None:
        try:
            node.start()
        except AssertionError:
            if time.monotonic() > deadline:
                raise


def send_signal(pids: Sequence[int], number: int) -> None:
    """Send it to those that are still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
