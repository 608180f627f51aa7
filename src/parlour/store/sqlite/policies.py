"""Brings the tables `rooms`, `members` and `room_guests` to the newest policy of a room."""

from __future__ import annotations

import apsw

from parlour.core.payloads import GuestChanged, MemberChanged, Payload
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
    elif isinstance(payload, GuestChanged):
        if payload.what == "ended":
            connection.execute(sql.DROP_GUESTS_OF, (room_no, payload.link))
        elif (guest := policy.guests.get(payload.guest or "")) is None:
            connection.execute(sql.DROP_GUEST, (room_no, payload.guest))
        else:
            connection.execute(sql.SET_GUEST, (room_no, payload.guest, *guest))
