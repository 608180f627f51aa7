"""The values that travel from a sender to the log and from the log to every reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from parlour.core.errors import Refusal
from parlour.core.payloads import Access, Payload

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

    The store answers with `PolicyChanged`, and stores nothing, if the room has a newer one. None: nobody's permission
    was needed.
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


class Appended(NamedTuple):
    """The answer to an append: the durable event, and whether it had been stored by an earlier request."""

    seq: int
    json: bytes
    replay: bool


class Policy(NamedTuple):
    """Who may use a room: what its newest policy event, which has the seq `seq`, says. `seq` 0: there was none yet."""

    seq: int
    access: Access


NO_POLICY = Policy(0, "open")
"""That of a room in which nobody has set one."""


class PolicyChanged(Refusal):
    """A draft was judged before the room's newest policy event: judge it again by `policy`.

    Verbs do that; a client sees this as Refusal("overloaded"), and only if the policy changes time and again.
    """

    __slots__ = ("policy",)

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        super().__init__("overloaded", "Who may use this room is being changed: try again.", retry_after=1)


Answer: TypeAlias = Appended | Refusal
"""What an append ends with."""


class Log(NamedTuple):
    """The extent of a room's log, and the policy in force at its end.

    An empty log has `head_seq` 0; `first_seq` is the oldest event still kept (1 if none was dropped).
    """

    first_seq: int
    head_seq: int
    policy: Policy = NO_POLICY
