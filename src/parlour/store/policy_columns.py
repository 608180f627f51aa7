"""A policy as the tables `rooms`, `members` and `room_guests` keep it: the fold of policy events (core/policy.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

from parlour.core.payloads import History, LinkRule, RoomAccess, RoomRole
from parlour.core.policy import NO_POLICY, Membership, Policy, Restriction, RoomGuest

_Row: TypeAlias = tuple[int, RoomAccess, str, str, int, int, History, str, str | None, str | None]

_decode_members = msgspec.json.Decoder(list[tuple[str, RoomRole, int]]).decode
_decode_guests = msgspec.json.Decoder(list[tuple[str, str, str, int]]).decode


class _Rules(msgspec.Struct, frozen=True, omit_defaults=True):
    """The column `rules`: what few rooms have, as JSON; empty text where all of it is the default."""

    restrictions: dict[str, Restriction] = {}
    salt: str = ""
    slow_s: int = 0
    links: LinkRule = "all"
    words: tuple[str, ...] = ()


_decode_rules = msgspec.json.Decoder(_Rules).decode


def policy_of(columns: Sequence[Any]) -> Policy:
    """The policy in its columns: those of `columns_of`, and the members and guests as JSON.

    These two are JSON: of a member the account, the role and the seq since when; of a guest the pass, the name, the
    link and the seq since when. None stands for none.
    """
    row: _Row = tuple(columns)
    seq, access, title, topic, is_archived, is_read_only, history, rules, members, guests = row
    if not seq:
        return NO_POLICY
    found = {account: Membership(role, since) for account, role, since in _decode_members(members or "[]")}
    policy = Policy(seq, access, title, topic, bool(is_archived), bool(is_read_only), history, found)
    if guests:
        visitors = {id_: RoomGuest(name, link, since) for id_, name, link, since in _decode_guests(guests)}
        policy = policy._replace(guests=visitors)
    if rules:
        more = _decode_rules(rules)
        policy = policy._replace(**{name: getattr(more, name) for name in _Rules.__struct_fields__})
    return policy


def columns_of(policy: Policy) -> tuple[int, RoomAccess, str, str, int, int, History, str]:
    """The columns of a policy but for the members and guests, which have tables.

    They are seq, access, title, topic, archived, read_only, history, rules.
    """
    seq, access, title, topic, is_archived, is_read_only, history, *_ = policy
    rules = msgspec.json.encode(
        _Rules(dict(policy.restrictions), policy.salt, policy.slow_s, policy.links, policy.words)
    ).decode()
    return seq, access, title, topic, int(is_archived), int(is_read_only), history, "" if rules == "{}" else rules
