"""How long a WebSocket lives with a peer that is silent, or never comes to the end of a message."""

from __future__ import annotations

from pathlib import Path

from parlour.chat.guests import Guests
from parlour.chat.inbox import Inbox
from parlour.chat.new_rooms import NewRooms
from parlour.chat.policies import Policies
from parlour.chat.ports import Store
from parlour.chat.posting import Posting
from parlour.core.limits import Limits
from parlour.http.throttle import Throttle
from parlour.hub.door import Door
from parlour.hub.hub import Hub
from parlour.hub.presence import Presences
from parlour.net.deadlines import Wheel
from parlour.store.memory import MemoryStore
from parlour.store.sqlite.store import SqliteStore
from parlour.stream.live import Start, Timing
from parlour.stream.websocket import Common, WebSocketSession
from tests.fault.crowd import until
from tests.support.directs import directs_of
from tests.support.nobody import NOBODY
from tests.support.raw import ws_frame
from tests.support.stores import CountedIds, HandClock
from tests.support.timeout import TIMEOUT_S

LIMITS = Limits()
PING, PONG = b"\x89\x00", ws_frame(b"", 10)
WHOLE = ws_frame(b'{"op":"ping"}')
BEGINNING = b"\x01" + ws_frame(b'{"op":')[1:]
END = ws_frame(b'"ping"}', 0)
SLACK_S = 2
"""The wheel counts whole seconds, and rounds up."""


class Line:
    """A connection whose time is wound by hand; it notes what is written, and answers pings if told to."""

    descriptor = -1

    def __init__(self, *, answers: bool, store: Store | None = None) -> None:
        self.clock = HandClock()
        self.wheel = Wheel(self.clock.monotonic)
        self.answers = answers
        self.written = b""
        self.is_closed = False
        self.due = self.bucket = 0
        self.pauses: list[bool] = []
        store = store or MemoryStore(self.clock, CountedIds())
        hub, policies = Hub(store), Policies("open")
        directs = directs_of(store, policies)
        posting = Posting(store, Guests(b"secret"), self.clock, policies, None, NewRooms(LIMITS), directs)
        self.session = WebSocketSession(
            Common(
                hub=hub,
                door=Door(hub, policies),
                directs=directs,
                posting=posting,
                presences=Presences(hub, Guests(b"secret"), self.clock, lambda actor: actor, "node"),
                inbox=Inbox(store, policies),
                limits=LIMITS,
                clock=self.clock,
                throttle=Throttle(),
                timing=Timing(LIMITS.websocket_ping_s, LIMITS.stalled_s, lambda: 0.5),
                current=lambda actor: actor,
            ),
            [],
            NOBODY,
            room=None,
        )
        self.session.started(self)

    def pause_reading(self, is_paused: bool) -> None:
        self.pauses.append(is_paused)

    def wind(self, seconds: float) -> None:
        """Let time pass, as long as the connection lives."""
        for _ in range(int(seconds * 2)):
            if not self.is_closed:
                self.clock.ms += 500
                self.wheel.tick()

    def until_ping(self) -> None:
        """Let time pass until the next ping has been sent."""
        pings = self.pings
        while self.pings == pings:
            self.wind(1)

    @property
    def pings(self) -> int:
        return self.written.count(PING)

    def expire(self) -> None:
        self.session.wake()

    # --- Sink ---

    def write(self, data: bytes) -> None:
        self.written += data
        if self.answers and data.startswith(PING):
            self.session.received(PONG)

    def buffered(self) -> int:
        return 0

    def close(self) -> None:
        self.is_closed = True
        self.session.closed()

    def abort(self) -> None:
        raise AssertionError("a reset")

    def wake_in(self, seconds: float) -> None:
        self.wheel.set(self, seconds)


async def test_a_peer_that_is_refused_by_an_overloaded_server_is_not_read_from_for_a_moment(tmp_path: Path) -> None:
    clock = HandClock()
    store = await SqliteStore.open(tmp_path, clock=clock, ids=CountedIds(), on_fatal=raising, queue_bytes=0)
    line = Line(answers=True, store=store)
    line.session.received(2 * ws_frame(b'{"op":"send","room":"lobby","text":"is there room?"}'))
    assert line.written.count(b'"code":"overloaded"') == 2
    assert line.pauses == [True]
    await until(lambda: line.pauses == [True, False], TIMEOUT_S)
    line.session.closed()
    await store.close()


def raising(error: BaseException) -> None:
    """The disk has failed."""
    raise error


async def test_a_log_that_cannot_be_read_is_no_restart() -> None:
    line = Line(answers=True)
    line.session.begin(await line.session.hub.open("lobby"), Start())
    line.session.failed()
    assert line.is_closed
    assert b'"reconnect_after_ms":1000' in line.written
    assert line.written.endswith(b"\x03\xf4the log cannot be read now")


def test_a_peer_that_answers_is_pinged_regularly_and_kept() -> None:
    line = Line(answers=True)
    line.wind(10 * LIMITS.websocket_ping_s)
    assert not line.is_closed
    assert 8 <= line.pings <= 11
    assert line.written.count(b"heartbeat") == line.pings


def test_a_peer_that_does_not_answer_a_ping_is_closed() -> None:
    line = Line(answers=False)
    line.until_ping()
    line.wind(LIMITS.websocket_pong_s - 1)
    assert not line.is_closed
    line.wind(1 + SLACK_S)
    assert line.is_closed
    assert b"\x03\xe9no answer to a ping" in line.written


def test_a_message_must_come_to_its_end() -> None:
    line = Line(answers=True)
    line.session.received(WHOLE * 3 + BEGINNING)
    line.wind(LIMITS.websocket_message_s - 1)
    assert not line.is_closed
    line.wind(1 + LIMITS.websocket_ping_s)
    assert line.is_closed
    assert b"\x03\xf0the message did not end in time" in line.written


def test_a_peer_that_is_always_in_the_middle_of_a_message_is_kept_while_messages_end() -> None:
    line = Line(answers=True)
    line.session.received(BEGINNING)
    for _ in range(int(4 * LIMITS.websocket_message_s)):
        line.session.received(END + BEGINNING)
        line.wind(1)
    assert not line.is_closed
