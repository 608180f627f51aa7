"""What rooms are, in the tables `rooms` and `members`: the fold of their policy events (core/policy.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import apsw
import msgspec

from parlour.core.payloads import History, MemberChanged, Payload, RoomAccess, RoomRole
from parlour.core.policy import NO_POLICY, Membership, Policy
from parlour.store.sqlite import statements as sql

_Row: TypeAlias = tuple[int, RoomAccess, str, str, int, int, History, str | None]

_decode_members = msgspec.json.Decoder(list[tuple[str, RoomRole, int]]).decode


def policy_of(columns: Sequence[Any]) -> Policy:
    """The policy in the columns that `statements` selects for one."""
    row: _Row = tuple(columns)
    seq, access, title, topic, is_archived, is_read_only, history, members = row
    if not seq:
        return NO_POLICY
    found = {account: Membership(role, since) for account, role, since in _decode_members(members or "[]")}
    return Policy(seq, access, title, topic, bool(is_archived), bool(is_read_only), history, found)


def set_policy(connection: apsw.Connection, room_no: int, policy: Policy, payload: Payload) -> None:
    """Bring the tables to the policy that the newest event of a room, with this payload, has made."""
    seq, access, title, topic, is_archived, is_read_only, history, _ = policy
    values = (seq, access, title, topic, int(is_archived), int(is_read_only), history, room_no)
    connection.execute(sql.SET_POLICY, values)
    if isinstance(payload, MemberChanged):
        member = policy.members.get(payload.account)
        if member is None:
            connection.execute(sql.DROP_MEMBER, (room_no, payload.account))
        else:
            connection.execute(sql.SET_MEMBER, (room_no, payload.account, *member))
