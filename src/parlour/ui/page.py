"""The pages as a browser gets them: complete without scripts, and what the script needs to go live from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from parlour.core.text import MAX_TEXT_BYTES
from parlour.schema.events import Event
from parlour.ui import templates
from parlour.ui.assets import asset_url
from parlour.ui.loader import LOADER, LOADER_SOURCE
from parlour.ui.markup import Markup
from parlour.ui.timeline import LIST_BREAK, render_timeline

CSP = (
    f"default-src 'none'; script-src 'self' {LOADER_SOURCE}; style-src 'self'; img-src 'self'; connect-src 'self';"
    " manifest-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
"""The Content-Security-Policy of every page made here: our own files, sockets and the loader by its hash, no HTML ever
made from strings."""


@dataclass(frozen=True, slots=True)
class RoomPage:
    """What a room's page shows. Everything is plain text: escaping is done here.

    `events` are consecutive, oldest first; `first_seq` and `head_seq` are the extent of the log. `older` is the
    `before=` of the page before this one, `newer` the `since=` of the page after it: a page with a newer one is a look
    into the past and does not go live. `guest_name` is what the server calls a guest without a name, `name` what this
    one chose. `form_key` is the idempotency key of the form: a fresh one, except that the key of a form whose outcome
    is unknown comes back together with its `draft`. `base_url` is what the address of every room begins with, and
    `prefix` the path in it, both without a slash at the end. `rooms` are names and the times of their newest events.
    """

    room: str
    events: Sequence[Event]
    epoch: str
    first_seq: int
    head_seq: int
    guest_name: str
    form_key: str
    base_url: str
    can_post: bool
    prefix: str = ""
    error: str | None = None
    draft: str = ""
    name: str = ""
    older: int | None = None
    newer: int | None = None
    rooms: Sequence[tuple[str, str]] = ()


def render_room(page: RoomPage, timeline: Markup | None = None) -> bytes:
    """The HTML document of a room, in UTF-8. `timeline` is that of its events, if it has been rendered already."""
    path = _path(page, page.room)
    live = page.newer is None
    body = templates.ROOM(
        room=page.room,
        path=path,
        prefix=page.prefix,
        epoch=page.epoch,
        first=page.first_seq,
        last=page.events[-1].seq if page.events else page.first_seq - 1,
        live="yes" if live else "no",
        limit=MAX_TEXT_BYTES,
        target="message" if page.can_post else "scroller",
        target_label="writing" if page.can_post else "the messages",
        state="still" if live else "past",
        state_words="Not live." if live else "Reading the past.",
        state_link="Refresh" if live else "Latest messages",
        icon=page.prefix + asset_url("icon.svg"),
        rooms=_rooms(page),
        go=templates.GO(prefix=page.prefix, typed=""),
        address=f"{page.base_url}/{quote(page.room, safe='')}",
        edge=_edge(page, path),
        timeline=LIST_BREAK.join(render_timeline(page.events, page.prefix)) if timeline is None else timeline,
        newer="" if live else templates.NEWER(path=path, newer=page.newer),
        composer=_composer(page, path) if page.can_post else templates.CLOSED(),
    )
    title = page.room if page.error is None else f"Not sent · {page.room}"
    return _document(title, body, page.prefix, ["room.css", "room.js"])


def render_error(
    status: int,
    title: str,
    detail: str,
    *,
    prefix: str = "",
    home: str | None = "/",
    home_label: str = "Go to the front room",
    again_s: int | None = None,
    typed: str | None = None,
) -> bytes:
    """The HTML document of an error in the same style: `home` is where its one link leads, if it has one.

    After `again_s` seconds the browser loads the same address again, without a script. `typed` is what was asked for
    where a room is chosen, to be mended.
    """
    way = "" if home is None else templates.WAY_HOME(home=home, label=home_label)
    go = "" if typed is None else templates.GO(prefix=prefix, typed=typed)
    again = "" if again_s is None else templates.AGAIN(seconds=again_s)
    body = templates.ERROR(status=status, title=title, detail=detail, again=again, way=way, go=go)
    refresh = "" if again_s is None else templates.REFRESH(seconds=again_s)
    return _document(title, body, prefix, ["room.css"], refresh)


def early(prefix: str) -> bytes:
    """What the `Link` field of a room's page says: a browser may fetch the script while it reads (RFC 8288 §3)."""
    return f"<{prefix}{asset_url('room.js')}>; rel=modulepreload".encode()


def _document(title: str, body: Markup, prefix: str, needed: Sequence[str], further: Markup | str = "") -> bytes:
    loads = {name: templates.SCRIPT if name.endswith(".js") else templates.STYLE for name in needed}
    return templates.DOCUMENT(
        title=title,
        body=body,
        head=Markup().join(load(address=prefix + asset_url(name), loader=LOADER) for name, load in loads.items())
        + further,
        icon=prefix + asset_url("icon.svg"),
        manifest=prefix + asset_url("manifest.webmanifest"),
    ).encode()


def _path(page: RoomPage, room: str) -> str:
    """The path of a room, as the reader's browser asks for it."""
    return f"{page.prefix}/{quote(room, safe='')}"


def _composer(page: RoomPage, path: str) -> Markup:
    return templates.COMPOSER(
        path=path,
        room=page.room,
        key=page.form_key,
        draft=page.draft,
        name=page.name,
        guest_name=page.guest_name,
        error="" if page.error is None else templates.REFUSED(reason=page.error),
    )


def _rooms(page: RoomPage) -> Markup:
    """The list of rooms; the one that is shown is in it always, also before its first message."""
    rooms: list[tuple[str, str | None]] = [*page.rooms]
    if page.room not in dict(rooms):
        rooms.insert(0, (page.room, page.events[-1].at if page.events else None))
    items = Markup("\n").join(
        templates.ROOMS_ITEM(
            path=_path(page, room),
            room=room,
            current=Markup(' aria-current="page"') if room == page.room else "",
            when=_when(active_at),
        )
        for room, active_at in rooms
    )
    return templates.ROOMS(items=items)


def _when(active_at: str | None) -> Markup:
    if active_at is None:
        return Markup("<time></time>")
    at = datetime.fromisoformat(active_at).astimezone(UTC)
    return templates.ROOMS_TIME(at=active_at, full=f"{at:%Y-%m-%d %H:%M:%S}", short=f"{at.day} {at:%b}, {at:%H:%M}")


def _edge(page: RoomPage, path: str) -> Markup:
    """What stands above the messages: the way to older ones, or that there are none."""
    if page.older is not None:
        return templates.OLDER(path=path, older=page.older)
    if page.events:
        return templates.START(room=page.room)
    return templates.EMPTY() if page.head_seq == 0 else Markup()
