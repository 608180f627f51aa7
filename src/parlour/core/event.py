"""Author, Draft, Stored, Log: the values that travel from a sender to the log and on to every reader."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias

from msgspec import Struct
from msgspec.json import Decoder

from parlour.core.errors import Refusal
from parlour.core.payloads import Payload
from parlour.core.policy import NO_POLICY, Policy

AuthorKind = Literal["member", "guest", "bot", "system"]

BOT_MARK = " [bot]"


class Author(Struct, frozen=True, omit_defaults=True):
    """The author of an event. `id` never changes hands; `name` is for display.

    `hue` is the colour that an account has chosen, one of 12 (None: that of its id).
    """

    id: str
    name: str
    kind: AuthorKind
    hue: int | None = None


def shown_name(author: Author) -> str:
    """The author of an event in a line of text: bots are marked, and nobody else can have such a name."""
    return f"{author.name}{BOT_MARK}" if author.kind == "bot" else author.name


class Draft(Struct):
    """An event that has been validated and permitted, but not yet stored; read-only (a frozen class is slower).

    `room` is the canonical name (`core.names.room_name`), `key` has passed `core.names.check_key`. `ref` is the seq of
    the event of the same room that this one is about.
    """

    room: str
    author: Author
    payload: Payload
    key: str | None = None
    ref: int | None = None
    judged_at: int | None = None
    """The seq of the room's newest policy event (0: none) when the author was permitted to make this one.

    If the room has a newer one when the draft's turn comes, the store asks `judge` again, of that policy, and answers
    with the refusal, repeat or not. None: nobody's permission was needed.
    """
    judge: Callable[[Policy], Refusal | None] | None = None
    """Why the author may not make this event under a policy, or None if they may; pure, called on any thread."""
    server_at: int = 0
    """The seq of the newest event that set the access of the server (0: none) at that moment.

    If there is a newer one when the draft's turn comes, the store judges by that whether the author may go on.
    """
    if_first: Refusal | None = None
    """What the store answers, and nothing is stored, if the room does not exist yet; None makes the room."""

    @property
    def type(self) -> str:
        """The type of the event."""
        return self.payload.type


class Stored(NamedTuple):
    """A durable event: its place in the log of its room and its one JSON encoding (no newline inside).

    `type` and `ref` are also in the JSON; they are here so that nobody has to decode it to learn them.
    """

    seq: int
    json: bytes
    type: str
    ref: int | None = None


class _Timed(Struct):
    at: str


_TIMED = Decoder(_Timed)


def at_ms(json: bytes) -> int:
    """When an event happened, as its JSON says, in milliseconds since 1970."""
    return text_ms(_TIMED.decode(json).at)


def text_ms(at: str) -> int:
    """A time as events have it, `2026-11-22T06:41:23.123Z`, in milliseconds since 1970."""
    return round(datetime.fromisoformat(at).timestamp() * 1000)


class Appended(Struct, frozen=True, gc=False):
    """The answer to an append: the durable event, and whether it had been stored by an earlier request."""

    seq: int
    json: bytes
    replay: bool


Answer: TypeAlias = Appended | Refusal
"""What an append ends with."""


class Log(NamedTuple):
    """The extent of a room's log, and the policy in force at its end.

    An empty log has `head_seq` 0; `first_seq` is the oldest event still kept (1 if none was dropped).
    """

    first_seq: int
    head_seq: int
    policy: Policy = NO_POLICY
