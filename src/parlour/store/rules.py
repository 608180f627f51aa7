"""Rules of every engine: times, expiry, the answer to a repeated key, and the identity of new logs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from parlour.chat.ports import Ids
from parlour.core.durations import HOUR_MS
from parlour.core.errors import Refusal
from parlour.core.event import Answer, Appended, Draft, Stored
from parlour.core.permissions import Who, refused_everywhere
from parlour.core.policy import Policy, ServerAccess
from parlour.schema.event_json import is_repeat

EPOCH_LENGTH = 6
"""36^6 is two thousand million: two epochs of one deployment do not meet by chance."""

SET_RIGHT_MS = HOUR_MS
"""A clock that is set by no more than this is being set right; by more, it was wrong, before or now."""

ERASE_LOOKS_AT = 2000
"""Events of a room that one step looks at to erase accounts: a few milliseconds, as messages may wait behind it."""

WRITTEN_MS = 1_767_225_600_000
"""The beginning of 2026: a clock that shows less is wrong, as that of a machine without a battery before it is set."""


def judged_again(draft: Draft, policy: Policy, server: ServerAccess) -> Refusal | None:
    """Why a draft may not be stored under the newest policy of its room and access of the server; None if it may.

    It has been judged already by those that it names.
    """
    if draft.judged_at is None:
        return None
    if draft.server_at < server.seq:
        refusal = refused_everywhere(Who(draft.author.kind), "post", server.access)
        if refusal is not None:
            return refusal
    return None if draft.judged_at >= policy.seq or draft.judge is None else draft.judge(policy)


def time_of_next(now_ms: int, newest_ms: int) -> int:
    """Milliseconds since 1970 for an event that follows one of `newest_ms` in its room, while the clock shows `now_ms`.

    Time stands still while the clock is behind. But where a clock was ahead by more than an hour and has been set
    right, the time of the room goes back: else new events would carry a future time for as long as it was ahead.
    """
    if newest_ms <= now_ms or (newest_ms - now_ms > SET_RIGHT_MS and now_ms >= WRITTEN_MS):
        return now_ms
    return newest_ms


def expired(times: Sequence[tuple[int, int]], before_ms: int, now_ms: int) -> tuple[int | None, int]:
    """The last seq that has expired (None: none has), and the time from which the next one counts.

    `times` are seqs and times in milliseconds since 1970, oldest first. What expires is a run at the beginning: an
    event that seems older than one before it goes with that one, and one from the future with the next that is not.
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
    return last, latest if times and last == times[-1][0] else now_ms


def new_identity(ids: Ids) -> tuple[str, bytes]:
    """A fresh epoch (6 of `0-9a-z`), and a secret: a hash of two tokens of 128 bits, so it has all its 256 bits."""
    number = int.from_bytes(hashlib.sha256(b"epoch" + ids.token().encode()).digest())
    epoch = ""
    for _ in range(EPOCH_LENGTH):
        number, digit = divmod(number, 36)
        epoch += "0123456789abcdefghijklmnopqrstuvwxyz"[digit]
    return epoch, hashlib.sha256(b"secret" + f"{ids.token()}{ids.token()}".encode()).digest()


def repeated(draft: Draft, earlier: Stored) -> Answer:
    """The event `earlier`, stored under the key of `draft`; Refusal("key_reused") if the draft says something else."""
    if is_repeat(draft, earlier):
        return Appended(earlier.seq, earlier.json, True)
    return Refusal("key_reused", field="key", extra={"seq": earlier.seq})
