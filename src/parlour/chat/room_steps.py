"""Steps that the verbs of rooms and of members share: what a room is now, and an event that changes it."""

from __future__ import annotations

from parlour.chat.recheck import require_unchanged
from parlour.chat.transactions import Append, FindLog, Transaction
from parlour.core.actor import Actor
from parlour.core.event import Appended, Author, Draft, Log
from parlour.core.names import PRIVATE
from parlour.core.payloads import Payload
from parlour.core.permissions import Rule
from parlour.core.policy import NO_ROOM, Policy


def allowed_policy(actor: Actor, room: str, rule: Rule) -> Transaction[Policy]:
    """The policy of a room at this moment. Raises Refusal if the rule, which was made for the actor, refuses it."""
    yield from require_unchanged(actor)
    log: Log = yield FindLog(room)
    policy = NO_ROOM if room.startswith(PRIVATE) and not log.policy.seq else log.policy
    refusal = rule(policy)
    if refusal is not None:
        raise refusal
    return policy


def change(author: Author, room: str, policy: Policy, payload: Payload) -> Transaction[Policy]:
    """Append an event that changes a room; the policy from then on."""
    stored: Appended = yield Append(Draft(room, author, payload))
    return policy.after(stored.seq, payload)
