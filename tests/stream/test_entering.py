"""A session that ends while it enters its rooms lets go of every one of them."""

from __future__ import annotations

import asyncio

import pytest

from parlour.chat.guests import Guests
from parlour.chat.inbox import Inbox
from parlour.chat.new_rooms import NewRooms
from parlour.chat.policies import Policies
from parlour.chat.posting import Posting
from parlour.core.limits import Limits
from parlour.http.throttle import Throttle
from parlour.hub.door import Door
from parlour.hub.hub import Hub
from parlour.hub.presence import Presences
from parlour.store.memory import MemoryStore
from parlour.stream.live import Start, Timing
from parlour.stream.websocket import Common, WebSocketSession
from tests.support.directs import directs_of
from tests.support.nobody import NOBODY
from tests.support.raw import ws_frame
from tests.support.stores import CountedIds, HandClock
from tests.support.timeout import TIMEOUT_S

SUBSCRIBE = ws_frame(b'{"op":"subscribe","room":"lobby"}')


class EndingSink:
    """A connection that ends with the first write that has certain bytes in it: closed in good order, or broken."""

    descriptor = -1

    def __init__(self, ends_at: bytes, *, breaks: bool) -> None:
        self.session: WebSocketSession | None = None
        self.is_over = False
        self._ends_at = ends_at
        self._breaks = breaks

    def write(self, data: bytes) -> None:
        assert not self.is_over
        if self._ends_at in data and self._breaks:
            raise RuntimeError("broken on purpose")
        if self._ends_at in data:
            self.close()

    def close(self) -> None:
        self.is_over = True
        assert self.session is not None
        self.session.closed()

    abort = close

    def buffered(self) -> int:
        return 0

    def pause_reading(self, is_paused: bool) -> None:
        raise AssertionError("nothing was sent")

    def wake_in(self, seconds: float) -> None:
        pass


class Rooms:
    """A hub, and WebSockets over many rooms."""

    def __init__(self) -> None:
        self.hub = Hub(MemoryStore(HandClock(), CountedIds()))

    async def session(self, sink: EndingSink, *rooms: str) -> WebSocketSession:
        clock, policies = HandClock(), Policies("open")
        directs = directs_of(self.hub.store, policies)
        posting = Posting(self.hub.store, Guests(b"secret"), clock, policies, None, NewRooms(Limits()), directs)
        starts = [(await self.hub.open(room), Start()) for room in rooms]
        sink.session = WebSocketSession(
            Common(
                hub=self.hub,
                door=Door(self.hub, policies),
                directs=directs,
                posting=posting,
                presences=Presences(self.hub, Guests(b"secret"), clock, lambda actor: actor, "node"),
                inbox=Inbox(self.hub.store, policies),
                limits=Limits(),
                clock=clock,
                throttle=Throttle(),
                timing=Timing(25, 30, lambda: 0.5),
                current=lambda actor: actor,
            ),
            starts,
            NOBODY,
            room=None,
        )
        return sink.session

    async def at_rest(self) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while self.hub.sizes()["reads"]:
                await asyncio.sleep(0)

    @property
    def uses(self) -> int:
        return self.hub.sizes()["subscriptions"]


@pytest.mark.parametrize("breaks", [False, True], ids=["closes", "breaks"])
@pytest.mark.parametrize("ends_at", [b'"subscribed"', b'"caught_up"'])
async def test_a_session_that_ends_while_it_subscribes_releases_the_room(ends_at: bytes, breaks: bool) -> None:
    rooms = Rooms()
    sink = EndingSink(ends_at, breaks=breaks)
    session = await rooms.session(sink)
    session.started(sink)
    session.received(SUBSCRIBE)
    await rooms.at_rest()
    assert sink.is_over
    assert rooms.uses == 0


async def test_a_session_that_ends_in_the_first_of_its_rooms_releases_the_others() -> None:
    rooms = Rooms()
    sink = EndingSink(b'"caught_up"', breaks=False)
    session = await rooms.session(sink, "one", "two", "three")
    session.started(sink)
    assert sink.is_over
    assert rooms.uses == 0


async def test_a_session_that_breaks_in_the_first_of_its_rooms_releases_the_others() -> None:
    rooms = Rooms()
    sink = EndingSink(b'"caught_up"', breaks=True)
    session = await rooms.session(sink, "one", "two", "three")
    with pytest.raises(RuntimeError, match="broken on purpose"):
        session.started(sink)
    sink.abort()  # as the connection does
    assert rooms.uses == 0
