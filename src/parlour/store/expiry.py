"""Which events at the beginning of a room have expired, for every engine; the clock may have been wrong."""

from __future__ import annotations

from collections.abc import Sequence


def expired(times: Sequence[tuple[int, int]], before_ms: int, now_ms: int) -> tuple[int | None, int]:
    """The last seq that has expired (None: none has), and the time from which the next one counts.

    `times` are seqs and times in milliseconds since 1970, oldest first, not empty. What expires is a run at the
    beginning: an event that seems older than one before it goes with that one, and one from the future with the next
    that is not.
    """
    last: int | None = None
    latest = 0
    for seq, at_ms in times:
        if at_ms > now_ms:
            continue
        latest = max(latest, at_ms)
        if latest >= before_ms:
            return last, latest
        last = seq
    return last, latest if last == times[-1][0] else now_ms
