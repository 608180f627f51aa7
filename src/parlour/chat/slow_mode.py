"""Slow mode: an author waits for so many seconds between two messages, on whichever node they are sent."""

from __future__ import annotations

from parlour.chat.tables.slow_posts import FORGET_WRITTEN, SET_WRITTEN, WRITTEN_LAST
from parlour.chat.transactions import Append, FindLog, Transaction
from parlour.core.errors import Refusal
from parlour.core.event import Appended, Draft, Log

MAX_SLOW_S = 21_600
"""Six hours."""


def post_slowly(draft: Draft, who: str, least_s: int, now_ms: int) -> Transaction[Appended]:
    """Append a message, unless its author has written too short a time before; a repeat is answered as always.

    `who` is the author under any name, `least_s` the pause of all rooms. Raises Refusal("slow_mode") with the time to
    wait, and as an append does.
    """
    stored: Appended = yield Append(draft)
    log: Log = yield FindLog(draft.room)
    slow_s = max(log.policy.slow_s, least_s)
    if stored.replay or not slow_s:
        return stored
    written: list[int] = yield WRITTEN_LAST(draft.room, who)
    wait_ms = min(written[0] - now_ms, 0) + slow_s * 1000 if written else 0  # the clock of another node may be ahead
    if wait_ms > 0:
        detail = f"Slow mode: everybody here writes one message in {slow_s} seconds."
        raise Refusal("slow_mode", detail, retry_after=wait_ms / 1000)
    yield FORGET_WRITTEN(draft.room, now_ms - slow_s * 1000)
    yield SET_WRITTEN(draft.room, who, now_ms)
    return stored
