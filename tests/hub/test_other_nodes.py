"""What a hub hears of other nodes: only of rooms that it has in memory, and it keeps none for nobody."""

from __future__ import annotations

from parlour.core.event import Author
from parlour.hub.encoder import Encoder
from parlour.hub.hub import Hub
from parlour.hub.resources import Tuning
from parlour.relay.local import LocalRelay
from parlour.schema.events import Control, Typing
from parlour.schema.json_line import encode
from parlour.store.memory import MemoryStore
from tests.support.recorder import Recorder, encode_seqs
from tests.support.stores import CountedIds, HandClock, append, draft


async def test_a_room_is_subscribed_to_while_it_is_in_memory() -> None:
    relay, store = LocalRelay(), MemoryStore(HandClock(), CountedIds())
    hub = Hub(store, tuning=Tuning(idle_channels=2), relay=relay)
    reader = await Recorder(hub).follow(0, "lobby")
    for room in ("one", "two", "three"):
        (await hub.open(room)).release()
    assert relay.rooms == {"lobby", "two", "three"}, "the one that was left first is not in memory any more"
    for _ in range(2):
        await append(store, draft("elsewhere", "three"))
        hub.head_moved("three", 1)
        hub.head_moved("lobby", 0)
        assert relay.rooms == {"lobby", "two"}, "nobody reads it"
    assert (await hub.open("three")).head == 2
    assert reader.seqs == []
    await hub.close()
    await store.close()


async def test_a_notice_of_typing_for_another_room_or_that_cannot_be_read_shows_nothing() -> None:
    relay = LocalRelay()
    peer = LocalRelay([relay])
    store = MemoryStore(HandClock(), CountedIds())
    hub = Hub(store, relay=relay)
    shown: list[Control] = []

    def show(item: Control) -> bytes:
        shown.append(item)
        return b""

    await Recorder(hub, encoder=Encoder(encode_seqs, show)).follow(0, "lobby")
    for each in (relay, peer):
        each.start(b"secret")
    for text in ("", "{", "[]", '{"type":"typing","room":"other","by":{"kind":"guest","id":"g","name":"Ada"}}'):
        relay.tell(f"typing lobby {text}")
    assert not shown
    notice = Typing("lobby", Author("g", "Ada", "guest"))
    relay.tell(f"typing lobby {encode(notice).decode()}")
    assert shown == [notice]
    hub.show_typing("lobby", notice.by)
    assert shown == [notice, notice]
    await hub.close()
    await store.close()
