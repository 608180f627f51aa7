"""A refusal as its reader needs it: a problem document for programs, one line for people (docs/protocol.md#errors)."""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
from msgspec import Meta

from parlour.core.errors import Refusal
from parlour.core.text import visible
from parlour.schema.fields import Epoch, HeadSeq, RoomName, Seq
from parlour.schema.json_line import encode


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A refusal (RFC 9457). `code` never changes its meaning.

    `stored` is absent where the outcome is unknown, and where nothing could have been stored (GET, HEAD).
    """

    type: Annotated[str, Meta(description="Where the code is explained.", examples=["/help#blank_text"])]
    title: Annotated[str, Meta(description="The meaning of the code, for people.")]
    status: Annotated[int, Meta(extra_json_schema={"minimum": 400, "maximum": 599})]
    code: Annotated[str, Meta(description="One of docs/errors.md; new codes may come.", examples=["blank_text"])]
    detail: Annotated[str, Meta(description="What was wrong with this request, for people.")]
    stored: Annotated[bool, Meta(description="False: nothing was stored, for certain.")] | None = None
    field: Annotated[str, Meta(description="The offending field or parameter.", examples=["text"])] | None = None
    retry_after: Annotated[float, Meta(description="Seconds.", extra_json_schema={"minimum": 0})] | None = None


class CursorGone(Problem, frozen=True, omit_defaults=True, kw_only=True):
    """The log cannot be continued from the cursor; the further members are those of a `reset` item."""

    room: RoomName
    reason: Annotated[str, Meta(examples=["epoch_changed", "below_retention", "cursor_ahead"])]
    epoch: Epoch
    first_seq: Seq
    head_seq: HeadSeq


def problem(refusal: Refusal, prefix: str = "", *, is_read: bool = False) -> bytes:
    """Encode a `Problem`, with the members of `refusal.extra` beside its own; `prefix` is that of the server's paths.

    With `is_read` it refuses a request that stores nothing anyway, so that `stored` would say nothing.
    """
    kind, stored = refusal.kind, None if is_read else refusal.kind.stored
    wait = None if refusal.retry_after is None else math.ceil(refusal.retry_after * 1000) / 1000
    where = f"{prefix}/help#{kind.code}"
    members = msgspec.to_builtins(
        Problem(where, kind.title, kind.status, kind.code, refusal.detail, stored, refusal.field, wait)
    )
    return encode(members if refusal.extra is None else refusal.extra | members)


def error_line(refusal: Refusal) -> str:
    """Say it in one line, without a line break: `error: The text is empty or blank. (blank_text: text)`."""
    place = refusal.code if refusal.field is None else f"{refusal.code}: {refusal.field}"
    return f"error: {visible(refusal.detail)} ({visible(place)})"
