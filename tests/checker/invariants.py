"""Decides whether a history keeps the delivery contract; pure, so that it can be tested with histories that do not.

| | must hold |
|---|---|
| I1 | what was acknowledged is in the log |
| I2 | what was refused is not stored, and never will be; what is stored is not refused |
| I3 | a key of an author in a room stores once |
| I4 | the log of a room is 1, 2, 3 … without hole or repeat, and holds only what somebody sent |
| I5 | an acknowledgement names the place, the text and the event that the log has |
| I6 | if one acknowledgement came before another send began, its seq is smaller; one connection keeps its order |
| I7 | a connection ascends without gap from its cursor; a client misses nothing up to the head, unless told `reset` |
| I8 | what was shown is in the log, with the same content |
| I9 | everybody who read a place read the same |
| I10 | a read that began after an acknowledgement (where a relay may lose: so long after it that the loss must have
been made good), or after somebody was shown the event, includes it |
| I12 | an unknown outcome that was retried until the acknowledgement is exactly one event |
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from tests.checker.history import CaughtUp, Entry, History, Opened, Received, Reset, Send

Identity = tuple[str, str, str]
"""What is stored once: room, author, key."""

Place = tuple[str, str, int]
"""Room, epoch, seq."""


class Violation(NamedTuple):
    """A statement of the contract that a history breaks, and where."""

    invariant: str
    what: str


def violations(history: History, healed_s: float = 0.0) -> list[Violation]:
    """All that is wrong with a history, by invariant; empty if it keeps the contract.

    `healed_s` is for a server whose relay may lose what it carries: after so many seconds the loss is made good.
    """
    view = _View(history, healed_s)
    return [violation for check in _CHECKS for violation in check(view)]


class _View:
    """A history by identity and by place."""

    def __init__(self, history: History, healed_s: float) -> None:
        self.history = history
        self.healed_s = healed_s
        self.entries: defaultdict[Identity, list[Entry]] = defaultdict(list)
        self.places: dict[Place, Entry] = {}
        self.heads: dict[tuple[str, str], int] = {}
        self.epochs: dict[str, str] = {}
        for entry in history.log:
            self.entries[entry.room, entry.author, entry.key].append(entry)
            self.places[entry.room, entry.epoch, entry.seq] = entry
            self.heads[entry.room, entry.epoch] = max(entry.seq, self.heads.get((entry.room, entry.epoch), 0))
            self.epochs[entry.room] = entry.epoch
        self.attempts: defaultdict[Identity, list[Send]] = defaultdict(list)
        for send in sorted(history.sends, key=lambda send: send.sent_at):
            self.attempts[send.room, send.author, send.key].append(send)


AT_THE_DOOR = frozenset({"overloaded", "rate_limited", "draining", "login_required"})
"""Refusals that come before the key is looked at: they speak of this request and say nothing of an earlier one."""


def _acked_is_stored(view: _View) -> Iterator[Violation]:
    for identity, attempts in view.attempts.items():
        if identity not in view.entries and any(send.outcome == "ack" for send in attempts):
            yield Violation("I1", f"{identity} was acknowledged and is not in the log")


def _refused_is_not_stored(view: _View) -> Iterator[Violation]:
    shown = _first_shown(view)
    for identity, attempts in view.attempts.items():
        for send in attempts:
            if send.outcome == "known_fail":
                yield from _truth_of_refusal(view, identity, send, attempts, shown)


def _truth_of_refusal(
    view: _View, identity: Identity, refused: Send, attempts: list[Send], shown: dict[tuple[Identity, str], float]
) -> Iterator[Violation]:
    # Other content under a key is another message: its refusal (key_reused) says nothing about the stored one.
    same = [send for send in attempts if send.text == refused.text and send is not refused]
    stored = any(entry.text == refused.text for entry in view.entries.get(identity, ()))
    may_have_stored = [send for send in same if send.outcome != "known_fail"]
    if stored and not may_have_stored:
        yield Violation("I2", f"{identity} was refused and is in the log")
    acknowledged = any(send.outcome == "ack" and send.done_at < refused.sent_at for send in same)
    if acknowledged and refused.code not in AT_THE_DOOR:
        yield Violation("I2", f"{identity} was acknowledged, then refused as not stored")
    first = min((send.sent_at for send in may_have_stored), default=None)
    if first is not None and shown.get((identity, refused.text), first) < first:
        yield Violation("I2", f"{identity} was refused and shown before it was sent again")
    for send in may_have_stored:
        earlier = [other for other in may_have_stored if other is not send and other.sent_at < send.done_at]
        if send.replay and not earlier:
            yield Violation("I2", f"{identity} was refused, and its repeat found it stored")


def _first_shown(view: _View) -> dict[tuple[Identity, str], float]:
    shown: dict[tuple[Identity, str], float] = {}
    for reading in view.history.readings:
        if isinstance(reading, Received):
            identity = (reading.room, reading.author, reading.key)
            shown[identity, reading.text] = min(reading.at, shown.get((identity, reading.text), reading.at))
    return shown


def _key_stores_once(view: _View) -> Iterator[Violation]:
    for identity, entries in view.entries.items():
        if len(entries) > 1:
            yield Violation("I3", f"{identity} is in the log {len(entries)} times")
    for identity, attempts in view.attempts.items():
        acks = [send for send in attempts if send.outcome == "ack"]
        done = min((send.done_at for send in acks), default=0.0)
        for send in acks:
            if send.sent_at > done and not send.replay:
                yield Violation("I3", f"{identity} was acknowledged again as if it were new")
            if send.replay and not any(other.sent_at < send.done_at for other in attempts if other is not send):
                yield Violation("I3", f"{identity} was acknowledged as a repeat, and had not been sent before")


def _log_is_dense(view: _View) -> Iterator[Violation]:
    seqs: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for entry in view.history.log:
        seqs[entry.room, entry.epoch].append(entry.seq)
        identity = (entry.room, entry.author, entry.key)
        if not any(send.text == entry.text for send in view.attempts.get(identity, ())):
            yield Violation("I4", f"nobody sent what the log has as {entry.seq} of {entry.room}")
    for room, found in seqs.items():
        if sorted(found) != list(range(1, len(found) + 1)):
            holes = sorted(set(range(1, max(found) + 1)) - set(found))
            yield Violation("I4", f"{room} has {len(found)} events up to {max(found)}; missing: {holes[:5]}")


def _ack_names_the_place(view: _View) -> Iterator[Violation]:
    for identity, attempts in view.attempts.items():
        for send in attempts:
            entries = view.entries.get(identity, ())
            if send.outcome == "ack" and entries and not any(_is_what_was_acked(entry, send) for entry in entries):
                yield Violation("I5", f"{identity} was acknowledged as {send.seq}; the log has {entries[0]}")


def _is_what_was_acked(entry: Entry, send: Send) -> bool:
    named = (entry.epoch, entry.seq, entry.text) == (send.epoch, send.seq, send.text)
    return named and send.event in ("", entry.event)


def _order_is_kept(view: _View) -> Iterator[Violation]:
    began: defaultdict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    acked: defaultdict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    for identity, attempts in view.attempts.items():
        for entry in view.entries.get(identity, ())[:1]:
            room = (entry.room, entry.epoch)
            may_have_stored = [send for send in attempts if send.outcome != "known_fail" and send.text == entry.text]
            if may_have_stored:
                began[room].append((min(send.sent_at for send in may_have_stored), entry.seq))
            done = [send.done_at for send in may_have_stored if send.outcome == "ack"]
            if done:
                acked[room].append((min(done), entry.seq))
    for room, sends in began.items():
        newest = _Newest(acked[room])
        for sent_at, seq in sends:
            if newest.before(sent_at) >= seq:
                yield Violation("I6", f"{seq} of {room} began after {newest.before(sent_at)} was acknowledged")
    yield from _connection_keeps_order(view)


def _connection_keeps_order(view: _View) -> Iterator[Violation]:
    last: dict[tuple[str, str, str], int] = {}
    for send in sorted(view.history.sends, key=lambda send: send.sent_at):
        if send.outcome == "ack" and not send.replay:
            line = (send.conn, send.room, send.epoch)
            if send.seq <= last.get(line, 0):
                yield Violation("I6", f"connection {send.conn} sent {send.seq} of {send.room} after {last[line]}")
            last[line] = send.seq


class _Newest:
    """The greatest seq that was known before a time."""

    def __init__(self, known: list[tuple[float, int]]) -> None:
        known.sort()
        self._times = [at for at, _ in known]
        self._seqs = list(accumulate((seq for _, seq in known), max))

    def before(self, at: float) -> int:
        """0 if nothing was."""
        index = bisect_left(self._times, at)
        return self._seqs[index - 1] if index else 0


class _Position:
    """How far one connection, or one client over all its connections, has come in a room. None: anywhere."""

    __slots__ = ("epoch", "seq")

    def __init__(self, opened: Opened) -> None:
        self.epoch = opened.epoch
        self.seq = opened.since


def _connections_ascend(view: _View) -> Iterator[Violation]:
    positions: dict[tuple[str, str], _Position] = {}
    for reading in view.history.readings:
        line = (reading.conn, reading.room)
        if isinstance(reading, Opened):
            positions[line] = _Position(reading)
            continue
        position = positions[line]
        if isinstance(reading, Reset):
            position.epoch, position.seq = reading.epoch, None
            continue
        if reading.epoch != position.epoch:
            yield Violation("I7", f"connection {line} went on in epoch {reading.epoch} without a reset")
            position.epoch, position.seq = reading.epoch, None
        if isinstance(reading, Received):
            if position.seq is not None and reading.seq != position.seq + 1:
                yield Violation("I7", f"connection {line} got {reading.seq} after {position.seq}")
            position.seq = reading.seq
        elif position.seq is not None and reading.head != position.seq:
            yield Violation("I7", f"connection {line} was told it has {reading.head}, and has {position.seq}")
        else:
            position.seq = reading.head


def _clients_miss_nothing(view: _View) -> Iterator[Violation]:
    positions: dict[tuple[str, str], _Position] = {}
    for reading in view.history.readings:
        client = (reading.proc, reading.room)
        if isinstance(reading, Opened):
            positions.setdefault(client, _Position(reading))
            continue
        position = positions[client]
        if isinstance(reading, Reset):
            position.epoch, position.seq = reading.epoch, None
        elif isinstance(reading, Received):
            if position.seq is None or reading.seq == position.seq + 1:
                position.seq = reading.seq
            elif reading.seq > position.seq:
                yield Violation("I7", f"client {client} never saw {position.seq + 1} to {reading.seq - 1}")
                position.seq = reading.seq
        elif position.seq is None:
            position.seq = reading.head
    for (proc, room), position in positions.items():
        head = view.heads.get((room, position.epoch), 0)
        if position.epoch == view.epochs.get(room, position.epoch) and position.seq is not None and position.seq < head:
            yield Violation("I7", f"client {proc} ended at {position.seq} of {room}, whose head is {head}")


def _shown_is_stored(view: _View) -> Iterator[Violation]:
    for reading in view.history.readings:
        if isinstance(reading, Received):
            entry = view.places.get((reading.room, reading.epoch, reading.seq))
            if entry is None:
                yield Violation("I8", f"{reading.proc} was shown {reading.seq} of {reading.room}: not in the log")
            elif entry.event != reading.event:
                yield Violation("I8", f"{reading.proc} was shown another {reading.seq} of {reading.room}")


def _readers_agree(view: _View) -> Iterator[Violation]:
    seen: dict[Place, str] = {place: entry.event for place, entry in view.places.items()}
    for reading in view.history.readings:
        if isinstance(reading, Received):
            place = (reading.room, reading.epoch, reading.seq)
            if seen.setdefault(place, reading.event) != reading.event:
                yield Violation("I9", f"{reading.proc} and somebody else read different events at {place}")


def _reads_are_fresh(view: _View) -> Iterator[Violation]:
    known: defaultdict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    for send in view.history.sends:
        if send.outcome == "ack":
            known[send.room, send.epoch].append((send.done_at + view.healed_s, send.seq))
    for reading in view.history.readings:
        if isinstance(reading, Received):  # whom it was shown by knows it: no relay is between them and the next reader
            known[reading.room, reading.epoch].append((reading.at, reading.seq))
    newest = {room: _Newest(seqs) for room, seqs in known.items()}
    opened: dict[tuple[str, str], float] = {}
    for reading in view.history.readings:
        if isinstance(reading, Opened):
            opened[reading.conn, reading.room] = reading.at
        elif isinstance(reading, CaughtUp) and (room := (reading.room, reading.epoch)) in newest:
            wanted = newest[room].before(opened[reading.conn, reading.room])
            if reading.head < wanted:
                yield Violation("I10", f"{reading.conn} began after {wanted} of {room} was known; got {reading.head}")


def _retried_is_one_event(view: _View) -> Iterator[Violation]:
    for identity, attempts in view.attempts.items():
        outcomes = [send.outcome for send in attempts]
        if "unknown" in outcomes and outcomes[-1] == "ack" and (count := len(view.entries.get(identity, ()))) != 1:
            yield Violation("I12", f"{identity} was retried until acknowledged and is in the log {count} times")


_CHECKS = (
    _acked_is_stored,
    _refused_is_not_stored,
    _key_stores_once,
    _log_is_dense,
    _ack_names_the_place,
    _order_is_kept,
    _connections_ascend,
    _clients_miss_nothing,
    _shown_is_stored,
    _readers_agree,
    _reads_are_fresh,
    _retried_is_one_event,
)
