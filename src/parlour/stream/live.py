"""The base of every open stream: enter rooms, wait while the peer is slow, send heartbeats, say bye."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from parlour.chat.reading import Bill, Place
from parlour.core.actor import Actor
from parlour.core.cursor import Cursor
from parlour.core.errors import Refusal
from parlour.core.permissions import Rule, Who
from parlour.core.policy import NO_POLICY
from parlour.http.session import Sink
from parlour.hub.channel import Channel
from parlour.hub.encoder import Encoder, of_account
from parlour.hub.hub import Hub
from parlour.hub.inbox_feed import InboxFeed
from parlour.hub.reader import NO_NAMES, Reader
from parlour.schema.events import Bye, CaughtUp, Closed, Control, Heartbeat, ReportsWaiting, Reset, RoomUnread

CHECKS = 2
"""How often a slow peer is checked within the time in which it may take nothing; more would tell better when it did."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a reader begins: after `cursor`, or (without one) with the last `tail` events."""

    cursor: Cursor | None = None
    tail: int = 0


Starts = Sequence[tuple[Channel, Start]]
"""Opened channels, and where to begin in each."""


class Client(NamedTuple):
    """For whom a session is; `place` is what it takes of those that may be open, `rule` says what `who` may
    read."""

    actor: Actor
    bill: Bill
    place: Place
    who: Who
    rule: Rule
    names: Mapping[str, str] = NO_NAMES
    """What the peer calls rooms that have another name for it."""
    feed: InboxFeed | None = None
    """What tells those who follow the log of their account what is unread."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long sessions wait: one object for all of them.

    A silent stream has a heartbeat every `heartbeat_s`; a peer that takes nothing for `stalled_s` is cut off.
    `fraction` gives numbers in [0, 1), for jitter.
    """

    heartbeat_s: float
    stalled_s: float
    fraction: Callable[[], float]


class LiveSession(Reader):
    """A `Session` that reads rooms.

    `starts` are opened channels (`Hub.open`); the session releases them, and gives back the place of its address.
    """

    __slots__ = (
        "_buffered_then", "_checks", "_feed", "_missed", "_missed_reports", "_place", "_starts",
        "actor", "forget", "timing",
    )  # fmt: skip

    sink: Sink | None

    def __init__(self, hub: Hub, encoder: Encoder, starts: Starts, client: Client, timing: Timing) -> None:
        super().__init__(hub, encoder, client.bill, client.who, client.rule)
        self.actor = client.actor
        self.names = client.names
        self.timing = timing
        self._place = client.place
        self.forget: Callable[[], None] | None = None  # who is signed in is watched for the end of that
        self._starts = starts
        self._feed = client.feed
        self._missed: dict[str, None] | None = None  # rooms of which a slow peer was not told what is unread
        self._missed_reports = False  # nor how many reports wait
        self._buffered_then = self._checks = 0  # of a peer that is slow

    def started(self, sink: Sink) -> None:
        """Enter every room: replay, then live."""
        self.sink = sink
        end = self.access_changed()  # while the stream was made
        if end is not None:
            end()
            return
        # The first heartbeat comes early by chance, or all that come back after a restart would have it in one second.
        sink.wake_in(self.timing.heartbeat_s * (0.25 + 0.75 * self.timing.fraction()))
        while self._starts:  # `closed` releases those that are left, if the first writes end the session
            (channel, start), *self._starts = self._starts
            if channel.room[0] == ".":
                self.hub.resources.spawn(self.follow_own(channel, start))
            else:
                self.begin(channel, start)

    async def follow_own(self, channel: Channel, start: Start, first: bytes = b"") -> None:
        """Tell the peer what is unread in its rooms, now and from now on, and what happens in the log of its account.

        That is begun behind what is unread now: a room of which nothing was said before `caught_up` has nothing new.
        """
        feed, account = self._feed, self.actor.account
        assert feed is not None
        assert account is not None
        if start.cursor is None:  # from now on, which is before what has to be read
            start = Start(Cursor(channel.epoch, channel.head))
        try:
            rows = await feed.join(self)
        except Refusal:
            channel.release()
            feed.leave(self)
            self.failed()
            return
        if self.sink is None:  # gone meanwhile
            channel.release()
            feed.leave(self)
            return
        self.own = of_account(self.encoder, account.id, feed.address)
        if first:
            self.write(first)
        for row in rows:
            if row.unread:
                self.show(feed.item_of(row))
        feed.reports.join(self)
        self.begin(channel, start)

    def show_unread(self, room: str, item: RoomUnread) -> None:
        """See `Follower.show_unread`. A slow peer is told once it has read what came before."""
        if not self.is_paused:
            self.show(item)
        else:
            self._missed = {**(self._missed or {}), room: None}

    def show_reports(self, count: int) -> None:
        """See `Follower.show_reports`. A slow peer is told as of what is unread."""
        if not self.is_paused:
            self.show(ReportsWaiting(count))
        else:
            self._missed_reports = True

    def received(self, data: bytes) -> None:
        """A stream's peer has nothing to say."""

    def ended(self) -> None:
        """The peer has closed its side: clients of a stream do that when they go."""
        if self.sink is not None:
            self.sink.close()

    def paused(self) -> None:
        """The peer does not take its bytes: write nothing more."""
        self.pause()
        if self.sink is not None:
            self._expect_progress(self.sink.buffered())

    def resumed(self) -> None:
        """The peer has drained its buffer: catch up."""
        if self.sink is not None:
            self.sink.wake_in(self.timing.heartbeat_s)
        self.resume()
        missed, self._missed = self._missed, None
        if self._feed is None:
            return
        if missed:
            self._feed.missed(self, missed)
        if self._missed_reports:
            self._missed_reports = False
            self._feed.reports.missed(self)

    def wake(self) -> None:
        """Time for a heartbeat, or to check whether a slow peer has taken anything."""
        if self.sink is None:
            return
        if not self.is_paused:
            self.send_heartbeat()
            return
        buffered = self.sink.buffered()
        self._checks += 1
        if buffered < self._buffered_then:
            self._expect_progress(buffered)
        elif self._checks < CHECKS:
            self.sink.wake_in(self.timing.stalled_s / CHECKS)
        else:
            self.cut_off()

    def _expect_progress(self, buffered: int) -> None:
        """The peer has taken something until just now: from here on it may take nothing for `stalled_s`."""
        assert self.sink is not None
        self._buffered_then, self._checks = buffered, 0
        self.sink.wake_in(self.timing.stalled_s / CHECKS)

    def drain(self, reconnect_after_ms: int) -> None:
        """The server is going down."""
        self.close_with_bye(reconnect_after_ms, "the server is restarting")

    def access_changed(self) -> Callable[[], None] | None:
        """The server may be for members only now. The policy of an ordinary room refuses what no room allows.

        A pass opens its rooms on whatever server: it ends with an event of these.
        """
        if self.actor.guest_pass is not None:
            return None
        refusal = self.rule(NO_POLICY)
        return None if refusal is None else partial(self._say_closed, self._leave_all(), refusal)

    def signed_out(self, refusal: Refusal) -> None:
        """What the peer is signed in with has ended: show nothing more, and end."""
        self._say_closed(self._leave_all(), refusal)

    def _leave_all(self) -> list[str]:
        """Show nothing more; the names of the rooms that were read, or are still to be entered."""
        rooms = [*self.rooms_read(), *(channel.room for channel, _ in self._starts)]
        for room in rooms:
            self.leave(room)
        return rooms

    def _say_closed(self, rooms: Sequence[str], refusal: Refusal) -> None:
        for room in rooms:
            self.show(Closed(room, refusal.code, refusal.detail), room)
        self.end_refused(refusal)

    def end_refused(self, refusal: Refusal) -> None:
        """End because the peer may not go on; `refusal` is for people, where the transport has a place for it."""
        self.finish()

    def closed(self) -> None:
        """The connection is gone."""
        self.sink = None
        self._place.leave()
        if self._feed is not None:
            self._feed.leave(self)
        if self.forget is not None:
            self.forget()
        for channel, _ in self._starts:
            channel.release()
        self._starts = ()
        self.close()

    def caught_up(self, channel: Channel) -> None:
        """Tell the peer that it is live."""
        self.show(CaughtUp(channel.room, channel.cursor), channel.room)

    def reset(self, reset: Reset) -> None:
        """Tell the peer that its cursor is of no use."""
        self.show(reset, reset.room)

    def room_closed(self, room: str, refusal: Refusal) -> None:
        """Tell the peer that it may not read a room any more; a stream of no other room ends."""
        self.show(Closed(room, refusal.code, refusal.detail), room)
        if not self.rooms and not self._starts:
            self.finish()

    def failed(self) -> None:
        """The log cannot be read now, or an event not be shown: the peer comes back with its cursor."""
        try:
            self.close_with_bye(1000, "the log cannot be read now")
        except Exception:  # the writing itself may fail, which has been logged
            if self.sink is not None:
                self.sink.abort()

    def begin(self, channel: Channel, start: Start, first: bytes = b"") -> None:
        """Enter an opened room, and write `first` ahead of what comes from there."""
        position = self.enter(channel)
        if first:
            self.write(first, channel.room)
        cursor = start.cursor
        if cursor is None:
            position.start(max(self.first_seq(channel) - 1, channel.head - start.tail))
        elif (reason := channel.gap(cursor, first_seq := self.first_seq(channel))) is not None:
            position.start_with_reset(channel.reset(reason, first_seq))
        else:
            position.start(cursor.seq)

    def show(self, item: Control, room: str | None = None) -> None:
        """Write a control item about a room, or about all of them."""
        data = (self.encoder if room is None else self.encoder_of(room)).control(item)
        if data:
            self.write(data, room)

    def write(self, data: bytes, room: str | None = None) -> None:
        """Write behind everything that the room it is about has handed out; or, without one, every room."""
        if room is None:
            self.flush_all()
        else:
            self.flush(room)
        if self.sink is not None:
            self.sink.write(data)

    def send_heartbeat(self) -> None:
        """Write a heartbeat and ask for the next one."""
        if self.sink is not None:
            self.sink.wake_in(self.timing.heartbeat_s)
            self.show(Heartbeat(self.heads()))

    def close_with_bye(self, reconnect_after_ms: int, reason: str) -> None:
        """Say bye and end the stream; `reason` is for people, where the transport has a place for it."""
        if self.sink is not None:
            self.show(Bye(reconnect_after_ms))
            self.finish()

    def finish(self) -> None:
        """End the stream in good order."""
        if self.sink is not None:
            self.sink.close()

    def cut_off(self) -> None:
        """The peer has taken nothing for too long; it can resume with its cursor."""
        if self.sink is not None:
            self.sink.abort()
