"""The values that travel from a sender to the log and from the log to every reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from parlour.core.errors import Refusal

AuthorKind = Literal["member", "guest", "bot", "system"]


@dataclass(frozen=True, slots=True)
class Author:
    """Who made an event. `id` never changes hands; `name` is for display."""

    id: str
    name: str
    kind: AuthorKind


@dataclass(slots=True)
class Draft:
    """An event that has been validated and permitted, but not yet stored; read-only (a frozen class is slower).

    `room` is the canonical name (`core.names.room_name`), `text` has passed `core.text.check_text`, `key` has passed
    `core.names.check_key`.
    """

    room: str
    author: Author
    text: str
    key: str | None = None
    type: str = "message"
    if_first: Refusal | None = None
    """What the store answers, and nothing is stored, if the room does not exist yet; None makes the room."""


class Stored(NamedTuple):
    """A durable event: its place in the log of its room and its one JSON encoding (no newline inside)."""

    seq: int
    json: bytes


class Appended(NamedTuple):
    """The answer to an append: the durable event, and whether it had been stored by an earlier request."""

    seq: int
    json: bytes
    replay: bool


Answer: TypeAlias = Appended | Refusal
"""What an append ends with."""


class Log(NamedTuple):
    """The extent of a room's log.

    An empty log has `head_seq` 0; `first_seq` is the oldest event still kept (1 if none was dropped).
    """

    first_seq: int
    head_seq: int
