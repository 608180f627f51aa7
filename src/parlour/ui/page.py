"""The pages as a browser gets them: complete without scripts, and what the script needs to go live from there."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from hashlib import sha256
from importlib.resources import files
from urllib.parse import quote

from jinja2 import DictLoader, Environment, StrictUndefined

from parlour.core.accounts import Account
from parlour.core.errors import Refusal
from parlour.core.text import MAX_TEXT_BYTES
from parlour.schema.events import Event
from parlour.ui.assets import asset_url
from parlour.ui.timeline import HUE_NAMES, hue, initial, timeline

_FILES = {item.name: item.read_text("utf-8") for item in (files(__package__) / "pages").iterdir()}
_LOADER = _FILES.pop("loader.js")
"""The one script inside a page brings in script and style, and asks again for what was refused or lost.

It is inside the page because a request for a file may be refused. The fragment makes another module of the same
address: a browser may remember that the first did not come.
"""

_ENVIRONMENT = Environment(
    loader=DictLoader(_FILES),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_ENVIRONMENT.globals.update(
    asset_url=asset_url, loader=_LOADER, limit=MAX_TEXT_BYTES, hue=hue, hue_names=HUE_NAMES, initial=initial
)
_ENVIRONMENT.filters["moment"] = lambda text, zone: datetime.fromisoformat(text).astimezone(zone)
_ENVIRONMENT.filters["segment"] = lambda text: quote(text, safe="")

TEMPLATES = {name: _ENVIRONMENT.get_template(name) for name in _FILES}
"""File name in `pages/` to template: compiled once; every value is escaped, and a missing one is an error."""

_LOADER_HASH = b64encode(sha256(_LOADER.encode()).digest()).decode()
CSP = (
    f"default-src 'none'; script-src 'self' 'sha256-{_LOADER_HASH}'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none';"
    " frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""The Content-Security-Policy of every page: our own files and sockets, the loader, no HTML made from strings."""


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
    account: Account | None = None
    """Who is signed in."""
    has_accounts: bool = False
    """Whether one can sign in here."""
    zone: tzinfo = UTC
    """The time zone of days and times."""


def render_room(page: RoomPage) -> Iterator[str]:
    """The HTML document of a room, in pieces of at most some hundred KiB, which are made as they are asked for."""
    address = quote(page.room, safe="")
    rooms: Sequence[tuple[str, str | None]] = page.rooms
    if page.room not in dict(page.rooms):  # it is among them also before its first message
        rooms = [(page.room, page.events[-1].at if page.events else None), *rooms]
    return TEMPLATES["room.html"].generate(
        title=page.room if page.error is None else f"Not sent · {page.room}",
        page=page,
        prefix=page.prefix,
        path=f"{page.prefix}/{address}",
        address=f"{page.base_url}/{address}",
        rooms=rooms,
        timeline=timeline(page.events, page.zone),
        typed="",
    )


def render_error(
    refusal: Refusal, *, prefix: str = "", room: str | None = None, again_s: int | None = None, typed: str | None = None
) -> bytes:
    """The HTML document of a refusal; its link leads to a room. The browser loads it again after `again_s` seconds.

    `typed` is what was asked for where a room is chosen, to be mended.
    """
    title = "For members only" if refusal.code == "login_required" else refusal.kind.title
    values = {"title": title, "refusal": refusal, "prefix": prefix, "room": room, "again_s": again_s, "typed": typed}
    return TEMPLATES["error.html"].render(values).encode()


def early(prefix: str) -> bytes:
    """What the `Link` field of a room's page says: a browser may fetch the script while it reads (RFC 8288 §3)."""
    return f"<{prefix}{asset_url('room.js')}>; rel=modulepreload".encode()
