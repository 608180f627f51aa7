"""The end of a room, which an engine keeps at hand to number the next event."""

from __future__ import annotations

from dataclasses import dataclass

from parlour.core.policy import NO_POLICY, Policy


@dataclass(slots=True)
class RoomEnd:
    """The end of one room's log."""

    number: int
    base: int
    first_seq: int
    head: int
    at_ms: int
    crc: int
    policy: Policy = NO_POLICY
    policy_seq: int = 0  # that of `policy`, at hand because every draft asks for it
    is_contended: bool = False  # when this node last wrote to it, another one had written since the time before
