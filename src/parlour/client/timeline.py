"""One reader's place in one room's log: what is passed on, what is a repeat, and when the stream cannot be trusted."""

from __future__ import annotations

from parlour.client.items import Item
from parlour.core.cursor import Cursor, parse_cursor
from parlour.core.errors import Refusal
from parlour.schema.events import CaughtUp, Event, Heartbeat, Reset

ANOTHER_LOG = frozenset({"epoch_changed", "cursor_ahead"})
"""Reasons of a `reset` after which the numbers that a reader knows mean nothing (docs/protocol.md#resume)."""


class Gap(Exception):
    """The stream has left something out: reconnect with the cursor, which still stands before the gap."""


class Timeline:
    """Sees every item of every connection, in order of arrival, and lets each event through exactly once.

    `cursor` is the position to resume from; None until the first event or `caught_up`, when no position was given.
    After a `reset` it stands before the events that can still be read: `last` of them where the log is another one.
    """

    __slots__ = ("_behind", "_gap", "_last", "_room", "cursor")

    def __init__(self, room: str, cursor: Cursor | None = None, *, last: int = 0) -> None:
        self._room = room
        self.cursor = cursor
        self._last = last
        self._behind = False
        self._gap: tuple[Cursor, int] | None = None

    def take(self, item: Item) -> tuple[Item, ...]:
        """Give what is to be passed on: the item, or nothing for a repeat.

        Raises Gap when an event is missing. Where the same hole is met again after a reconnection the log is really
        so: then a `reset` with the reason `gap_in_log` comes first. Raises ValueError for a malformed cursor.
        """
        match item:
            case Event():
                return self._event(item)
            case CaughtUp():
                return self._caught_up(item)
            case Reset():
                kept = item.first_seq - 1
                # Nothing tells which events of another log are new to this reader: it begins as if it were new itself.
                start = max(kept, item.head_seq - self._last) if item.reason in ANOTHER_LOG else kept
                self._move(Cursor(item.epoch, start))
            case Heartbeat():
                self._heartbeat(item.heads.get(self._room, 0))
        return (item,)

    def _event(self, event: Event) -> tuple[Item, ...]:
        last = self.cursor
        if last is not None and event.seq <= last.seq:
            return ()
        reset = () if last is None or event.seq == last.seq + 1 else self._missing(last, event.seq - 1)
        self._move(Cursor(last and last.epoch, event.seq))
        return (*reset, event)

    def _caught_up(self, item: CaughtUp) -> tuple[Item, ...]:
        try:
            head = parse_cursor(item.cursor)
        except Refusal as exc:
            raise ValueError("the server sent a cursor that is none") from exc
        last = self.cursor
        agrees = last is None or (head.seq == last.seq and last.epoch in (None, head.epoch))
        reset = () if last is None or agrees else self._missing(last, head.seq)
        self._move(head)
        return (*reset, item)

    def is_before(self, head: int) -> bool:
        """Whether the log has more than what came."""
        return self.cursor is not None and self.cursor.seq < head

    def _heartbeat(self, head: int) -> None:
        """Check the position. A beat may overtake one batch that is still in the server's hands, not two."""
        behind = self.is_before(head)
        if behind and self._behind:
            self._behind = False
            raise Gap(f"the log is at {head}, but nothing came after {self.cursor}")
        self._behind = behind

    def _missing(self, last: Cursor, head: int) -> tuple[Reset, ...]:
        """Something between `last` and `head` did not come: raise Gap; the second time, say so and go on at `head`."""
        if self._gap != (last, head):
            self._gap = (last, head)
            raise Gap(f"the server went on at {head} after {last}")
        return (Reset(self._room, "gap_in_log", last.epoch or "", head + 1, head),)

    def _move(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self._behind = False
        self._gap = None
