"""Idempotency keys: a draft whose key was used before is answered with the event stored then, or `key_reused`."""

from __future__ import annotations

from parlour.core.errors import Refusal
from parlour.core.event import Answer, Appended, Draft, Stored
from parlour.schema.event_json import is_repeat


def repeated(draft: Draft, earlier: Stored) -> Answer:
    """The event `earlier`, stored under the key of `draft`; Refusal("key_reused") if the draft says something else."""
    if is_repeat(draft, earlier):
        return Appended(earlier.seq, earlier.json, True)
    return Refusal("key_reused", field="key", extra={"seq": earlier.seq})
