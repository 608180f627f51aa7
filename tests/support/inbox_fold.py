"""What a device knows of an account's inbox by reading logs alone: the account's own, and those of its rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from msgspec import json

from parlour.core.event import Log, Stored
from parlour.core.policy import NO_POLICY, Policy
from parlour.schema.event_json import payload_of


class Shown(NamedTuple):
    """What a device shows of a room."""

    read_seq: int
    unread: int
    mentions: int
    level: str | None
    is_favourite: bool


@dataclass
class _Room:
    """The fold of the log of a room: who wrote which message, what is for everybody, and what the room is."""

    seq: int = 0
    first_seq: int = 1
    by: dict[int, str] = field(default_factory=dict)
    messages: set[int] = field(default_factory=set)
    for_all: set[int] = field(default_factory=set)
    policy: Policy = NO_POLICY

    def add(self, event: Stored) -> None:
        said: dict[str, Any] = json.decode(event.json)
        self.seq = event.seq
        if event.type in ("message", "redacted"):
            self.by[event.seq] = said["by"]["id"]
        if event.type == "message":
            self.messages.add(event.seq)
            if said.get("everyone") == "room":
                self.for_all.add(event.seq)
        elif event.type == "redaction":
            self.messages.discard(said["ref"])
        elif event.seq > self.policy.seq:
            self.policy = self.policy.after(event.seq, payload_of(event))


@dataclass
class _Mine:
    """The fold of what an account's own log says of a room."""

    read_seq: int | None = None
    own_after: int | None = None
    level: str | None = None
    is_favourite: bool = False


class Device:
    """Follows the log of one account, and those of rooms, each from its own cursor."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._mine: dict[str, _Mine] = {}
        self._mentions: dict[str, set[int]] = {}
        self._rooms: dict[str, _Room] = {}
        self.seq = 0

    def cursor(self, room: str) -> int:
        return self._rooms.setdefault(room, _Room()).seq

    def read(self, room: str, events: Sequence[Stored], log: Log) -> None:
        """Read on in a room. Where retention was faster, what the room is now is read as it is, as after a reset."""
        kept = self._rooms.setdefault(room, _Room())
        if log.first_seq > kept.seq + 1:
            kept.policy = log.policy
        for event in events:
            kept.add(event)
        kept.first_seq = log.first_seq

    def read_own(self, events: Sequence[Stored]) -> None:
        for event in events:
            self.seq = event.seq
            said: dict[str, Any] = json.decode(event.json)
            if event.type == "mention":
                self._mentions.setdefault(said["of"], set()).add(said["message"])
                continue
            if event.type == "inbox":
                continue
            mine = self._mine.setdefault(said["of"], _Mine())
            if event.type == "read":
                mine.read_seq, mine.own_after = said["read_seq"], said["own_after"]
            elif said.get("forgotten"):
                del self._mine[said["of"]]
            else:
                mine.level, mine.is_favourite = said.get("level"), said.get("favourite", False)

    def shown(self, room: str) -> Shown:
        kept, mine = self._rooms[room], self._mine.get(room, _Mine())
        member = kept.policy.members.get(self._account)
        since = 0 if member is None else member.since
        marked = since if mine.read_seq is None else mine.read_seq
        own_after = since if mine.own_after is None else mine.own_after
        lower = since if kept.policy.history == "joined" else 0
        own = [seq for seq, by in kept.by.items() if by == self._account and seq > own_after]
        position = max([marked, kept.first_seq - 1, lower, *own])
        new = {seq for seq in kept.messages if seq > position and kept.by[seq] != self._account}
        for_me = self._mentions.get(room, set())
        is_listed = room in self._mine and kept.policy.access in ("open", "members")
        if member is not None or is_listed:
            for_me = for_me | {seq for seq in kept.for_all if seq > since}
        count = 0 if mine.level == "nothing" else len(new & for_me)
        return Shown(position, len(new), count, mine.level, mine.is_favourite)
