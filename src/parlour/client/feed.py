"""Following a room for as long as it takes: reconnects, resumes, and never repeats or leaves out an event."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from parlour.client.answers import SIGNED_OUT
from parlour.client.backoff import Backoff
from parlour.client.errors import TEMPORARY, OutcomeUnknown, Refused, SignedOut
from parlour.client.items import Item, Line, LineReader
from parlour.client.room import Room
from parlour.client.timeline import Gap, Timeline
from parlour.client.transport import Transport
from parlour.core.cursor import Cursor
from parlour.core.text import visible
from parlour.schema.events import Bye, Closed, Heartbeat, Reset
from parlour.schema.json_line import encode

STEADY_S = 10.0
"""A connection that held this long was a good one: the next attempt is a first one again."""

_HEADERS = {"Accept": "application/x-ndjson, application/problem+json"}


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is gone for a while; the feed tries again by itself in `retry_in_s` seconds."""

    reason: str
    retry_in_s: float


class Feed:
    """The events of a room, each once and in order; made by `Client.follow`.

    Iterating gives `Event`s, and between them what a reader may want to know: `CaughtUp` when the replay has reached
    the head, `Reset` in place of events that cannot be had any more, `Typing`, and `Lost` when the connection breaks.
    After a `Reset` come the events that are still there: all that are kept behind a gap; the `last` newest ones where
    the log was replaced, and their numbers may be lower than those before.
    `cursor` is the position after the last item given: kept somewhere, it resumes there. The iteration ends only by an
    error: Refused when the server says no; and Unreachable, Busy or OutcomeUnknown when the first connection does not
    come about within `timeout_s`. After that the feed comes back for ever.
    """

    def __init__(
        self, transport: Transport, room: Room, cursor: Cursor | None, *, last: int, backoff: Backoff, timeout_s: float
    ) -> None:
        self._transport = transport
        self._room = room
        self._timeline = Timeline(room.name, cursor, last=last)
        self._last = last
        self._backoff = backoff
        self._deadline = time.monotonic() + timeout_s
        # A last attempt gets a fair chance.
        self._least_answer_s = transport.bounds.answer_s if timeout_s == 0.0 else 1.0
        self._has_connected = False
        self._rereads = False
        self._bye_s = 0.0
        self._hurry = threading.Event()

    @property
    def cursor(self) -> Cursor | None:
        """Where to resume; None until anything is known."""
        return self._timeline.cursor

    def hurry(self) -> None:
        """End a wait: the server has been seen alive. May be called on any thread."""
        self._hurry.set()

    def __iter__(self) -> Iterator[Item | Lost]:
        """The items, without their bytes."""
        for line in self.lines():
            yield line if isinstance(line, Lost) else line.item

    def lines(self) -> Iterator[Line | Lost]:
        """The same with the bytes of each item, as every other transport shows them."""
        attempt = 0
        while True:
            began = time.monotonic()
            self._bye_s = 0.0
            had_reset, self._rereads = self._rereads, False
            try:
                yield from self._connection()
                if self._rereads and not had_reset:  # two logs that answer by turns are not asked without a pause
                    continue
                reason, at_least_s = "the server has ended the stream", self._bye_s
            except TEMPORARY as exc:
                if self._is_too_late():
                    raise
                reason, at_least_s = str(exc), exc.retry_after_s
            except (Gap, ValueError) as exc:
                reason, at_least_s = str(exc), 0.0
            if self._is_too_late():
                raise OutcomeUnknown(reason)  # something answers there, but no room
            if time.monotonic() - began >= STEADY_S:
                attempt = 0
            delay_s = self._backoff.delay_s(attempt, at_least_s)
            if not self._has_connected:
                delay_s = min(delay_s, max(0.0, self._deadline - time.monotonic()))
            attempt += 1
            self._hurry.clear()
            yield Lost(reason, delay_s)
            self._hurry.wait(delay_s)

    def _connection(self) -> Iterator[Line]:
        """Everything that one connection brings, until it ends or says bye."""
        reader = LineReader()
        position, answer_s = self._position(), self._answer_s()
        with self._transport.stream(self._room.url, headers=_HEADERS, params=position, answer_s=answer_s) as chunks:
            for chunk in chunks:
                for line in reader.feed(chunk):
                    for item in self._timeline.take(line.item):
                        self._has_connected = True
                        if isinstance(item, Bye):
                            self._bye_s = item.reconnect_after_ms / 1000
                            return
                        if isinstance(item, Closed):
                            raise self._closed(item)
                        if not isinstance(item, Heartbeat):
                            yield line if item is line.item else Line(encode(item), item)
                        if isinstance(item, Reset) and self._timeline.is_before(item.head_seq):
                            self._rereads = True  # this stream goes on at the head: another one begins at the cursor
                            return

    def _closed(self, item: Closed) -> Refused:
        """Why nothing more comes from the room: the sign-in has ended, or it is closed to this reader."""
        code, detail = visible(item.code), visible(item.detail)
        if code not in SIGNED_OUT:
            return Refused(code, detail, 403)
        server = self._transport.signed_in_to
        return SignedOut(code, detail, 401, server) if server else Refused(code, detail, 401)

    def _is_too_late(self) -> bool:
        """Whether the first connection has not come about in its time."""
        return not self._has_connected and time.monotonic() >= self._deadline

    def _answer_s(self) -> float:
        """How long this connection may take to begin."""
        return math.inf if self._has_connected else max(self._least_answer_s, self._deadline - time.monotonic())

    def _position(self) -> dict[str, str]:
        cursor = self._timeline.cursor
        if cursor is not None:
            return {"follow": "1", "since": str(cursor)}
        return {"follow": "1", "limit": str(self._last)} if self._last else {"follow": "1"}
