"""The messages of a page: days, senders, texts; `static/rows.js` and `static/message.js` are their twins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from parlour.core.accounts import HUES
from parlour.core.text import Pictures
from parlour.schema.events import Event
from parlour.ui.links import Piece, pieces

HUE_NAMES = ("rose", "orange", "amber", "olive", "green", "jade", "teal", "sky", "blue", "violet", "purple", "magenta")
"""What people call them; screen readers and browsers in a terminal show nothing else."""

GROUP_GAP = timedelta(minutes=5)
"""Messages of one sender that follow each other faster share one heading."""


class Row(NamedTuple):
    """A message or a notice, as `pages/timeline.html` shows it; `at` is its time in the time zone of the page."""

    event: Event
    at: datetime
    begins_day: bool
    notice: str | None
    """What is said of an event that is no message, without who did it; a message has none."""
    is_passing: bool
    """It is a notice of somebody who comes or goes: they may be many, and follow each other on a line."""
    is_continued: bool
    """It shares the heading of the message before."""
    hue: int
    initial: str
    parts: Iterable[Piece]


def timeline(events: Iterable[Event], zone: tzinfo = UTC) -> Iterator[Row]:
    """The rows that show `events`, which are consecutive and oldest first, with the times and days of a time zone."""
    previous: Event | None = None
    before = datetime.min.replace(tzinfo=UTC)
    for event in events:
        notice = event.notice if event.text is None else None
        if event.text is None and notice is None:
            continue
        at = datetime.fromisoformat(event.at).astimezone(zone)
        begins_day = previous is None or at.date() != before.date()
        follows = previous is not None and previous.text is not None and previous.by == event.by
        is_continued = notice is None and follows and at - before < GROUP_GAP and not begins_day
        is_passing = notice is not None and event.what in ("joined", "left")
        yield Row(
            *(event, at, begins_day, notice, is_passing, is_continued),
            *(hue(event.by.id, event.by.hue), initial(event.by.name), text_parts(event.text or "")),
        )
        previous, before = event, at


def text_parts(text: str) -> Iterator[Piece]:
    """A text with its addresses as links and pictures of what cannot be seen; white space is kept by the style."""
    pictures = Pictures()
    for piece in pieces(text.replace("\r\n", "\n")):
        if piece.address is not None:
            yield piece
        else:
            for part in pictures.cut(piece.text):
                yield Piece(part.text, None, part.is_picture)
    if pictures.rest:
        yield Piece(pictures.rest, None, True)


def initial(name: str) -> str:
    """The letter in the circle beside a sender: the first character of the name."""
    return name[:1].upper()[:1]


def hue(author_id: str, chosen: int | None = None) -> int:
    """The colour of a sender, 0 to HUES - 1: the one that was chosen, else FNV-1a over the UTF-8 of the id."""
    if chosen is not None:
        return chosen
    value = 0x811C9DC5
    for byte in author_id.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value % HUES
