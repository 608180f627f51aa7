"""The contract of the Relay port, over the local one, PostgreSQL and NATS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from parlour.chat.ports import Relay
from parlour.relay.local import LocalRelay
from parlour.relay.nats import NatsRelay
from parlour.relay.notify import NotifyRelay
from tests.support.nats import NatsProcess
from tests.support.postgres import Databases
from tests.support.timeout import TIMEOUT_S

SECRET = b"s" * 32
ROOM = "zürich-🎈"

OTHER = b"o" * 32

Make = Callable[[bytes], Relay]


@pytest.fixture(params=["local", "notify", "nats"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Makes one more node's relay, for the deployment with this secret."""
    made: list[LocalRelay] = []
    with ExitStack() as stack:
        if request.param == "local":

            def local(_secret: bytes) -> Relay:
                made.append(LocalRelay(made))
                return made[-1]

            yield local
        elif request.param == "notify":
            databases: Databases = request.getfixturevalue("postgres")
            urls = {secret: stack.enter_context(databases.new()) for secret in (SECRET, OTHER)}
            numbers = iter(range(100))
            yield lambda secret: NotifyRelay(urls[secret], f"node{next(numbers)}")
        else:
            url = stack.enter_context(NatsProcess(tmp_path)).url
            yield lambda _secret: NatsRelay(url)


class Node:
    """A relay and what it has brought."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.heard: list[tuple[str, str, str]] = []
        self.listen("news")
        relay.listen("ready", lambda _room, _text: None)

    def listen(self, kind: str) -> None:
        self.relay.listen(kind, lambda room, text: self.heard.append((kind, room, text)))

    async def hears(self, *expected: tuple[str, str, str]) -> None:
        """Wait until it has heard this, in this order, beside other things."""
        async with asyncio.timeout(TIMEOUT_S):
            while [notice for notice in self.heard if notice in expected] != list(expected):
                await asyncio.sleep(0.002)


@asynccontextmanager
async def nodes(make: Make, *secrets: bytes) -> AsyncIterator[list[Node]]:
    """Started, and connected with one another where they have one secret."""
    made = [Node(make(secret)) for secret in secrets]
    for node, secret in zip(made, secrets, strict=True):
        node.relay.start(secret)
    try:
        for node in made:
            peers = [peer for peer, secret in zip(made, secrets, strict=True) if secret == secrets[made.index(node)]]
            await meet(node, *(peer for peer in peers if peer is not node))
        yield made
    finally:
        for node in made:
            await node.relay.close()


async def meet(node: Node, *peers: Node) -> None:
    """Wait until what a node publishes reaches the others."""
    reached: set[int] = set()
    for number, peer in enumerate(peers):
        peer.relay.listen("ready", lambda _room, _text, number=number: reached.add(number))  # type: ignore[misc]
    async with asyncio.timeout(TIMEOUT_S):
        while len(reached) < len(peers):
            node.relay.publish("ready", "", "")
            await asyncio.sleep(0.01)


async def subscribed(node: Node, peer: Node, room: str) -> None:
    """Subscribe to a room, and wait until what a peer says of it comes."""
    node.relay.subscribe(room)
    came = asyncio.Event()
    node.relay.listen("there", lambda _room, _text: came.set())
    async with asyncio.timeout(TIMEOUT_S):
        while not came.is_set():
            peer.relay.publish("there", room, "")
            await asyncio.sleep(0.005)


async def test_the_others_hear_what_is_for_every_node_and_the_one_who_says_it_does_not(make: Make) -> None:
    async with nodes(make, SECRET, SECRET, SECRET) as (first, second, third):
        first.relay.publish("news", "", "hello there")
        second.relay.publish("news", "", "")
        await third.hears(("news", "", "hello there"))
        await third.hears(("news", "", ""))
        await second.hears(("news", "", "hello there"))
        await first.hears(("news", "", ""))
        assert len(first.heard) == len(second.heard) == 1


async def test_notices_of_a_room_come_to_those_who_have_subscribed_to_it(make: Make) -> None:
    async with nodes(make, SECRET, SECRET, SECRET) as (first, second, third):
        await subscribed(second, first, ROOM)
        third.relay.subscribe("another")
        first.relay.publish("news", ROOM, "ünïcode 🎉 'quotes' \\ and\u2028all")
        first.relay.publish("news", "", "last")
        await second.hears(("news", ROOM, "ünïcode 🎉 'quotes' \\ and\u2028all"))
        await third.hears(("news", "", "last"))
        assert len(third.heard) == 1


async def test_who_unsubscribes_hears_no_more_of_a_room(make: Make) -> None:
    async with nodes(make, SECRET, SECRET) as (first, second):
        await subscribed(second, first, ROOM)
        second.relay.unsubscribe(ROOM)
        first.relay.publish("news", ROOM, "unheard")
        first.relay.publish("news", "", "last")
        await second.hears(("news", "", "last"))
        assert len(second.heard) == 1
        await subscribed(second, first, ROOM)
        first.relay.publish("news", ROOM, "heard again")
        await second.hears(("news", ROOM, "heard again"))


async def test_other_deployments_hear_nothing(make: Make) -> None:
    async with nodes(make, SECRET, SECRET, OTHER) as (first, second, other):
        other.relay.subscribe(ROOM)
        await subscribed(second, first, ROOM)
        async with asyncio.timeout(TIMEOUT_S):
            while not {("news", "", "all"), ("news", ROOM, "room")} <= set(second.heard):  # a relay may lose one
                first.relay.publish("news", "", "all")
                first.relay.publish("news", ROOM, "room")
                await asyncio.sleep(0.01)
        assert other.heard == []


async def test_a_listener_that_fails_and_kinds_that_nobody_knows_disturb_nobody(make: Make) -> None:
    async with nodes(make, SECRET, SECRET) as (first, second):

        def fails(_room: str, _text: str) -> None:
            raise ValueError("on purpose")

        second.relay.listen("bad", fails)
        first.relay.publish("bad", "", "1")
        first.relay.publish("unknown", "", "2")
        first.relay.publish("news", "", "3")
        await second.hears(("news", "", "3"))


async def test_the_longest_notices_and_many_at_once_arrive(make: Make) -> None:
    async with nodes(make, SECRET, SECRET) as (first, second):
        texts = ["ü" * 2000, *(f"number {index}" for index in range(2000))]
        for text in texts:
            first.relay.publish("news", "", text)
        async with asyncio.timeout(TIMEOUT_S):
            while len(second.heard) < len(texts):
                await asyncio.sleep(0.005)
        assert [text for _, _, text in second.heard] == texts


async def test_what_is_published_before_the_start_or_after_the_end_is_dropped(make: Make) -> None:
    relay = make(SECRET)
    relay.publish("news", "", "too early")
    await relay.close()
    async with nodes(make, SECRET, SECRET) as (first, second):
        await second.relay.close()
        second.relay.publish("news", "", "too late")
        second.relay.subscribe(ROOM)
        first.relay.publish("news", "", "nobody is there")
    assert first.heard == second.heard == []
