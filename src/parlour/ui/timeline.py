"""The messages of a page as HTML: days, senders, texts; `static/rows.js` and `static/message.js` are their twins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import quote

from parlour.core.text import Pictures
from parlour.schema.events import Event
from parlour.ui.links import pieces
from parlour.ui.markup import Markup, Template, escape

HUES = 12
"""Sender colours in style.css (`.hue-0` …)."""

GROUP_GAP = timedelta(minutes=5)
"""Messages of one sender that follow each other faster share one heading."""

_DAY = Template('<li class="day"><time datetime="{date}">{label}</time></li>')
_MESSAGE = Template(
    '<li class="message hue-{hue}{cont}" id="m{seq}" data-seq="{seq}" data-author="{author}" data-kind="{kind}"'
    '{key}><span class="avatar" aria-hidden="true" data-initial="{initial}"></span><p class="meta">'
    '<b class="name"><bdi>{name}</bdi></b>{badge} <a class="when" href="{prefix}/{room}/{seq}">'
    '<time datetime="{at}" title="{full} UTC">{time}</time></a></p><div class="text" dir="auto">{text}</div></li>'
)
_KEY = Template(' data-key="{key}"')
_BADGE = Template(' <span class="badge">{kind}</span>')
# Both have a direction of their own, or they would take part in finding that of the paragraph around them.
_LINK = Template('<a href="{address}" dir="ltr" rel="noopener noreferrer nofollow">{text}</a>')
_HIDDEN = Template('<span class="hidden-char" dir="ltr">{pictures}</span>')


LIST_BREAK = Markup("\n")
"""What stands between the list items."""


def render_timeline(events: Iterable[Event], prefix: str) -> Iterator[Markup]:
    """The list items of the messages among `events` (other types are not shown), with their days in UTC.

    `prefix` is what the paths of links begin with, such as `/chat`, or empty.
    """
    previous: Event | None = None
    before = datetime.min.replace(tzinfo=UTC)
    for event in events:
        if event.type != "message" or event.text is None:
            continue
        at = datetime.fromisoformat(event.at).astimezone(UTC)
        new_day = previous is None or at.date() != before.date()
        if new_day:
            yield _DAY(date=at.date().isoformat(), label=f"{at:%A}, {at.day} {at:%B} {at.year}, UTC")
        continues = not new_day and previous is not None and previous.by == event.by and at - before < GROUP_GAP
        yield _message(event, at, continues, prefix)
        previous, before = event, at


def _message(event: Event, at: datetime, continues: bool, prefix: str) -> Markup:
    return _MESSAGE(
        hue=hue(event.by.id),
        cont=" cont" if continues else "",
        seq=event.seq,
        author=event.by.id,
        kind=event.by.kind,
        key="" if event.key is None else _KEY(key=event.key),
        initial=initial(event.by.name),
        name=event.by.name,
        badge="" if event.by.kind == "guest" else _BADGE(kind=event.by.kind),
        prefix=prefix,
        room=quote(event.room, safe=""),
        at=event.at,
        full=f"{at:%Y-%m-%d %H:%M:%S}",
        time=f"{at:%H:%M}",
        text=render_text(event.text or ""),
    )


def render_text(text: str) -> Markup:
    """A text with its addresses as links and pictures of what cannot be seen; white space is kept by the style."""
    pictures = Pictures()
    html: list[Markup] = []
    for piece in pieces(text.replace("\r\n", "\n")):
        if piece.address is not None:
            html.append(_LINK(address=piece.address, text=piece.text))
        else:
            html += [_hidden(part.text) if part.is_picture else escape(part.text) for part in pictures.cut(piece.text)]
    if pictures.rest:
        html.append(_hidden(pictures.rest))
    return Markup("").join(html)


@lru_cache(maxsize=1024)
def _hidden(pictures: str) -> Markup:
    return _HIDDEN(pictures=pictures)


def initial(name: str) -> str:
    """What stands in the circle beside a sender: the first character of the name."""
    return name[:1].upper()[:1]


def hue(author_id: str) -> int:
    """The colour of a sender, 0 to HUES - 1: FNV-1a over the UTF-8 of the id."""
    value = 0x811C9DC5
    for byte in author_id.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value % HUES
