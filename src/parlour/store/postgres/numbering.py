"""Gives the drafts of a batch their places at the ends of their rooms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from parlour.chat.ports import Commit
from parlour.core.event import Answer, Appended, Draft, Stored
from parlour.schema.event_json import at_text, event_json, sets_policy
from parlour.store.ahead import AheadOfClock
from parlour.store.changes import Changes, Outcome
from parlour.store.checksums import checksum
from parlour.store.postgres.rows import Rows
from parlour.store.recent import RoomHead
from parlour.store.room_end import RoomEnd
from parlour.store.rules import time_of_next


def number_drafts(
    drafts: Sequence[Draft], changes: Changes, rooms: Mapping[str, RoomEnd], ahead: AheadOfClock
) -> tuple[Rows, list[Answer]]:
    """Give each draft its place and time: the rows to insert, and the answers. Moves the ends of `rooms`."""
    now_ms, added = changes.now_ms, changes.added
    rows, answers = Rows(), list[Answer]()
    at_ms, at = now_ms, at_text(now_ms)
    for draft in drafts:
        room = rooms[draft.room]
        if room.at_ms > at_ms or at_ms != now_ms:  # the clock has been set back, or that of another node is ahead
            ahead.say(draft.room, room.at_ms - now_ms)
            at_ms = time_of_next(now_ms, room.at_ms)
            at = at_text(at_ms)
        room.at_ms = at_ms
        room.head = seq = room.head + 1
        body = event_json(draft, seq, at)
        event = Stored(seq, body, draft.payload.type, draft.ref)
        rows.add(room.base | seq, at_ms, draft, body, checksum(room.crc, seq, body))
        answers.append(Appended(seq, body, False))
        added.setdefault(draft.room, []).append(event)
    return rows, answers


def outcome_of(answers: Sequence[object], changes: Changes, rooms: Mapping[str, RoomEnd]) -> Outcome:
    """The result of a batch, with the ends of its rooms."""
    commits, heads = [], []
    for name, events in changes.added.items():
        room = rooms[name]
        commits.append(Commit(name, events))
        heads.append(RoomHead(name, room.first_seq, room.head, room.at_ms))
    policies = [(name, rooms[name].policy) for name, events in changes.added.items() if sets_policy(events)]
    return Outcome(answers, commits, heads, changes.redacted, changes.trimmed, policies)
