"""The pages as a browser gets them: complete without scripts, and what the script needs to go live from there."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from hashlib import sha256
from importlib.resources import files
from typing import Literal, NamedTuple
from urllib.parse import quote

from jinja2 import DictLoader, Environment, StrictUndefined, Template

from parlour.core.accounts import Account
from parlour.core.errors import Refusal
from parlour.core.event import Author
from parlour.core.guest_links import GuestPass
from parlour.core.payloads import RoomRole
from parlour.core.policy import NO_POLICY, Policy
from parlour.core.text import MAX_TEXT_BYTES
from parlour.schema.events import Event
from parlour.schema.json_line import encode
from parlour.ui.assets import asset_url
from parlour.ui.timeline import HUE_NAMES, hue, initial, timeline
from parlour.ui.times import listed_time

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
    asset_url=asset_url,
    loader=_LOADER,
    limit=MAX_TEXT_BYTES,
    hue=hue,
    hue_names=HUE_NAMES,
    initial=initial,
)
_ENVIRONMENT.filters["moment"] = lambda text, zone: datetime.fromisoformat(text).astimezone(zone)
_ENVIRONMENT.filters["in_list"] = listed_time
_ENVIRONMENT.filters["segment"] = lambda text: quote(text, safe="@")  # a + would be a space behind `next=`

TEMPLATE_NAMES = frozenset(_FILES)


def template(name: str) -> Template:
    """The template in a file of `pages/`, compiled when it is first asked for: all of them would double the start.

    Every value is escaped, and a missing one is an error.
    """
    return _ENVIRONMENT.get_template(name)


CANNOT_POST = "You can read this room, but only members may write in it."

_LOADER_HASH = b64encode(sha256(_LOADER.encode()).digest()).decode()
CSP = (
    f"default-src 'none'; script-src 'self' 'sha256-{_LOADER_HASH}'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none';"
    " frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""The Content-Security-Policy of every page: our own files and sockets, the loader, no HTML made from strings."""


SECTIONS = {"favourites": "Favourites", "rooms": "Rooms", "direct": "Direct"}
"""The sections of the list at the side, in their order, with what people call them; one without a room is left out."""

SectionName = Literal["favourites", "rooms", "direct"]


class ListedRoom(NamedTuple):
    """A room in the list at the side; `active_at` is the time of its newest event, None if it has none.

    What it needs of the reader: `is_unread` makes it bold, `mentions` is the number of messages for them (mentions,
    direct messages), `is_muted` makes it faint.
    """

    room: str
    active_at: str | None
    title: str = ""
    is_private: bool = False
    section: SectionName = "rooms"
    is_unread: bool = False
    mentions: int = 0
    is_muted: bool = False

    @property
    def classes(self) -> str:
        """The classes of its item."""
        names = {"unread": self.is_unread, "counted": self.mentions > 0, "muted": self.is_muted}
        return " ".join(name for name, is_so in names.items() if is_so)


class Section(NamedTuple):
    """A part of the list at the side."""

    name: str
    title: str
    rooms: Sequence[ListedRoom]


@dataclass(frozen=True, slots=True)
class RoomPage:
    """The contents of a room's page. Everything is plain text: the template escapes it.

    `events` are consecutive, oldest first; `first_seq` and `head_seq` are the extent of the log. `older` is the
    `before=` of the page before this one, `newer` the `since=` of the page after it: a page with a newer one is a look
    into the past and does not go live. `guest_name` is what the server calls a guest without a name, `name` what this
    one chose. `form_key` is the idempotency key of the form: a fresh one, except that the key of a form whose outcome
    is unknown comes back together with its `draft`. `base_url` is what the address of every room begins with, and
    `prefix` the path in it, both without a slash at the end.
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
    may_delete: Callable[[Author], bool] = lambda _: False
    """Whether who looks may delete messages of somebody."""
    may_restrict: Callable[[Author], bool] = lambda _: False
    """Whether who looks may mute or ban somebody."""
    error: str | None = None
    draft: str = ""
    name: str = ""
    older: int | None = None
    newer: int | None = None
    rooms: Sequence[ListedRoom] = ()
    policy: Policy = NO_POLICY
    why_not: str = CANNOT_POST
    """Why one cannot write here, for people, where that is so."""
    to_unblock: Account | None = None
    """Whose block, by who looks, is why."""
    is_writer: bool = True
    """Whether one could write here if the room took what is written."""
    account: Account | None = None
    """Who is signed in."""
    read_seq: int | None = None
    """How far they have read, where something is unread."""
    calls: int = 0
    """The messages for them in all their rooms."""
    quiet_hours: str = ""
    """When nothing is to disturb them (`core.inbox_settings`)."""
    guest_pass: GuestPass | None = None
    """The guest who came by a link."""
    is_open: bool = True
    """Whether guests may read the room: then the command that reads it does not say who one is."""
    open_reports: int = 0
    """How many reports wait for who looks."""
    has_accounts: bool = False
    """Whether one can sign in here."""
    waiting: int | None = None
    """How many guests wait for who looks to let them in; None where nobody comes by a link, or others do that."""
    zone: tzinfo = UTC
    """The time zone of days and times."""

    @property
    def title(self) -> str:
        """The name of the room for people."""
        return self.policy.title or self.room

    @property
    def role(self) -> RoomRole | None:
        """The role in the room of who looks."""
        return self.policy.role_of(None if self.account is None else self.account.id)

    @property
    def can_invite(self) -> bool:
        """Whether who looks may add members, and make links into the room."""
        is_admin = self.account is not None and self.account.has_role("admin")
        return (is_admin or self.role in ("moderator", "owner")) and not self.policy.is_archived

    @property
    def display(self) -> str:
        """The name of who looks, where it is not chosen for each message; empty for any other guest."""
        if self.guest_pass is not None:
            return self.guest_pass.name
        return "" if self.account is None else self.account.display

    @property
    def about(self) -> str:
        """The facts about the room for the script, as JSON; `static/about.js` goes on from there."""
        policy = self.policy
        about = {
            "title": policy.title,
            "topic": policy.topic,
            "access": policy.access,
            "archived": policy.is_archived,
            "readOnly": policy.is_read_only,
            "history": policy.history,
            "members": len(policy.members),
            "role": self.role,
            "isAdmin": self.account is not None and self.account.has_role("admin"),
            "isKeeper": self.account is not None and self.account.has_role("moderator"),
            "isWriter": self.is_writer,
            "whyNot": "" if self.is_writer else self.why_not,
            "display": self.display,
            "isByPass": self.guest_pass is not None,
            "guestName": self.guest_name,
        }
        return encode(about).decode()


def render_room(page: RoomPage) -> Iterator[str]:
    """The HTML document of a room, in pieces of at most some hundred KiB, which are made as they are asked for."""
    address = quote(page.room, safe="@+")
    rooms = page.rooms
    if page.room not in [each.room for each in rooms]:  # it is among them also before its first message
        at = page.events[-1].at if page.events else None
        access = page.policy.access
        section: SectionName = "direct" if access == "direct" else "rooms"
        rooms = [ListedRoom(page.room, at, page.policy.title, access == "private", section), *rooms]
    return template("room.html").generate(
        title=page.title if page.error is None else f"Not sent · {page.title}",
        page=page,
        prefix=page.prefix,
        path=f"{page.prefix}/{address}",
        address=f"{page.base_url}/{address}",
        base_url=page.base_url,
        sections=_sections(rooms),
        timeline=timeline(page.events, page.zone),
        typed="",
        place="" if page.newer is None or not page.events else f"?at={page.events[-1].seq}",
    )


def _sections(rooms: Sequence[ListedRoom]) -> Sequence[Section]:
    found = [Section(name, title, [each for each in rooms if each.section == name]) for name, title in SECTIONS.items()]
    return [section for section in found if section.rooms]


class WaysOut(NamedTuple):
    """The ways on for somebody whom a room or the server keeps out: the list of rooms, and to sign in for `room`."""

    has_rooms: bool
    has_sign_in: bool
    room: str


def render_error(
    refusal: Refusal,
    *,
    prefix: str = "",
    room: str | None = None,
    again_s: int | None = None,
    typed: str | None = None,
    here: str | None = None,
    out: WaysOut | None = None,
) -> bytes:
    """The HTML document of a refusal; its link leads to a room. The browser loads it again after `again_s` seconds.

    `typed` is what was asked for where a room is chosen, to be mended. `here` is the path of what may be open to
    somebody who signs in; then the links lead there by signing in, and to the list of rooms. `out` is in place of the
    link to a room for those who are kept out of it.
    """
    title = "For members only" if refusal.code == "login_required" else refusal.kind.title
    if refusal.code == "banned" and refusal.is_everywhere:
        title = "You may not use this server"
    values = {"title": title, "refusal": refusal, "prefix": prefix, "room": room, "again_s": again_s, "typed": typed}
    return template("error.html").render(values, here=here, out=out).encode()


def early(prefix: str) -> bytes:
    """The `Link` field of a room's page: a browser may fetch the script while it reads (RFC 8288 §3)."""
    return f"<{prefix}{asset_url('room.js')}>; rel=modulepreload".encode()
