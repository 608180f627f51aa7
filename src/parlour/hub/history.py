"""Pages of a log: from the ring when it holds them, else from the store."""

from __future__ import annotations

from collections.abc import Sequence

from parlour.chat.ports import DamagedEvents
from parlour.core.errors import Refusal
from parlour.core.event import Stored
from parlour.hub.channel import Channel
from parlour.hub.hub import Hub

PAGE_BYTES = 1048576
"""A page ends before it is larger than this, whatever limit was asked for."""

DAMAGED_ENDS = 4
"""How many runs of damaged events the newest page skips."""


async def page_after(hub: Hub, channel: Channel, seq: int, limit: int, max_bytes: int = PAGE_BYTES) -> Sequence[Stored]:
    """Events after `seq`, oldest first. Raises Refusal (cursor_gone, storage_unavailable)."""
    if seq >= channel.head:
        return ()
    found = channel.ring.after(seq, limit, max_bytes)
    if found is None:
        found = await hub.store.after(channel.room, seq, limit, max_bytes)
        if not found or found[0].seq != seq + 1:  # retention was faster than its notice
            channel.trim(found[0].seq if found else channel.head)
            raise cursor_gone(channel, "below_retention")
        found = found[: channel.head - seq]  # a cursor beyond the head would be of no use yet
    return found


async def one_event(hub: Hub, channel: Channel, seq: int) -> Stored:
    """The event `seq`, which is not after the head. Raises Refusal (gone, storage_unavailable)."""
    found = channel.ring.after(seq - 1, 1, PAGE_BYTES)
    if found is None:
        found = await hub.store.after(channel.room, seq - 1, 1)
    if not found or found[0].seq != seq:
        raise Refusal("gone", f"The log of this room begins after event {seq}.")
    return found[0]


def cursor_gone(channel: Channel, reason: str) -> Refusal:
    """Why the log cannot be continued, with the members of a `reset`."""
    return Refusal(
        "cursor_gone",
        f"The log cannot be continued from there ({reason}): {channel.extent}.",
        extra={
            "room": channel.room,
            "reason": reason,
            "epoch": channel.epoch,
            "first_seq": channel.first_seq,
            "head_seq": channel.head,
        },
    )


async def page_before(
    hub: Hub, channel: Channel, seq: int, limit: int, max_bytes: int = PAGE_BYTES
) -> Sequence[Stored]:
    """The newest events below `seq`, oldest first; at the end of the log, the newest that can be read.

    Raises Refusal("storage_unavailable").
    """
    skips = DAMAGED_ENDS if seq > channel.head else 1
    seq = min(seq, channel.head + 1)
    while True:
        if seq <= channel.first_seq:
            return ()
        found = channel.ring.before(seq, limit, channel.first_seq)
        if found is not None:
            return found
        skips -= 1
        try:
            return await hub.store.before(channel.room, seq, limit, max_bytes)
        except DamagedEvents as damage:
            if not skips or damage.first <= channel.first_seq:
                raise
            seq = damage.first  # a room whose end is damaged can be opened; its cursor leads to the refusal
