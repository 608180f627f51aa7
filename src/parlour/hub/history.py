"""Pages of a log: from the ring when it holds them, else from the store."""

from __future__ import annotations

from collections.abc import Sequence

from parlour.core.event import Stored
from parlour.hub.channel import Channel
from parlour.hub.hub import Hub

PAGE_BYTES = 1048576
"""A page ends before it is larger than this, whatever limit was asked for."""


async def page_after(hub: Hub, channel: Channel, seq: int, limit: int) -> Sequence[Stored]:
    """Events after `seq`, oldest first. Raises Refusal("storage_unavailable")."""
    if seq >= channel.head:
        return ()
    found = channel.ring.after(seq, limit, PAGE_BYTES)
    return found if found is not None else await hub.store.after(channel.room, seq, limit, PAGE_BYTES)


async def page_before(hub: Hub, channel: Channel, seq: int, limit: int) -> Sequence[Stored]:
    """The newest events below `seq`, oldest first. Raises Refusal("storage_unavailable")."""
    seq = min(seq, channel.head + 1)
    if seq <= channel.first_seq:
        return ()
    found = channel.ring.before(seq, limit, channel.first_seq)
    return found if found is not None else await hub.store.before(channel.room, seq, limit, PAGE_BYTES)
