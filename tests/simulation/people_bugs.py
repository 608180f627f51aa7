"""Bugs that the simulated world of people finds, each breaking one promise about members: they show that it looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from parlour.chat import direct_messages, policies
from parlour.chat.identities import Identities
from parlour.chat.policies import Policies
from parlour.chat.transactions import Transaction
from parlour.core.payloads import MemberChanged, Payload, Settings
from parlour.core.policy import Policy
from parlour.hub import reader
from parlour.hub.reader import Reader
from parlour.store.sqlite import batch
from parlour.store.sqlite.policies import set_policy
from tests.simulation.machine import Replaced
from tests.simulation.trials import Trial

Bug = Callable[[], Replaced]


def judge_at_the_request_only() -> Replaced:
    """A message is stored by what was true when it was sent: its author may have been removed meanwhile."""
    return [(batch, "judged_again", lambda _draft, _policy, _server: None)]


def go_on_showing_live() -> Replaced:
    """A live reader is not ended by the removal."""
    return [(Reader, "policy_changed", lambda _reader, _room: None)]


def show_what_was_said_before() -> Replaced:
    """The history begins with the room, whenever a member came."""

    def everything(_who: Any, _policy: Policy) -> int:
        return 1

    return [(reader, "first_seq", everything), (policies, "first_seq", everything)]


def let_the_last_owner_go() -> Replaced:
    """Nobody looks whether there is another owner."""
    return [(Policy, "owners", lambda _policy: ["somebody", "else"])]


def forget_a_removal_in_the_index() -> Replaced:
    """The rooms of an account keep those that it has left."""

    def learn(self: Policies, room: str, policy: Policy) -> None:
        if policy.seq > self.of(room).seq:
            self._rooms[room] = policy
            for account in policy.members:
                self._of_account.setdefault(account, set()).add(room)

    return [(Policies, "learn", learn)]


def forget_a_removal_in_the_table() -> Replaced:
    """The table of members is not told of a removal."""

    def forgetful(connection: Any, room_no: int, policy: Policy, payload: Payload) -> None:
        is_removal = isinstance(payload, MemberChanged) and payload.role is None
        set_policy(connection, room_no, policy, Settings() if is_removal else payload)

    return [(batch, "set_policy", forgetful)]


def stay_signed_in() -> Replaced:
    """What is in memory of a session or token outlives its end."""
    return [(Identities, "_sign_in_ended", lambda _identities, _account, _sign_in, _why: None)]


def let_streams_go_on() -> Replaced:
    """Streams do not end with what their peers are signed in with."""
    return [(Identities, "_end", lambda _identities, _account, _is_over, _why: None)]


def let_who_is_blocked_write() -> Replaced:
    """A block is not looked at when a message is stored."""

    def nobody(_account: Any, _by: Any) -> Transaction[bool]:
        return False
        yield

    return [(direct_messages, "is_blocked_now", nobody)]


BUGS: dict[Bug, Trial] = {
    judge_at_the_request_only: Trial("read_only", 12),
    go_on_showing_live: Trial("is shown", 8),
    show_what_was_said_before: Trial("is shown", 2),
    let_the_last_owner_go: Trial("has no owner", 5),
    forget_a_removal_in_the_index: Trial("in memory are not those of the logs", 1),
    forget_a_removal_in_the_table: Trial("are not the fold of their logs", 4),
    stay_signed_in: Trial("on a stream of", 1),
    let_streams_go_on: Trial("on a stream of"),
    let_who_is_blocked_write: Trial("who has blocked them", 3),
}
