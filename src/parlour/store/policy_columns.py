"""A policy as the tables `rooms` and `members` keep it: the fold of policy events (core/policy.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

from parlour.core.payloads import History, RoomAccess, RoomRole
from parlour.core.policy import NO_POLICY, Membership, Policy

_Row: TypeAlias = tuple[int, RoomAccess, str, str, int, int, History, str | None]

_decode_members = msgspec.json.Decoder(list[tuple[str, RoomRole, int]]).decode


def policy_of(columns: Sequence[Any]) -> Policy:
    """The policy in its columns: seq, access, title, topic, archived, read_only, history, and the members as JSON.

    A member is an array of the account, the role and the seq since when; None stands for no members.
    """
    row: _Row = tuple(columns)
    seq, access, title, topic, is_archived, is_read_only, history, members = row
    if not seq:
        return NO_POLICY
    found = {account: Membership(role, since) for account, role, since in _decode_members(members or "[]")}
    return Policy(seq, access, title, topic, bool(is_archived), bool(is_read_only), history, found)


def columns_of(policy: Policy) -> tuple[int, RoomAccess, str, str, int, int, History]:
    """The columns of a policy but for the members, which have a table."""
    seq, access, title, topic, is_archived, is_read_only, history, _ = policy
    return seq, access, title, topic, int(is_archived), int(is_read_only), history
