"""The `Context` that every handler finds as `self.context`: store, door, verbs, limits; `app` fills it in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from parlour.api.shown_once import ShownOnce
from parlour.chat.audit import Audit
from parlour.chat.digests import Digests
from parlour.chat.directs import Directs
from parlour.chat.guests import Guests
from parlour.chat.inbox import Inbox
from parlour.chat.members import Members
from parlour.chat.new_rooms import NewRooms
from parlour.chat.open_reports import OpenReports
from parlour.chat.people import People
from parlour.chat.policies import Policies
from parlour.chat.ports import Clock, Ids, Store
from parlour.chat.posting import Posting
from parlour.chat.redactions import Redactions
from parlour.chat.reports import Reports
from parlour.chat.restrictions import Restrictions
from parlour.chat.rooms import Rooms
from parlour.chat.tickets import Tickets
from parlour.core.addresses import AddressBuckets, AddressCounts
from parlour.core.limits import Limits
from parlour.http.throttle import Throttle
from parlour.hub.door import Door
from parlour.hub.hub import Hub
from parlour.hub.inbox_feed import InboxFeed
from parlour.hub.presence import Presences

if TYPE_CHECKING:
    from parlour.oidc.client import ProviderClient  # loaded where there are providers


@dataclass(frozen=True, slots=True)
class Context:
    """The parts that handlers use; nothing in it changes while the server runs."""

    store: Store
    hub: Hub
    door: Door
    posting: Posting
    redactions: Redactions
    guests: Guests
    clock: Clock
    ids: Ids
    limits: Limits
    policies: Policies
    people: People
    tickets: Tickets
    inbox: Inbox
    digests: Digests
    inbox_feed: InboxFeed
    directs: Directs
    shown_once: ShownOnce
    providers: Mapping[str, ProviderClient]
    """The sign-in providers, by their ids, in the order in which people are shown them."""
    rooms: Rooms
    members: Members
    audit: Audit
    reports: Reports
    open_reports: OpenReports
    restrictions: Restrictions
    presences: Presences
    new_rooms: NewRooms
    reads: AddressBuckets | None
    """The milliseconds that reading may take for each address; None without limits."""
    places: AddressCounts | None
    """The streams, WebSockets and waiting long-polls that each address has open; None when nobody is limited."""
    allowed_origins: frozenset[str]
    hosts: frozenset[str] | None
    """Names the server answers to, beside those of the machine itself; None answers to all."""
    own_url: str
    """Where the server listens, for those who have not come by an address of it."""
    draining: Callable[[], bool]
    throttle: Throttle
    version: str
    hsts_seconds: int = 0
    """How long browsers shall use this host over HTTPS only (RFC 6797); 0 says nothing."""
