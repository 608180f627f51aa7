"""Reports of messages as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from parlour.schema.events import Event
from parlour.schema.fields import RoomName, Seq, Time
from parlour.schema.people import Plain


class ReportBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a message is against the rules."""

    reason: Plain


class ReportMade(msgspec.Struct, frozen=True):
    """A report, to whoever has made it."""

    id: str
    room: RoomName
    seq: Seq
    state: Literal["open", "closed"]


class NoteInfo(msgspec.Struct, frozen=True):
    """A moderator's note about a report."""

    by: str
    at: Time
    text: str


class ReportInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """A report. `by` is the name of an account, or how a guest was shown.

    `message` is absent where it is not kept any more, or is in a room that who asks may not read; of a deleted one
    there is the tombstone. `context` are the events around it.
    """

    id: str
    room: RoomName
    seq: Seq
    reason: str
    by: str
    at: Time
    state: Literal["open", "closed"]
    message: Event | None = None
    context: Sequence[Event] = ()
    notes: Sequence[NoteInfo] = ()


class ReportList(msgspec.Struct, frozen=True):
    """Reports, the newest first; `total` is how many there are in that state of those that who asks may look at."""

    reports: Sequence[ReportInfo]
    total: int


class ChangeReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change of a report's state, and a note about it."""

    state: Literal["open", "closed"] | None = None
    note: Plain = ""
