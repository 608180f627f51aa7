"""The verb that closes a room to guests, and opens it again."""

from __future__ import annotations

from parlour.chat.guests import SYSTEM
from parlour.chat.policies import Policies
from parlour.chat.ports import Store
from parlour.chat.transactions import Append, FindLog, Transaction
from parlour.core.actor import Actor
from parlour.core.event import Appended, Draft, Log, Policy
from parlour.core.names import room_name
from parlour.core.payloads import Access, Settings


class Closing:
    """Sets who may use a room."""

    def __init__(self, store: Store, policies: Policies) -> None:
        self._store = store
        self._policies = policies

    async def set_access(self, actor: Actor, room: str, access: Access) -> Policy:
        """Close a room to guests (`members`) or open it (`open`), if it is not so already; makes the room.

        Returns the policy in force once it is on disk: guests post no message after its event, and are shown none.
        Raises Refusal.
        """
        room = room_name(room)
        self._policies.require(actor, "govern", room)
        policy = await self._store.run(_set_access(room, access))
        self._policies.learn(room, policy)
        return policy


def _set_access(room: str, access: Access) -> Transaction[Policy]:
    log: Log = yield FindLog(room)
    if log.policy.access == access:
        return log.policy
    stored: Appended = yield Append(Draft(room, SYSTEM, Settings(access)))
    return Policy(stored.seq, access)
