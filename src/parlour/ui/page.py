"""The pages as a browser gets them: complete without scripts, and what the script needs to go live from there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

from parlour.core.text import MAX_TEXT_BYTES
from parlour.schema.events import Event
from parlour.ui.assets import asset_url
from parlour.ui.loader import LOADER, LOADER_SOURCE
from parlour.ui.templates import TEMPLATES
from parlour.ui.timeline import timeline

CSP = (
    f"default-src 'none'; script-src 'self' {LOADER_SOURCE}; style-src 'self'; img-src 'self'; connect-src 'self';"
    " manifest-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
"""The Content-Security-Policy of every page made here: our own files, sockets and the loader by its hash, no HTML ever
made from strings."""


@dataclass(frozen=True, slots=True)
class RoomPage:
    """What a room's page shows. Everything is plain text: the template escapes it.

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

    @property
    def is_live(self) -> bool:
        """Whether the page ends with the newest event."""
        return self.newer is None

    @property
    def last_seq(self) -> int:
        """The seq of the newest event that the page shows."""
        return self.events[-1].seq if self.events else self.first_seq - 1


class _Listed(NamedTuple):
    """A room in the list at the side: `active_at` is None before its first event, the other times are shown (UTC)."""

    name: str
    path: str
    active_at: str | None
    full_time: str = ""
    time: str = ""


def render_room(page: RoomPage) -> Iterator[str]:
    """The HTML document of a room, in pieces of at most some hundred KiB, which are made as they are asked for."""
    address = quote(page.room, safe="")
    return TEMPLATES["room.html"].generate(
        title=page.room if page.error is None else f"Not sent · {page.room}",
        page=page,
        prefix=page.prefix,
        path=f"{page.prefix}/{address}",
        address=f"{page.base_url}/{address}",
        limit=MAX_TEXT_BYTES,
        loader=LOADER,
        rooms=[_listed(page, name, active_at) for name, active_at in _rooms(page)],
        timeline=timeline(page.events, page.prefix),
        typed="",
    )


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
    return (
        TEMPLATES["error.html"]
        .render(
            status=status,
            title=title,
            detail=detail,
            prefix=prefix,
            home=home,
            home_label=home_label,
            again_s=again_s,
            typed=typed,
        )
        .encode()
    )


def early(prefix: str) -> bytes:
    """What the `Link` field of a room's page says: a browser may fetch the script while it reads (RFC 8288 §3)."""
    return f"<{prefix}{asset_url('room.js')}>; rel=modulepreload".encode()


def _rooms(page: RoomPage) -> Sequence[tuple[str, str | None]]:
    """The rooms at the side; the one that is shown is always among them, also before its first message."""
    if page.room in dict(page.rooms):
        return page.rooms
    return [(page.room, page.events[-1].at if page.events else None), *page.rooms]


def _listed(page: RoomPage, name: str, active_at: str | None) -> _Listed:
    path = f"{page.prefix}/{quote(name, safe='')}"
    if active_at is None:
        return _Listed(name, path, None)
    at = datetime.fromisoformat(active_at).astimezone(UTC)
    return _Listed(name, path, active_at, f"{at:%Y-%m-%d %H:%M:%S}", f"{at.day} {at:%b}, {at:%H:%M}")
