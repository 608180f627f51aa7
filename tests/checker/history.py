"""What clients saw of a server, as records: the material that the invariants of the delivery contract are checked on.

All times are seconds of one monotonic clock on one host. Texts and events are kept as digests: equal means equal.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

Outcome = Literal["ack", "known_fail", "unknown"]


class Send(NamedTuple):
    """One attempt to send. `seq`, `event`, `replay` belong to an ack; `event` is "" where the ack does not carry it."""

    proc: str
    conn: str
    room: str
    author: str
    key: str
    text: str
    sent_at: float
    done_at: float
    outcome: Outcome
    epoch: str
    seq: int = 0
    event: str = ""
    replay: bool = False
    code: str = ""


class Opened(NamedTuple):
    """A reader asks for all that comes after `since`; None: for what comes from now on."""

    proc: str
    conn: str
    transport: str
    room: str
    at: float
    epoch: str
    since: int | None


class Received(NamedTuple):
    """An event came."""

    proc: str
    conn: str
    room: str
    at: float
    epoch: str
    seq: int
    author: str
    key: str
    text: str
    event: str


class CaughtUp(NamedTuple):
    """The server says that it has given everything up to `head`."""

    proc: str
    conn: str
    room: str
    at: float
    epoch: str
    head: int


class Reset(NamedTuple):
    """The server says that it cannot continue from the cursor."""

    proc: str
    conn: str
    room: str
    at: float
    epoch: str
    reason: str


class Entry(NamedTuple):
    """One event of the final full read."""

    room: str
    epoch: str
    seq: int
    author: str
    key: str
    text: str
    event: str


Reading = Opened | Received | CaughtUp | Reset


@dataclass(slots=True)
class History:
    """`sends` in any order; `readings` of one connection in the order seen, as are the connections of one client."""

    sends: list[Send] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    log: list[Entry] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Keep it as JSON lines, each `[kind, …fields]`, for a person who looks for the cause of a violation."""
        with path.open("wb") as file:
            for record in (*self.sends, *self.readings, *self.log):
                file.write(msgspec.json.encode([type(record).__name__, *record]) + b"\n")


def digest(content: str | bytes) -> str:
    """64 bits that stand for a text or for the bytes of an event."""
    return hashlib.blake2b(content.encode() if isinstance(content, str) else content, digest_size=8).hexdigest()
