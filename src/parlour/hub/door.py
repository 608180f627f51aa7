"""The one door to the rooms: opens channels and reads logs, for an actor who has the right to.

Nothing above the hub reads a room in another way; `tests/meta/test_door.py` looks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from parlour.chat.policies import Policies, learn_newest
from parlour.chat.ports import Commit, DamagedEvents, RoomSummary
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.event import Log, Stored
from parlour.core.gone_guests import with_reason
from parlour.core.names import PRIVATE
from parlour.core.payloads import POLICY_TYPES, log_of_account
from parlour.core.permissions import Right
from parlour.hub.channel import Channel
from parlour.hub.hub import Hub
from parlour.schema.event_json import payload_of, sets_policy

PAGE_BYTES = 1048576
"""A page ends before it is larger than this, whatever limit was asked for."""

DAMAGED_ENDS = 4
"""How many runs of damaged events the newest page skips."""


class Door:
    """Lets actors into rooms. All methods are called on the event loop.

    The right is judged once more after everything that had to be waited for: it may have been taken away meanwhile.
    All methods raise Refusal("login_required") for an actor that does not have it, and ("storage_unavailable") when the
    log cannot be read. Pages come from the ring when it holds them, else from the store.
    """

    def __init__(self, hub: Hub, policies: Policies) -> None:
        self._hub = hub
        self._policies = policies

    def committed(self, commits: Sequence[Commit]) -> None:
        """Learn what a commit changes of rooms; to be told before the hub is."""
        for room, events in commits:
            if sets_policy(events):
                for event in events:
                    if event.type in POLICY_TYPES:
                        self._policies.changed(room, event.seq, payload_of(event))

    async def open(self, actor: Actor, room: str, right: Right) -> Channel:
        """The channel of a room, in use: whoever gets it calls `release` (a reader does in `leave` and `close`).

        It has all that any node had added when it was asked for: that is what clients know.
        """
        head = await self._newest(room)
        self._require_room(actor, right, room)
        channel = await self._hub.open(room)
        try:
            if head > channel.head:
                await channel.reach(head)
            if not channel.policy.seq and room[0] == PRIVATE:  # a direct one in which nothing has been said yet
                channel.policy = self._policies.of(room)
            self._require(actor, right, channel)
        except BaseException:
            channel.release()
            raise
        return channel

    async def _newest(self, room: str) -> int:
        """The newest seq of a room, with its policy learnt; 0 where nobody else writes to it."""
        store = self._hub.store
        return await learn_newest(store, self._policies, room) if store.is_shared else 0

    async def after(
        self, actor: Actor, channel: Channel, seq: int, limit: int, max_bytes: int = PAGE_BYTES
    ) -> Sequence[Stored]:
        """Events after `seq`, oldest first. Raises also Refusal("cursor_gone")."""
        first = self.first_seq(actor, channel)
        if seq < first - 1:
            raise channel.cursor_gone("before_joining", first)
        found: Sequence[Stored] | None = ()
        if seq < channel.head:
            found = channel.ring.after(seq, limit, max_bytes)
        if found is None:
            found = await self._hub.store.after(channel.room, seq, limit, max_bytes)
            if not found or found[0].seq != seq + 1:  # retention was faster than its notice
                channel.trim(found[0].seq if found else channel.head)
                raise channel.cursor_gone("below_retention", first)
            found = found[: channel.head - seq]  # a cursor beyond the head would be of no use yet
        self._require(actor, "read", channel)
        if seq < (first := self.first_seq(actor, channel)) - 1:  # away, and back, meanwhile
            raise channel.cursor_gone("before_joining", first)
        return found

    async def before(
        self, actor: Actor, channel: Channel, seq: int, limit: int, max_bytes: int = PAGE_BYTES
    ) -> Sequence[Stored]:
        """The newest events below `seq`, oldest first; at the end of the log, the newest that can be read."""
        skips = DAMAGED_ENDS if seq > channel.head else 1
        seq, first = min(seq, channel.head + 1), self.first_seq(actor, channel)
        limit = min(limit, max(0, seq - first))
        found: Sequence[Stored] | None = None
        while found is None:
            found = () if seq <= first else channel.ring.before(seq, limit, first)
            if found is None:
                skips -= 1
                try:
                    found = await self._hub.store.before(channel.room, seq, limit, max_bytes)
                except DamagedEvents as damage:
                    if not skips or damage.first <= first:
                        raise
                    seq = damage.first  # a room whose end is damaged can be opened; its cursor leads to the refusal
        self._require(actor, "read", channel)
        first = self.first_seq(actor, channel)  # a later one, if they were away and back meanwhile
        return [event for event in found if event.seq >= first] if found and found[0].seq < first else found

    async def event(self, actor: Actor, channel: Channel, seq: int) -> Stored:
        """The event `seq`, which is not after the head. Raises also Refusal("gone")."""
        if seq < (first := self.first_seq(actor, channel)):
            raise Refusal("gone", f"The log of this room begins at {first}.")
        found = channel.ring.after(seq - 1, 1, PAGE_BYTES)
        if found is None:
            found = await self._hub.store.after(channel.room, seq - 1, 1)
        if not found or found[0].seq != seq:
            raise Refusal("gone", f"The log of this room begins after event {seq}.")
        self._require(actor, "read", channel)
        if seq < (first := self.first_seq(actor, channel)):  # away, and back, meanwhile
            raise Refusal("gone", f"The log of this room begins at {first}.")
        return found[0]

    async def extent(self, actor: Actor, room: str, right: Right = "read") -> Log:
        """The extent of a room's log, without opening its channel."""
        await self._newest(room)
        self._require_room(actor, right, room)
        log = await self._hub.store.log(room)
        self._require_room(actor, right, room)
        return log._replace(first_seq=max(log.first_seq, self._policies.first_seq(actor, room)))

    def first_seq(self, actor: Actor, channel: Channel) -> int:
        """The first event that an actor who may read a room is shown."""
        return max(channel.first_seq, self._policies.first_seq(actor, channel.room))

    async def rooms(self, actor: Actor, limit: int) -> list[RoomSummary]:
        """Rooms with the newest events that the actor may read, most recently active first, at most `limit`."""
        if actor.guest_pass is not None:  # they may be none of the newest
            return (await self.joined_rooms(actor))[:limit]
        public, private = await self.public_rooms(actor, limit), await self.private_rooms(actor)
        return (newest_first([*public, *private]) if private else public)[:limit]

    async def public_rooms(self, actor: Actor, limit: int) -> list[RoomSummary]:
        """The public rooms among them."""
        return self._readable(actor, await self._hub.store.rooms(limit))

    async def private_rooms(self, actor: Actor) -> list[RoomSummary]:
        """The private rooms that the actor is in, in no order."""
        return await self._joined(actor, PRIVATE)

    async def joined_rooms(self, actor: Actor) -> list[RoomSummary]:
        """The rooms that the actor is a member of, or has a pass for, most recently active first."""
        return newest_first(await self._joined(actor, ""))

    async def _joined(self, actor: Actor, beginning: str) -> list[RoomSummary]:
        inside = actor.account or actor.guest_pass
        mine = () if inside is None else self._policies.rooms_of(inside.id)
        rooms = [room for room in mine if room.startswith(beginning)]
        return self._readable(actor, await self._hub.store.summaries(rooms)) if rooms else []

    def _readable(self, actor: Actor, rooms: Sequence[RoomSummary]) -> list[RoomSummary]:
        may = self._policies.may
        return [summary for summary in rooms if may(actor, "read", summary.room)]

    def _require(self, actor: Actor, right: Right, channel: Channel) -> None:
        try:
            self._require_room(actor, right, channel.room)
        except Refusal as refusal:  # to a guest who was in the room when they asked, the event says why they are not
            guest = actor.guest_pass
            if guest is None or guest.state != "in" or channel.room not in guest.rooms:
                raise
            raise with_reason(refusal, channel.why_out(guest)) from None

    def _require_room(self, actor: Actor, right: Right, room: str) -> None:
        if room.startswith("."):  # a log that is no room: nobody reads one but the account whose it is
            if actor.account is None or room != log_of_account(actor.account.id):
                raise Refusal("not_found", "There is no such room.")
            self._policies.require(actor, "inbox", None)
        else:
            self._policies.require(actor, right, room)


def newest_first(rooms: Iterable[RoomSummary]) -> list[RoomSummary]:
    """Rooms in the order of lists: most recently active first, at equal times by name."""
    return sorted(sorted(rooms), key=lambda summary: summary.active_at, reverse=True)
