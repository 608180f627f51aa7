"""Who is in a room on several nodes: each tells of its own where another wants to know."""

from __future__ import annotations

import asyncio

from parlour.chat.guests import Guests
from parlour.core.actor import Actor, guest
from parlour.hub.hub import Hub
from parlour.hub.presence import EXPIRES_S, FOLDED, SHOWN_PEOPLE, Presences
from parlour.relay.local import LocalRelay
from parlour.schema.events import Control, Presence
from parlour.store.memory import MemoryStore
from tests.support.memory_hub import until
from tests.support.recorder import Recorder
from tests.support.stores import CountedIds, HandClock


class Visitor(Recorder):
    """A connection of a guest, with the items that it is shown."""

    def __init__(self, hub: Hub, name: str) -> None:
        super().__init__(hub)
        self.actor = guest(None, name)
        self.shown: list[Control] = []

    def show(self, item: Control, room: str | None = None) -> None:
        self.shown.append(item)


class Node:
    """A hub with what knows who is there."""

    def __init__(self, name: str, relay: LocalRelay | None, clock: HandClock) -> None:
        self.store = MemoryStore(clock, CountedIds())
        self.hub = Hub(self.store, relay=relay)
        self.guests = Guests(b"secret")
        self.presences = Presences(self.hub, self.guests, clock, _same, name, relay, tick_s=0.0)

    async def visitor(self, name: str) -> Visitor:
        visitor = Visitor(self.hub, name)
        await visitor.follow(0, "lobby")
        return visitor

    def announce(self, visitor: Visitor, name: str) -> None:
        self.presences.announce(visitor, self.guests.author(visitor.actor, name), is_away=False)

    async def close(self) -> None:
        self.presences.close()
        await self.hub.close()
        await self.store.close()


def _same(actor: Actor) -> Actor:
    return actor


async def test_people_of_all_nodes_are_one_room_until_a_node_is_silent() -> None:
    clock, relay = HandClock(), LocalRelay()
    peer = LocalRelay([relay])
    here, there = Node("here", relay, clock), Node("there", peer, clock)
    for each in (relay, peer):
        each.start(b"secret")
    maya, jonas = await here.visitor("1.1.1.1"), await there.visitor("2.2.2.2")
    here.announce(maya, "Maya")
    there.announce(jonas, "Jonas")
    await until(lambda: bool(maya.shown) and isinstance(maya.shown[-1], Presence) and maya.shown[-1].count == 2)
    await here.presences.ask_others("lobby")
    found = here.presences.here("lobby")
    assert (found.number, [each.name for each in found.people]) == (2, ["Jonas", "Maya"])
    twin = await there.visitor("1.1.1.1")
    there.announce(twin, "Maya")  # the same person, by another node
    await until(lambda: len(here.presences._elsewhere("lobby")[0].people) == 2)
    assert here.presences.here("lobby").number == 2
    clock.ms += int(1000 * EXPIRES_S) + 1
    assert here.presences.here("lobby").number == 1
    relay.tell('presence lobby {"node":"liar","count":-1}')
    assert here.presences.here("lobby").number == 1
    for node in (here, there):
        await node.close()


async def test_large_room_is_counted_by_its_connections_and_shows_a_few() -> None:
    node = Node("one", None, HandClock())
    for number in range(FOLDED + 1):
        await node.visitor(f"10.0.{number // 250}.{number % 250}")
    found = node.presences.here("lobby")
    assert (found.number, len(found.people)) == (FOLDED + 1, SHOWN_PEOPLE)
    await asyncio.sleep(0)
    assert node.presences.sizes() == dict.fromkeys(node.presences.sizes(), 0), "it costs nothing where nobody asks"
    await node.close()
