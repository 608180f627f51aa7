"""Unread messages counted event by event: the oracle of the engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from parlour.chat.ports import Unread
from parlour.chat.statements import Query
from parlour.chat.tables.blocks import BLOCKS_BY
from parlour.chat.tables.inbox import MENTIONS_IN, MY_ROOM, ROOM_MENTIONS
from parlour.core.event import Log, Stored
from parlour.core.payloads import Message, Redacted
from parlour.schema.event_json import at_text
from parlour.schema.events import decode_event


class RoomInMemory(Protocol):
    """A room of the store in memory."""

    events: list[Stored]
    times: list[int]

    @property
    def log(self) -> Log:
        """Its extent and its policy."""


def unread(run: Callable[[Query[Any]], list[Any]], account: str, room: str, kept: RoomInMemory) -> Unread | None:
    """The unread messages of an account in a room; None if that has no events. `run` runs statements on the tables."""
    first_seq, head_seq, policy = kept.log
    if not kept.events:
        return None
    found = run(MY_ROOM(account, room))
    mine = found[0] if found else None
    member = policy.members.get(account)
    since = 0 if member is None else member.since
    marked = since if mine is None or mine.read_seq is None else mine.read_seq
    own_after = since if mine is None or mine.own_after is None else mine.own_after
    position = max(marked, first_seq - 1, since if policy.history == "joined" else 0)
    position = max([position, *_own(kept.events, account, own_after, (Message.type, Redacted.type))])
    messages = {event.seq for event in kept.events if event.type == Message.type and event.seq > position}
    count = len(messages - set(_own(kept.events, account, 0, (Message.type,))))
    named = {mention.seq for mention in run(MENTIONS_IN(account, room))}
    is_listed = mine is not None and policy.access in ("open", "members")
    if member is not None or is_listed:
        silent = {account, *(block.blocked for block in run(BLOCKS_BY(account)))}
        named |= {seq for seq, by in run(ROOM_MENTIONS(room)) if seq > since and by not in silent}
    level = None if mine is None else mine.level
    return Unread(
        *(account, room, first_seq, head_seq, at_text(kept.times[-1]), position, count),
        0 if level == "nothing" else len(named & messages),
        level,
        mine is not None and bool(mine.favourite),
    )


def _own(events: Sequence[Stored], account: str, after: int, types: Sequence[str]) -> list[int]:
    return [
        event.seq
        for event in events
        if event.seq > after and event.type in types and decode_event(event.json).by.id == account
    ]
