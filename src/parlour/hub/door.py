"""The one door to the rooms: opens channels and reads logs, for an actor who has the right to.

Nothing above the hub reads a room in another way; `tests/meta/test_door.py` looks for it.
"""

from __future__ import annotations

from collections.abc import Sequence

from parlour.chat.policies import Policies
from parlour.chat.ports import Commit, RoomSummary
from parlour.core.actor import Actor
from parlour.core.event import Log, Stored
from parlour.core.payloads import Settings
from parlour.core.permissions import Right
from parlour.hub.channel import Channel
from parlour.hub.history import PAGE_BYTES, one_event, page_after, page_before
from parlour.hub.hub import Hub
from parlour.schema.event_json import policy_of, sets_policy


class Door:
    """Lets actors into rooms. All methods are called on the event loop.

    The right is judged once more after everything that had to be waited for: it may have been taken away meanwhile.
    All methods raise Refusal("login_required") for an actor that does not have it, and ("storage_unavailable") when the
    log cannot be read.
    """

    def __init__(self, hub: Hub, policies: Policies) -> None:
        self._hub = hub
        self._policies = policies

    def committed(self, commits: Sequence[Commit]) -> None:
        """Learn the policies that a commit brings; to be told before the hub is."""
        for room, events in commits:
            if sets_policy(events):
                for event in events:
                    if event.type == Settings.type:
                        self._policies.learn(room, policy_of(event))

    async def open(self, actor: Actor, room: str, right: Right) -> Channel:
        """The channel of a room, in use: whoever gets it calls `release` (a reader does in `leave` and `close`)."""
        self._policies.require(actor, right, room)
        channel = await self._hub.open(room)
        try:
            self._require(actor, right, channel)
        except BaseException:
            channel.release()
            raise
        return channel

    async def after(
        self, actor: Actor, channel: Channel, seq: int, limit: int, max_bytes: int = PAGE_BYTES
    ) -> Sequence[Stored]:
        """Events after `seq`, oldest first. Raises also Refusal("cursor_gone")."""
        events = await page_after(self._hub, channel, seq, limit, max_bytes)
        self._require(actor, "read", channel)
        return events

    async def before(
        self, actor: Actor, channel: Channel, seq: int, limit: int, max_bytes: int = PAGE_BYTES
    ) -> Sequence[Stored]:
        """The newest events below `seq`, oldest first; see `hub.history.page_before`."""
        events = await page_before(self._hub, channel, seq, limit, max_bytes)
        self._require(actor, "read", channel)
        return events

    async def event(self, actor: Actor, channel: Channel, seq: int) -> Stored:
        """The event `seq`, which is not after the head. Raises also Refusal("gone")."""
        event = await one_event(self._hub, channel, seq)
        self._require(actor, "read", channel)
        return event

    async def extent(self, actor: Actor, room: str) -> Log:
        """The extent of a room's log, without opening its channel."""
        self._policies.require(actor, "read", room)
        log = await self._hub.store.log(room)
        self._policies.learn(room, log.policy)
        self._policies.require(actor, "read", room)
        return log

    async def rooms(self, actor: Actor, limit: int) -> list[RoomSummary]:
        """Rooms with the newest events that the actor may read, most recently active first, at most `limit`."""
        found = await self._hub.store.rooms(limit)
        policies, rule = self._policies, self._policies.rule(actor, "read")
        for summary in found:
            policies.learn(summary.room, summary.log.policy)
        return [summary for summary in found if rule(policies.of(summary.room)) is None]

    def _require(self, actor: Actor, right: Right, channel: Channel) -> None:
        """Judge by the policy up to the head of a channel, or a newer one that is known."""
        self._policies.learn(channel.room, channel.policy)
        self._policies.require(actor, right, channel.room)
