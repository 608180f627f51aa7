"""Brings the tables `rooms` and `members` to the newest policy of a room."""

from __future__ import annotations

import apsw

from parlour.core.payloads import MemberChanged, Payload
from parlour.core.policy import Policy
from parlour.store.policy_columns import columns_of
from parlour.store.sqlite import statements as sql


def set_policy(connection: apsw.Connection, room_no: int, policy: Policy, payload: Payload) -> None:
    """Bring the tables to the policy that the newest event of a room, with this payload, has made."""
    connection.execute(sql.SET_POLICY, (*columns_of(policy), room_no))
    if isinstance(payload, MemberChanged):
        member = policy.members.get(payload.account)
        if member is None:
            connection.execute(sql.DROP_MEMBER, (room_no, payload.account))
        else:
            connection.execute(sql.SET_MEMBER, (room_no, payload.account, *member))
