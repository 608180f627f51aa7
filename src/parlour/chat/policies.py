"""What an actor may do in which room: judges on the access of the server and the policies of rooms, in memory."""

from __future__ import annotations

from functools import lru_cache, partial

from parlour.core.accounts import Role, Scope
from parlour.core.actor import Actor
from parlour.core.event import NO_POLICY, AuthorKind, Policy
from parlour.core.permissions import RIGHTS, Access, Right, Rule, rule


class Policies:
    """The policies of rooms as far as they are known here: those with one, since somebody has opened the room.

    All methods are called on the event loop. What is not known yet is decided elsewhere: the store judges every draft
    by the newest policy, and a channel comes with that of its room.
    """

    def __init__(self, server: Access) -> None:
        self._rules = {right: {kind: rule(kind, right, server) for kind in row} for right, row in RIGHTS.items()}
        self._rule = lru_cache(maxsize=1024)(partial(_rule_of_account, server))
        self._rooms: dict[str, Policy] = {}

    def of(self, room: str) -> Policy:
        """The newest policy of a room that is known."""
        return self._rooms.get(room, NO_POLICY)

    def learn(self, room: str, policy: Policy) -> None:
        """Remember a policy, unless a newer one is known."""
        if policy.seq > self.of(room).seq:
            self._rooms[room] = policy

    def judged(self, actor: Actor, right: Right, room: str) -> tuple[int, Rule]:
        """Judge a right in a room: what a draft has to carry, the seq of the policy and the rule. Raises Refusal."""
        rule = self.rule(actor, right)
        policy = self._rooms.get(room, NO_POLICY)
        refusal = rule(policy)
        if refusal is not None:
            raise refusal
        return policy.seq, rule

    def rule(self, actor: Actor, right: Right) -> Rule:
        """What judges a right of an actor by the policy of any room."""
        if actor.account is None:
            return self._rules[right][actor.kind]
        return self._rule(actor.account.kind, right, actor.account.role, actor.scopes)

    def may(self, actor: Actor, right: Right, room: str) -> bool:
        """Whether an actor has a right in a room, by its canonical name."""
        return self.rule(actor, right)(self.of(room)) is None

    def require(self, actor: Actor, right: Right, room: str | None) -> None:
        """Raises Refusal("login_required") for an actor without the right in a room; None is the server as a whole."""
        refusal = self.rule(actor, right)(NO_POLICY if room is None else self.of(room))
        if refusal is not None:
            raise refusal


def _rule_of_account(
    server: Access, kind: AuthorKind, right: Right, role: Role, scopes: frozenset[Scope] | None
) -> Rule:
    return rule(kind, right, server, role, scopes)
