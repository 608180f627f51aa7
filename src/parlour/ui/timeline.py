"""The messages of a page: days, senders, texts; `static/rows.js` and `static/message.js` are their twins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import quote

from parlour.core.text import Pictures
from parlour.schema.events import Event
from parlour.ui.links import pieces

HUES = 12
"""Sender colours in style.css (`.hue-0` …)."""

GROUP_GAP = timedelta(minutes=5)
"""Messages of one sender that follow each other faster share one heading."""


class Part(NamedTuple):
    """A part of a text: what is shown, and where it leads or whether it is a picture of what cannot be seen."""

    text: str
    address: str | None = None
    is_picture: bool = False


class Row(NamedTuple):
    """A message, as `pages/timeline.html` shows it; times are UTC."""

    event: Event
    day: str | None
    """The date, of the first message of a day; None for the others."""
    day_name: str
    is_continued: bool
    """It shares the heading of the message before."""
    hue: int
    initial: str
    path: str
    full_time: str
    time: str
    parts: Iterable[Part]


def timeline(events: Iterable[Event], prefix: str) -> Iterator[Row]:
    """What is shown of `events`, which are consecutive and oldest first.

    `prefix` is what the paths of links begin with, such as `/chat`, or empty.
    """
    previous: Event | None = None
    before = datetime.min.replace(tzinfo=UTC)
    for event in events:
        shown = event.shown_text
        if shown is None:
            continue
        at = datetime.fromisoformat(event.at).astimezone(UTC)
        is_first = previous is None or at.date() != before.date()
        yield Row(
            event=event,
            day=at.date().isoformat() if is_first else None,
            day_name=f"{at:%A}, {at.day} {at:%B} {at.year}, UTC" if is_first else "",
            is_continued=not is_first and previous is not None and previous.by == event.by and at - before < GROUP_GAP,
            hue=hue(event.by.id),
            initial=initial(event.by.name),
            path=f"{prefix}/{quote(event.room, safe='')}/{event.seq}",
            full_time=f"{at:%Y-%m-%d %H:%M:%S}",
            time=f"{at:%H:%M}",
            parts=text_parts(shown),
        )
        previous, before = event, at


def text_parts(text: str) -> Iterator[Part]:
    """A text with its addresses as links and pictures of what cannot be seen; white space is kept by the style."""
    pictures = Pictures()
    for piece in pieces(text.replace("\r\n", "\n")):
        if piece.address is not None:
            yield Part(piece.text, piece.address)
        else:
            for part in pictures.cut(piece.text):
                yield Part(part.text, None, part.is_picture)
    if pictures.rest:
        yield Part(pictures.rest, None, True)


def initial(name: str) -> str:
    """What stands in the circle beside a sender: the first character of the name."""
    return name[:1].upper()[:1]


def hue(author_id: str) -> int:
    """The colour of a sender, 0 to HUES - 1: FNV-1a over the UTF-8 of the id."""
    value = 0x811C9DC5
    for byte in author_id.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value % HUES
