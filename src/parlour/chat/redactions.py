"""The verb of deleting a message: what it says is removed for good, and an event says who did that."""

from __future__ import annotations

from parlour.chat.guests import Guests
from parlour.chat.policies import Policies
from parlour.chat.ports import Store
from parlour.chat.room_steps import allowed_policy
from parlour.chat.server_log import by
from parlour.chat.transactions import Append, Redact, Transaction
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.event import Author, Draft, Stored
from parlour.core.payloads import Message, Redacted, Redaction
from parlour.core.permissions import Right, Rule

IDENTIFYING = frozenset({"cookie", "program"})
"""Credentials by which a guest is known to be the one who wrote something: many people can have one address."""


_NOT_YOURS = (
    "Its author may delete a message, and the moderators of the room. A guest is known by the cookie of the browser"
    " that has written it."
)


class Redactions:
    """Deletes messages."""

    def __init__(self, store: Store, guests: Guests, policies: Policies) -> None:
        self._store = store
        self._guests = guests
        self._policies = policies

    def is_own(self, actor: Actor, author: Author) -> bool:
        """Whether an actor is the author of something, beyond doubt."""
        if actor.account is not None:
            return author.id == actor.account.id
        if actor.guest_pass is not None:
            return author.id == actor.guest_pass.id
        if actor.credential not in IDENTIFYING or author.kind != "guest":
            return False
        if author.id == self._guests.author(actor, None).id:
            return True
        try:
            return author.id == self._guests.author(actor, author.name).id
        except Refusal:  # a made-up name, or one that guests cannot have any more
            return False

    def right(self, actor: Actor, author: Author) -> Right:
        """The right in its room that somebody needs to delete a message of this author."""
        return "post" if self.is_own(actor, author) else "restrict"

    def may(self, actor: Actor, room: str, author: Author) -> bool:
        """Whether an actor may delete messages of this author in a room."""
        return self._policies.may(actor, self.right(actor, author), room)

    async def redact(self, actor: Actor, room: str, seq: int, type_: str, author: Author) -> None:
        """Delete a message of a room that the actor may read: its seq, type and author. One that is gone stays so.

        Raises Refusal("forbidden"), ("login_required"), ("read_only"), ("gone"), ….
        """
        if type_ == Redacted.type:
            return
        if type_ != Message.type:
            raise Refusal("forbidden", "Only messages can be deleted: this event says what the room is.")
        right = self.right(actor, author)
        if right == "restrict" and actor.kind == "guest":
            raise Refusal("login_required", _NOT_YOURS)
        self._policies.require(actor, right, room)
        who = author if right == "post" and actor.account is None else by(actor)
        await self._store.run(_redact(actor, who, room, seq, self._policies.rule(actor, right)))


def _redact(actor: Actor, author: Author, room: str, seq: int, rule: Rule) -> Transaction[None]:
    policy = yield from allowed_policy(actor, room, rule)
    if policy.is_archived:
        raise Refusal("read_only", "This room is archived: nothing in it is changed.")
    tombstone: Stored | None = yield Redact(room, seq)
    if tombstone is not None:  # else somebody else was faster
        yield Append(Draft(room, author, Redaction(), ref=seq))
