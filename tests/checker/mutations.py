"""Bugs of a server as changes of a history: each takes one that keeps the contract and breaks one invariant of it.

A mutation gives None where the history has nothing that it could break.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.checker.history import CaughtUp, Entry, History, Opened, Received, Reset, Send, digest
from tests.checker.simulation import EPOCH

Mutation = Callable[[History, Random], History | None]

OTHER = digest("something else")


def _acks(history: History) -> list[Send]:
    return [send for send in history.sends if send.outcome == "ack"]


def _identity(record: Send | Entry) -> tuple[str, str, str]:
    return record.room, record.author, record.key


def _tail(history: History, room: str) -> int:
    return 1 + max((entry.seq for entry in history.log if entry.room == room), default=0)


def _with_log(history: History, log: list[Entry]) -> History:
    return History(history.sends, history.readings, log)


def _with_sends(history: History, sends: list[Send]) -> History:
    return History(sends, history.readings, history.log)


def _with_readings(history: History, readings: list[Received | CaughtUp | Opened | Reset]) -> History:
    return History(history.sends, readings, history.log)


def _entries_of_acks(history: History) -> list[Entry]:
    acked = {_identity(send) for send in _acks(history)}
    return [entry for entry in history.log if _identity(entry) in acked]


def _appended(history: History, send: Send) -> History:
    seq = _tail(history, send.room)
    entry = Entry(send.room, EPOCH, seq, send.author, send.key, send.text, digest(f"{seq} {send.text}"))
    return _with_log(history, [*history.log, entry])


def lose_the_last_acked(history: History, random: Random) -> History | None:
    last = [entry for entry in _entries_of_acks(history) if entry.seq == _tail(history, entry.room) - 1]
    return _with_log(history, [entry for entry in history.log if entry != last[0]]) if last else None


def lose_in_the_middle(history: History, random: Random) -> History | None:
    middle = [entry for entry in history.log if entry.seq < _tail(history, entry.room) - 1]
    gone = random.choice(middle) if middle else None
    return _with_log(history, [entry for entry in history.log if entry != gone]) if gone else None


def resurrect_a_refused(history: History, random: Random) -> History | None:
    others = {_identity(send) for send in history.sends if send.outcome != "known_fail"}
    refused = [send for send in history.sends if _identity(send) not in others]
    return _appended(history, random.choice(refused)) if refused else None


def refuse_what_is_stored(history: History, random: Random) -> History | None:
    repeats = [send for send in _acks(history) if send.replay and _was_acked_before(history, send)]
    if not repeats:
        return None
    lie = random.choice(repeats)
    refused = lie._replace(outcome="known_fail", seq=0, event="", replay=False)
    return _with_sends(history, [refused if send is lie else send for send in history.sends])


def _was_acked_before(history: History, send: Send) -> bool:
    return any(ack.done_at < send.sent_at for ack in _acks(history) if _identity(ack) == _identity(send))


def find_a_refused_stored(history: History, random: Random) -> History | None:
    first = [send for send in _acks(history) if not send.replay]
    refused = {_identity(send) for send in history.sends if send.outcome == "known_fail"}
    counts = [send for send in first if [_identity(s) for s in history.sends].count(_identity(send)) == 1]
    lies = [send for send in counts if _identity(send) not in refused]
    if not lies:
        return None
    lie = random.choice(lies)
    before = lie._replace(sent_at=lie.sent_at - 0.8, done_at=lie.sent_at - 0.4, outcome="known_fail", seq=0, event="")
    sends = [send._replace(replay=True) if send is lie else send for send in history.sends]
    return _with_sends(history, [*sends, before])


def show_a_refused(history: History, random: Random) -> History | None:
    shown = {(r.room, r.author, r.key): r for r in reversed(history.readings) if isinstance(r, Received)}
    lies = [send for send in _acks(history) if _identity(send) in shown and not send.replay]
    if not lies:
        return None
    lie = random.choice(lies)
    seen = shown[_identity(lie)].at
    first = lie._replace(sent_at=seen - 0.8, done_at=seen - 0.4, outcome="known_fail", seq=0, event="")
    late = lie._replace(sent_at=seen + 0.5, done_at=max(lie.done_at, seen + 0.6))
    others = [send for send in history.sends if _identity(send) != _identity(lie)]
    return _with_sends(history, [*others, first, late])


def store_twice(history: History, random: Random) -> History | None:
    acked = _acks(history)
    return _appended(history, random.choice(acked)) if acked else None


def acknowledge_a_repeat_as_new(history: History, random: Random) -> History | None:
    repeats = [send for send in _acks(history) if send.replay and _was_acked_before(history, send)]
    if not repeats:
        return None
    lie = random.choice(repeats)
    return _with_sends(history, [send._replace(replay=False) if send is lie else send for send in history.sends])


def store_what_nobody_sent(history: History, random: Random) -> History | None:
    ghost = Send("x", "x", "lobby", "nobody", "key-12345", OTHER, 0, 0, "unknown", EPOCH)
    return _appended(history, ghost)


def number_twice(history: History, random: Random) -> History | None:
    twice = [entry for entry in history.log if entry.seq > 1]
    if not twice:
        return None
    victim = random.choice(twice)
    return _with_log(history, [e._replace(seq=e.seq - 1) if e is victim else e for e in history.log])


def swap_in_the_log(history: History, random: Random) -> History | None:
    entry = next((entry for entry in _entries_of_acks(history) if _tail(history, entry.room) > 2), None)
    if entry is None:
        return None
    other = entry.seq + 1 if entry.seq + 1 < _tail(history, entry.room) else entry.seq - 1
    places = {entry.seq: other, other: entry.seq}
    log = [e._replace(seq=places.get(e.seq, e.seq)) if e.room == entry.room else e for e in history.log]
    return _with_log(history, log)


def corrupt_the_stored_text(history: History, random: Random) -> History | None:
    acked = _entries_of_acks(history)
    if not acked:
        return None
    victim = random.choice(acked)
    return _with_log(history, [entry._replace(text=OTHER) if entry is victim else entry for entry in history.log])


def acknowledge_another_event(history: History, random: Random) -> History | None:
    with_event = [send for send in _acks(history) if send.event]
    if not with_event:
        return None
    lie = random.choice(with_event)
    return _with_sends(history, [send._replace(event=OTHER) if send is lie else send for send in history.sends])


def acknowledge_another_place(history: History, random: Random) -> History | None:
    acked = _acks(history)
    if not acked:
        return None
    lie = random.choice(acked)
    return _with_sends(history, [send._replace(seq=send.seq + 1) if send is lie else send for send in history.sends])


def _exchanged(history: History, room: str, one: int, two: int) -> History:
    """Two events in each other's place, everywhere: in acks and in the log; nobody has read."""
    places = {one: two, two: one}

    def send(record: Send) -> Send:
        return record._replace(seq=places.get(record.seq, record.seq)) if record.room == room else record

    log = [e._replace(seq=places.get(e.seq, e.seq)) if e.room == room else e for e in history.log]
    return History([send(record) for record in history.sends], [], log)


def reorder_across_acks(history: History, random: Random) -> History | None:
    first = [send for send in _acks(history) if not send.replay]
    pairs = [(a, b) for a in first for b in first if a.room == b.room and a.done_at < b.sent_at]
    begun = {id(b): min(s.sent_at for s in history.sends if _identity(s) == _identity(b)) for _, b in pairs}
    pairs = [(a, b) for a, b in pairs if a.done_at < begun[id(b)]]
    if not pairs:
        return None
    a, b = random.choice(pairs)
    return _exchanged(history, a.room, a.seq, b.seq)


def reorder_on_one_connection(history: History, random: Random) -> History | None:
    first = [send for send in _acks(history) if not send.replay]
    pairs = [(a, b) for a in first for b in first if (a.room, a.conn) == (b.room, b.conn) and a.sent_at < b.sent_at]
    if not pairs:
        return None
    a, b = random.choice(pairs)
    # Pipelined: neither was answered before the other began, so only the connection tells their order.
    sends = [s._replace(done_at=max(a.done_at, b.done_at)) if s is a else s for s in history.sends]
    return _exchanged(_with_sends(history, sends), a.room, a.seq, b.seq)


def _received(history: History) -> list[int]:
    return [index for index, reading in enumerate(history.readings) if isinstance(reading, Received)]


def _inner(history: History) -> list[int]:
    """Indices of events with another event after them on the same connection."""
    last: dict[str, int] = {history.readings[index].conn: index for index in _received(history)}
    return [index for index in _received(history) if last[history.readings[index].conn] != index]


def skip_an_event(history: History, random: Random) -> History | None:
    inner = _inner(history)
    if not inner:
        return None
    gone = random.choice(inner)
    return _with_readings(history, [r for index, r in enumerate(history.readings) if index != gone])


def repeat_an_event(history: History, random: Random) -> History | None:
    if not _received(history):
        return None
    twice = random.choice(_received(history))
    return _with_readings(history, [*history.readings[: twice + 1], *history.readings[twice:]])


def go_back(history: History, random: Random) -> History | None:
    inner = _inner(history)
    if not inner:
        return None
    one = random.choice(inner)
    conn = history.readings[one].conn
    two = next(index for index in _received(history) if index > one and history.readings[index].conn == conn)
    readings = list(history.readings)
    readings[one], readings[two] = readings[two], readings[one]
    return _with_readings(history, readings)


def resume_with_a_gap(history: History, random: Random) -> History | None:
    """A later connection begins one event too far on, and says nothing."""
    told = {reading.proc for reading in history.readings if isinstance(reading, Reset)}
    known: dict[str, int] = {}
    for index, reading in enumerate(history.readings):
        if isinstance(reading, Received) and reading.proc not in told:
            opened = _opening(history, index)
            before = known.get(reading.proc, 0)
            if opened is not None and reading.seq == before + 1 and history.readings[opened].at > 0:
                line = reading.conn
                moved = history.readings[opened]._replace(since=reading.seq)  # type: ignore[call-arg]
                gone = {i for i in _received(history) if history.readings[i].conn == line and i <= index}
                readings = [moved if i == opened else r for i, r in enumerate(history.readings) if i not in gone]
                return _with_readings(history, readings) if _is_still_read(readings, reading) else None
            known[reading.proc] = max(before, reading.seq)
    return None


def _opening(history: History, index: int) -> int | None:
    """The opening of the connection of a reading, unless it is the first of its client."""
    conn, proc = history.readings[index].conn, history.readings[index].proc
    openings = [i for i, r in enumerate(history.readings) if isinstance(r, Opened) and r.proc == proc]
    return next((i for i in openings[1:] if history.readings[i].conn == conn), None)


def _is_still_read(readings: list[Received | CaughtUp | Opened | Reset], gone: Received) -> bool:
    after = [r.seq for r in readings if isinstance(r, Received) and r.proc == gone.proc]
    return gone.seq not in after and any(seq > gone.seq for seq in after)


def stop_short(history: History, random: Random) -> History | None:
    readers = [r for r in history.readings if isinstance(r, Received) and r.seq == _tail(history, r.room) - 1]
    if not readers:
        return None
    silent = random.choice(readers)
    head = [r for r in history.readings if r.proc == silent.proc and isinstance(r, CaughtUp) and r.head == silent.seq]
    gone = [r for r in history.readings if r.proc == silent.proc and isinstance(r, Received) and r.seq == silent.seq]
    if any(isinstance(r, Reset) for r in history.readings if r.proc == silent.proc):
        return None
    if any(isinstance(r, Opened) and r.proc == silent.proc and r.since == silent.seq for r in history.readings):
        return None
    return _with_readings(history, [r for r in history.readings if r not in head and r not in gone])


def claim_to_be_caught_up(history: History, random: Random) -> History | None:
    indices = [index for index, reading in enumerate(history.readings) if isinstance(reading, CaughtUp)]
    lie = random.choice(indices)
    reading = history.readings[lie]
    assert isinstance(reading, CaughtUp)
    readings = [*history.readings]
    readings[lie] = reading._replace(head=reading.head + 1)
    if lie and isinstance(readings[lie - 1], Reset):
        return None
    return _with_readings(history, readings)


def change_the_epoch(history: History, random: Random) -> History | None:
    inner = _inner(history)
    if not inner:
        return None
    lie = random.choice(inner)
    readings = [*history.readings]
    readings[lie] = readings[lie]._replace(epoch="e2")
    return _with_readings(history, readings)


def show_a_phantom(history: History, random: Random) -> History | None:
    """Shown before a crash, and gone after it."""
    ends = [reading for reading in history.readings if isinstance(reading, CaughtUp)]
    last = next(r for r in reversed(ends) if r.head == _tail(history, r.room) - 1)
    place = (EPOCH, last.head + 1, "nobody", "key-12345", OTHER, OTHER)
    return _with_readings(history, [*history.readings, Received(last.proc, last.conn, last.room, last.at, *place)])


def show_another_content(history: History, random: Random) -> History | None:
    if not _received(history):
        return None
    lie = random.choice(_received(history))
    readings = [*history.readings]
    readings[lie] = readings[lie]._replace(event=OTHER)  # type: ignore[call-arg]
    return _with_readings(history, readings)


def read_stale(history: History, random: Random) -> History | None:
    """The last reading of a client that had to show an acknowledged event ends before it."""
    for index in range(len(history.readings) - 1, -1, -1):
        reading = history.readings[index]
        if not isinstance(reading, CaughtUp):
            continue
        opened = next(r for r in history.readings if isinstance(r, Opened) and r.conn == reading.conn)
        known = [s.seq for s in _acks(history) if s.room == reading.room and s.done_at < opened.at]
        gone = [
            i
            for i in _received(history)
            if i < index
            and (r := history.readings[i]).conn == reading.conn
            and isinstance(r, Received)
            and r.seq == reading.head
        ]
        if known and max(known) == reading.head and gone:
            readings = [*history.readings]
            readings[index] = reading._replace(head=reading.head - 1)
            del readings[gone[0]]
            return _with_readings(history, readings)
    return None


def store_an_unknown_twice(history: History, random: Random) -> History | None:
    unknown = {_identity(send) for send in history.sends if send.outcome == "unknown"}
    retried = [send for send in _acks(history) if _identity(send) in unknown]
    return _appended(history, random.choice(retried)) if retried else None


MUTATIONS: tuple[tuple[str, Mutation], ...] = (
    ("I1", lose_the_last_acked),
    ("I4", lose_in_the_middle),
    ("I2", resurrect_a_refused),
    ("I2", refuse_what_is_stored),
    ("I2", find_a_refused_stored),
    ("I2", show_a_refused),
    ("I3", store_twice),
    ("I3", acknowledge_a_repeat_as_new),
    ("I4", store_what_nobody_sent),
    ("I4", number_twice),
    ("I5", swap_in_the_log),
    ("I5", corrupt_the_stored_text),
    ("I5", acknowledge_another_event),
    ("I5", acknowledge_another_place),
    ("I6", reorder_across_acks),
    ("I6", reorder_on_one_connection),
    ("I7", skip_an_event),
    ("I7", repeat_an_event),
    ("I7", go_back),
    ("I7", resume_with_a_gap),
    ("I7", stop_short),
    ("I7", claim_to_be_caught_up),
    ("I7", change_the_epoch),
    ("I8", show_a_phantom),
    ("I8", show_another_content),
    ("I9", show_another_content),
    ("I10", read_stale),
    ("I12", store_an_unknown_twice),
)
"""Each with the invariant that has to notice it."""
