"""Bugs to put into the server for a try: what a simulation is worth is what it finds.

Each is what stands in the place of parts of the program while a seed runs, and nothing else is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import apsw

from parlour.chat.ports import Commit
from parlour.core.event import Draft
from parlour.hub.channel import Channel, ReadResult
from parlour.hub.door import Door
from parlour.hub.reader import CatchUp, Reader
from parlour.store.changes import Item, Outcome
from parlour.store.sqlite import batch, connection, errors, writer
from parlour.store.sqlite.batch import EventLog
from parlour.store.sqlite.errors import Verdict
from parlour.store.sqlite.tuning import SqliteTuning
from parlour.store.sqlite.writer import Writer
from tests.simulation.machine import Replaced
from tests.simulation.trials import Trial

COMMITS_KEPT_BACK = 5


def acknowledge_before_the_commit() -> Replaced:
    """Several batches share a transaction, and are acknowledged before it ends."""
    append = EventLog.append
    begun: dict[EventLog, int] = {}

    def early(log: EventLog, items: Sequence[Item], now_ms: int) -> Outcome:
        is_fast_way = all(isinstance(item, Draft) and item.room in log._rooms for item in items)
        if is_fast_way and not log._connection.in_transaction:
            log._connection.execute("BEGIN")
            begun[log] = 0
        begun[log] = begun.get(log, 0) + 1
        if log._connection.in_transaction and (begun[log] > COMMITS_KEPT_BACK or not is_fast_way):
            log._connection.execute("COMMIT")
        return append(log, items, now_ms)

    return [(EventLog, "append", early)]


def acknowledge_before_the_sync() -> Replaced:
    """`synchronous=NORMAL`, as most programs have it: a commit is written, and synced at the next checkpoint."""
    return [(connection, "_WRITER", {**connection._WRITER, "synchronous": 1})]


def deliver_before_the_commit() -> Replaced:
    """Readers are shown an event when it has a number, before it is stored."""
    make, number = Writer.__init__, EventLog._number
    writers: dict[EventLog, Writer] = {}

    def remember(self: Writer, *arguments: Any) -> None:
        writers[arguments[0].events] = self
        make(self, *arguments)

    def show(log: EventLog, drafts: Sequence[Draft], changes: Any) -> Any:
        rows, answers = number(log, drafts, changes)
        store: Any = writers[log]._owner
        for listener in store._commit_listeners:
            writers[log]._tell(listener, [Commit(room, events) for room, events in changes.added.items()])
        return rows, answers

    return [(Writer, "__init__", remember), (EventLog, "_number", show)]


def lose_a_delivery() -> Replaced:
    """One batch in twenty never reaches a room, and nobody looks after it."""
    deliver = Channel.deliver
    count = iter(range(10**9))

    def lossy(self: Channel, events: Any) -> None:
        if next(count) % 20 != 19:
            deliver(self, events)

    return [(Channel, "deliver", lossy), (Channel, "repair", lambda self: None)]


def forget_the_keys() -> Replaced:
    """A restart forgets the idempotency keys: there is no index, and who asks is told that there was nothing."""
    make = EventLog.__init__

    def without_index(self: EventLog, connection: apsw.Connection, epoch: str, tuning: SqliteTuning) -> None:
        connection.execute("DROP INDEX IF EXISTS events_by_key")
        make(self, connection, epoch, tuning)

    return [(EventLog, "__init__", without_index), (EventLog, "_earlier", lambda self, draft: None)]


def replay_from_the_next() -> Replaced:
    """Who resumes is given what comes after the event after the cursor."""
    start = CatchUp.start

    def one_off(self: CatchUp, seq: int) -> None:
        start(self, min(seq + 1, self.channel.head))

    return [(CatchUp, "start", one_off)]


def forget_what_a_slow_reader_missed() -> Replaced:
    """Who could not be written to goes on with what is live."""
    resume = CatchUp.resume

    def jump(self: CatchUp) -> None:
        self.seq = self.channel.head
        resume(self)

    return [(CatchUp, "resume", jump)]


def show_what_is_newer_than_the_head() -> Replaced:
    """A page that was read before the word of the commit came is shown as it is. (This one was real.)"""
    read = CatchUp._read

    def whole(self: CatchUp, events: ReadResult) -> None:
        reader, channel = self._reader, self.channel
        is_newer = isinstance(events, list) and events and events[-1].seq > channel.head
        if isinstance(events, list) and is_newer and reader is not None and not reader.is_paused:
            self._is_waiting = False
            self.seq = events[-1].seq
            self._write(reader, 0.0, reader.encoder.events(channel.room, channel.epoch, events))
            self._advance()
        else:
            read(self, events)

    return [(CatchUp, "_read", whole)]


def go_on_after_a_failed_sync() -> Replaced:
    """A sync that failed counts as a full disk: refused as not stored, and tried again."""

    def judge(error: apsw.Error, system_errno: int) -> Verdict:
        return Verdict.FULL

    return [(writer, "judge", judge), (errors, "judge", judge)]


def show_on_after_the_closing() -> Replaced:
    """Live readers go on in a room that has been closed to them."""
    return [(Reader, "policy_changed", lambda _reader, _room: None)]


def believe_an_old_judgement() -> Replaced:
    """A draft is stored though its room was closed after it was judged."""
    return [(batch, "judged_again", lambda _draft, _policy, _server: None)]


def judge_once_at_the_door() -> Replaced:
    """What was waited for is shown, though the room has been closed meanwhile."""
    return [(Door, "_require", lambda _door, _actor, _right, _channel: None)]


Bug = Callable[[], Replaced]

CLOSING_BUGS: dict[Bug, Trial] = {
    show_on_after_the_closing: Trial("which was closed", 1),
    believe_an_old_judgement: Trial("a guest's, and the room was closed"),
    judge_once_at_the_door: Trial("which was closed", 82),
}
"""Those that show where rooms are closed."""

BUGS: dict[Bug, Trial] = {
    acknowledge_before_the_commit: Trial("'I1'", 3),
    acknowledge_before_the_sync: Trial("'I1'", 3, ("power", "power")),
    deliver_before_the_commit: Trial("'I8'"),
    lose_a_delivery: Trial("'I7'"),
    forget_the_keys: Trial("'I3'"),
    replay_from_the_next: Trial("'I7'"),
    forget_what_a_slow_reader_missed: Trial("'I7'", 6),
    show_what_is_newer_than_the_head: Trial("Task exception was never retrieved", 79),
    go_on_after_a_failed_sync: Trial("'I2'", 30, ("sync fails",) * 6),
}
"""The names of invariants are those of `tests/checker/invariants.py`."""
