"""Judges what people were shown and answered, on the logs as they are in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import NamedTuple

from parlour.core.accounts import Role
from parlour.core.errors import Refusal
from parlour.core.payloads import (
    SERVER_LOG,
    AccountChanged,
    BlockChanged,
    MemberChanged,
    Message,
    Payload,
    SignInChanged,
)
from parlour.core.permissions import Right, Who, first_seq, held, is_exempt, rule
from parlour.core.policy import NO_POLICY, NO_ROOM, Policy
from tests.simulation.people import Notes, Said, Shown

STREAMS = frozenset({"ndjson", "sse", "websocket", "all"})


class Event(NamedTuple):
    """One event of a log, by the account `by`."""

    room: str
    seq: int
    by: str
    payload: Payload


class Verdict:
    """What is wrong with a run. `roles` are those on the server, by account; they did not change."""

    def __init__(self, log: Sequence[Event], notes: Notes, roles: Mapping[str, Role]) -> None:
        self._log = log
        self._notes = notes
        self._roles = roles
        self._policies: dict[str, list[Policy]] = {}  # of each room, one after the other
        for event in log:
            policies = self._policies.setdefault(event.room, [])
            before = policies[-1] if policies else NO_POLICY
            after = before.after(event.seq, event.payload)
            if after is not before:
                policies.append(after)
        self._ended = dict(self._ends())

    def wrong(self) -> Iterator[str]:
        """Every violation, in words."""
        yield from self._wrong_posts()
        yield from self._wrong_blocked()
        yield from self._wrong_owners()
        yield from self._wrong_joins()
        for said in self._notes.said:
            yield from self._wrong_answer(said)
        for shown in set(self._notes.shown):
            yield from self._wrong_sight(shown)

    def _who(self, account: str) -> Who:
        return Who("member", account, self._roles[account])

    def _at(self, room: str, seq: int) -> Policy:
        """The policy of a room before an event."""
        found = NO_ROOM
        for policy in self._policies.get(room, ()):
            if policy.seq >= seq:
                break
            found = policy
        return found

    def _time(self, room: str, seq: int, unknown: float) -> float:
        return self._notes.committed.get((room, seq), unknown)

    def _ends(self) -> Iterator[tuple[str, float]]:
        """The ids of accounts and of what they were signed in with, and when they ended first."""
        for event in self._log:
            if event.room == SERVER_LOG and isinstance(event.payload, SignInChanged) and event.payload.what == "ended":
                yield event.payload.sign_in, self._time(SERVER_LOG, event.seq, inf)
        begun: dict[str, list[str]] = {}
        for event in self._log:
            if event.room != SERVER_LOG:
                continue
            if isinstance(event.payload, SignInChanged) and event.payload.what == "begun":
                begun.setdefault(event.payload.account, []).append(event.payload.sign_in)
            elif isinstance(event.payload, AccountChanged) and event.payload.account.state != "active":
                for sign_in in begun.pop(event.payload.account.id, ()):
                    yield sign_in, self._time(SERVER_LOG, event.seq, inf)

    def _wrong_posts(self) -> Iterator[str]:
        """Messages in the log that the policy before them does not allow."""
        for event in self._log:
            if isinstance(event.payload, Message):
                refusal = self._judge(event.by, "post", self._at(event.room, event.seq))
                if refusal is not None:
                    yield f"{event.by} posts {event.seq} in {event.room}: {refusal.code}"

    def _wrong_blocked(self) -> Iterator[str]:
        """Direct messages by somebody whom the other one had blocked before, and not yet unblocked."""
        blocks: list[tuple[str, str, float, float]] = []  # who, whom, from when until when
        for event in self._log:
            if isinstance(event.payload, BlockChanged):
                who, whom, at = event.payload.account, event.payload.blocked, self._time(event.room, event.seq, inf)
                if event.payload.what == "made":
                    blocks.append((who, whom, at, inf))
                else:
                    index = max(i for i, each in enumerate(blocks) if each[:2] == (who, whom))
                    blocks[index] = (who, whom, blocks[index][2], self._time(event.room, event.seq, 0.0))
        for event in self._log:
            policy = self._at(event.room, event.seq)
            if isinstance(event.payload, Message) and policy.access == "direct":
                at = self._time(event.room, event.seq, 0.0)
                for who, whom, begins, ends in blocks:
                    if whom == event.by and who in policy.members and begins < at < ends:
                        yield f"{event.by} writes {event.seq} to {who}, who has blocked them"

    def _room(self, account: str, room: str) -> str:
        """The canonical name of a room that an account has named: of a direct one by its people."""
        if not room.startswith("@"):
            return room
        people = {account, f"u_{room[1:]}"}
        found = [each for each, policies in self._policies.items() if policies and policies[-1].access == "direct"]
        return next((each for each in found if self._policies[each][-1].members.keys() == people), room)

    def _judge(self, account: str, right: Right, policy: Policy) -> Refusal | None:
        """What the rules say, and a restriction of the account: those of this world end when they are lifted."""
        who = self._who(account)
        refusal = rule(who, right, "open")(policy)
        restriction = None if is_exempt(who, policy) else policy.restrictions.get(account)
        return refusal if refusal is not None or restriction is None else held(restriction, right, 0)

    def _wrong_owners(self) -> Iterator[str]:
        for room, policies in self._policies.items():
            for before, after in pairwise(policies):
                if before.owners() and not after.owners():
                    yield f"{room} has no owner from {after.seq} on"

    def _wrong_joins(self) -> Iterator[str]:
        """Those who joined by themselves while their account was disabled."""
        disabled: dict[str, float] = {}
        timed = sorted(self._log, key=lambda event: self._time(event.room, event.seq, inf))
        for event in timed:
            if isinstance(event.payload, AccountChanged):
                account = event.payload.account
                if account.state == "active":
                    disabled.pop(account.id, None)
                else:
                    disabled[account.id] = self._time(event.room, event.seq, inf)
            elif isinstance(event.payload, MemberChanged) and event.payload.what == "joined":
                at = self._time(event.room, event.seq, 0.0)
                if at > disabled.get(event.payload.account, inf):
                    yield f"{event.payload.account} joins {event.room} at {event.seq}, and is disabled"

    def _wrong_answer(self, said: Said) -> Iterator[str]:
        """What was acknowledged is there; nobody is answered with what has ended."""
        if said.status != 201:
            return
        place = (self._room(said.account, said.room), said.seq)
        found = [event for event in self._log if (event.room, event.seq) == place]
        if not found or not isinstance(found[0].payload, Message) or found[0].payload.text.strip() != said.text.strip():
            yield f"{said} is not in the log"
        if said.sent_at > self._ended.get(said.sign_in, inf):
            yield f"{said.account} posts {said.seq} in {said.room} with {said.sign_in}, which had ended"

    def _wrong_sight(self, shown: Shown) -> Iterator[str]:
        ended_at = self._ended.get(shown.sign_in, inf)
        what = f"{shown.account} is shown {shown.seq} of {shown.room} by {shown.way}"
        if shown.opened_at > ended_at:
            yield f"{what} with {shown.sign_in}, which had ended"
        if shown.way in STREAMS and self._time(shown.room, shown.seq, 0.0) > ended_at:
            yield f"{what} on a stream of {shown.sign_in}, which had ended before"
        if not any(self._allows(index, shown) for index in range(len(self._policies.get(shown.room, ())))):
            yield f"{what}, asked for at {shown.opened_at:.6f}"

    def _allows(self, index: int, shown: Shown) -> bool:
        """Whether a policy that was in force between the asking and the showing let somebody see an event."""
        policies, who = self._policies[shown.room], self._who(shown.account)
        policy = policies[index]
        if self._judge(shown.account, "read", policy) is not None or first_seq(who, policy) > shown.seq:
            return False
        if self._time(shown.room, policy.seq, 0.0) > shown.at:
            return False
        for later in policies[index + 1 :]:
            if self._judge(shown.account, "read", later) is not None:  # this event is the last that they are shown
                return shown.seq <= later.seq and shown.opened_at <= self._time(shown.room, later.seq, inf)
            if first_seq(who, later) > shown.seq:
                return shown.opened_at <= self._time(shown.room, later.seq, inf)
        return True
