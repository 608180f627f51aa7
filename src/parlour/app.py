"""The one place that knows which parts are plugged together, and in which order they start and stop."""

from __future__ import annotations

import asyncio
import logging
import re
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from parlour.api.application import Api
from parlour.api.context import Context
from parlour.api.shown_once import ShownOnce
from parlour.chat.audit import Audit
from parlour.chat.digests import Digests
from parlour.chat.guest_marks import GuestMarks
from parlour.chat.guests import Guests
from parlour.chat.inbox import Inbox
from parlour.chat.members import Members
from parlour.chat.mentions import Mentions
from parlour.chat.new_rooms import NewRooms
from parlour.chat.open_reports import OpenReports
from parlour.chat.passes import PassRates
from parlour.chat.passwords import HASHES_BURST, HASHES_PER_S, Passwords
from parlour.chat.people import people_of
from parlour.chat.policies import Policies
from parlour.chat.ports import Relay, Store
from parlour.chat.posting import Posting, Rates
from parlour.chat.redactions import Redactions
from parlour.chat.registrations import RegistrationRates
from parlour.chat.reports import Reports
from parlour.chat.restrictions import Restrictions
from parlour.chat.rooms import Rooms
from parlour.chat.tickets import Tickets
from parlour.clock import SystemClock, SystemIds
from parlour.config import Settings
from parlour.core.addresses import AddressBuckets, AddressCounts
from parlour.core.errors import Refusal
from parlour.core.limits import Limits
from parlour.core.mail_server_address import parse_mail_server
from parlour.core.relay_address import without_secret
from parlour.core.secret import SECRET_PATHS
from parlour.core.store_address import without_password
from parlour.http.compression import Compressor
from parlour.http.request import OPERATOR_ADDRESS, Site
from parlour.http.throttle import Throttle
from parlour.hub.account_logs import AccountLogs
from parlour.hub.door import Door
from parlour.hub.hub import Hub
from parlour.hub.inbox_feed import InboxFeed
from parlour.hub.presence import Presences
from parlour.hub.reports_feed import ReportsFeed
from parlour.hub.resources import Tuning
from parlour.hub.server_log import ServerLog
from parlour.log import event
from parlour.net.deadlines import Wheel
from parlour.net.drain import Drain
from parlour.net.fanout import FanOut
from parlour.net.http import HttpConnection
from parlour.net.large import ALL_BYTES, LargeAnswers
from parlour.net.listener import Listener, Opened, accept_on, open_listeners
from parlour.net.operator_socket import operator_socket
from parlour.net.proxies import TrustedProxies
from parlour.net.server import LINGERING, Server
from parlour.net.stream import access_changed
from parlour.net.tls import ServerTls
from parlour.net.tls_port import TlsPortConnection
from parlour.providers_file import read_providers
from parlour.relay.local import LocalRelay
from parlour.store.errors import Damaged, StoreError
from parlour.store.memory import MemoryStore
from parlour.store.sqlite.directory import DATABASE, hold_directory
from parlour.store.sqlite.store import SqliteStore
from parlour.store.sqlite.tuning import DEFAULT, SqliteTuning
from parlour.version import __version__
from parlour.work.erasing import Erasing
from parlour.work.expiry import Expiry
from parlour.work.follower import forget
from parlour.work.retention import Retention

if TYPE_CHECKING:
    from parlour.oidc.client import ProviderClient

_log = logging.getLogger("parlour")

_SECRET_LINK = re.compile(rf"({'|'.join(SECRET_PATHS)}).+")

DESCRIPTORS_SHARE = 0.8
"""Of the descriptors a process may have, connections take at most this part; the rest is for files and accepting."""

DESCRIPTORS_KEPT = 64
"""Descriptors for the database, its files while they are checked, and the loop: about 30 are in use when nobody is
connected. If none were left for accepting, the listening socket would be lost."""

ADDRESS_SHARE = 0.5
"""Of the connections that the server can hold, one address has at most this part, whatever the setting says."""


@dataclass(slots=True)
class App:
    """A running server. Made by `start`, ended by `stop`."""

    settings: Settings
    context: Context
    server: Server
    rates: Rates | None
    compressor: Compressor
    erasing: Erasing
    expiry: Expiry
    tls: ServerTls | None
    listeners: list[Listener]
    sockets: ExitStack = field(default_factory=ExitStack)
    """Closes what accepts connections."""
    parts: AsyncExitStack = field(default_factory=AsyncExitStack)
    """Closes everything else."""

    @property
    def urls(self) -> list[str]:
        """Where it listens, port 0 resolved."""
        return [listener.address("https" if self.tls else "http") for listener in self.listeners]

    async def stop(self, seconds: float | None = None) -> int:
        """Drain, then close everything. Returns how many connections had to be cut off."""
        left = await self.server.drain.run(self._begin_stop, self.server.limits.drain_s if seconds is None else seconds)
        await self.parts.aclose()
        return left

    def _begin_stop(self) -> None:
        self.sockets.close()
        self.context.hub.end_waits()  # a long-poll would hold the stop for as long as it may wait

    def sizes(self) -> dict[str, int]:
        """How much there is of everything that can grow (for SIGUSR1)."""
        context = self.context
        sizes = {
            **self.server.sizes(),
            **context.hub.sizes(),
            **context.inbox_feed.sizes(),
            **context.presences.sizes(),
            **context.new_rooms.sizes(),
            **context.people.identities.sizes(),
            **context.people.emails.sizes(),
            **context.reports.sizes(),
            "open_reports": len(context.open_reports),
            "blocks": context.people.blocks.count(),
            "bans": len(context.people.bans),
            "passes_known": len(context.people.known_passes),
            "shown_once": len(context.shown_once),
            "rooms_with_policy": len(context.policies.all()),
        }
        if self.rates is not None and context.reads is not None and context.places is not None:
            sizes |= {**self.rates.sizes(), "rates_of_reading": len(context.reads), "places": context.places.total}
        return sizes


async def start(
    settings: Settings,
    on_fatal: Callable[[BaseException], None],
    *,
    opened: Opened | None = None,
    tuning: Tuning | None = None,
    sqlite_tuning: SqliteTuning = DEFAULT,
) -> App:
    """Build the object graph and accept connections.

    `on_fatal` is called when messages can no longer be stored: the process should end. `opened` is what it accepts
    connections on if its supervisor has opened that, and holds the data directory too. `tuning` is that of the hub,
    `sqlite_tuning` that of the embedded store. Raises StoreError, ListenError and TlsError, each with a text for the
    person who started it; then nothing is left open.
    """
    tls = ServerTls(settings.tls_cert, settings.tls_key) if settings.tls_cert and settings.tls_key else None
    async with AsyncExitStack() as parts:  # closes what was opened, should a later step fail
        sockets = parts.enter_context(ExitStack())
        listeners, operator = opened or (open_listeners(settings.host, settings.port, settings.unix_socket), None)
        for listener in listeners:
            sockets.callback(listener.close)
        if opened is None and settings.store not in ("sqlite", "memory"):  # the directory is for the operator's socket
            sockets.callback(hold_directory(settings.data).release)
        relay = _make_relay(settings)
        parts.push_async_callback(relay.close)
        store = await _open_store(settings, relay, on_fatal, sqlite_tuning)
        parts.push_async_callback(store.close)
        if opened is None and settings.store != "memory":
            operator = operator_socket(settings.data)
        if operator is not None:
            sockets.callback(operator.close)
        hashes = AddressBuckets(HASHES_PER_S, HASHES_BURST) if settings.rate_limits else None
        passwords = Passwords(wait=lambda key: 0.0 if hashes is None else hashes.take(key, SystemClock().monotonic()))
        parts.callback(passwords.close)
        app = _build(settings, store, relay, passwords, tls, listeners, tuning)
        parts.callback(app.compressor.close)
        parts.push_async_callback(app.context.hub.close)
        parts.callback(app.context.presences.close)
        parts.callback(app.context.people.inbox_settings.close)
        for provider in app.context.providers.values():
            parts.push_async_callback(provider.close)
        parts.push_async_callback(app.context.inbox_feed.close)
        await _load_people(app.context, settings)
        relay.start(store.secret)
        store.follow()
        app.server.wheel.start(app.server.loop)
        parts.callback(app.server.wheel.stop)
        plain = partial(HttpConnection, app.server)
        tcp = plain if tls is None else partial(TlsPortConnection, app.server, tls.context)
        for listener in listeners:
            sockets.callback((await accept_on(listener, tcp if listener.path is None else plain)).close)
        if operator is not None:
            sockets.callback((await accept_on(operator, partial(plain, OPERATOR_ADDRESS))).close)
        await _keep_retention(settings, store, parts)
        _send_mail(settings, app.context, parts)
        parts.callback(asyncio.get_running_loop().create_task(app.expiry.run()).cancel)
        parts.callback(asyncio.get_running_loop().create_task(app.erasing.run()).cancel)
        app.sockets, app.parts = sockets, parts.pop_all()
    return app


async def _keep_retention(settings: Settings, store: Store, parts: AsyncExitStack) -> None:
    """Begin to remove old messages, or forget how far an earlier process had come with it."""
    if settings.retention_days:
        retention = Retention(store, settings.retention_days, SystemClock())
        parts.callback(asyncio.get_running_loop().create_task(retention.run()).cancel)
    else:
        with suppress(Refusal):  # a full disk: the next start does it
            await store.run(forget(Retention.NAME))


def _send_mail(settings: Settings, context: Context, parts: AsyncExitStack) -> None:
    """Begin to send what is in the outbox, where there is a mail server. Raises StoreError."""
    if settings.mail is None or settings.mail_from is None or settings.public_url is None:
        return
    from parlour.work.mailing import From, Mailing  # here: their libraries are for those who use them
    from parlour.work.smtp import Smtp

    server = parse_mail_server(settings.mail)
    try:
        post = Smtp(server, urlsplit(settings.public_url).hostname or "localhost")
    except OSError as error:  # ssl.SSLError is one
        raise StoreError(f"The certificates for the mail server cannot be read: {error}.") from error
    people, sender = context.people, From.read(settings.mail_from)
    mailing = Mailing(
        context.store, SystemClock(), people.mails, people.emails, context.digests, post, settings.public_url, sender
    )
    parts.callback(asyncio.get_running_loop().create_task(mailing.run()).cancel)


def _make_relay(settings: Settings) -> Relay:
    """What tells other nodes, where there can be some. Raises StoreError."""
    if settings.store in ("sqlite", "memory"):
        return LocalRelay()
    if settings.relay == "notify":
        from parlour.relay.notify import NotifyRelay  # here: the libraries are for those who use them

        return NotifyRelay(settings.store, SystemIds().token())
    from parlour.relay.nats import NatsRelay

    try:
        return NatsRelay(settings.relay)
    except OSError as error:  # ssl.SSLError is one
        raise StoreError(f"The certificates for {without_secret(settings.relay)} cannot be read: {error}.") from error


async def _open_store(
    settings: Settings, relay: Relay, on_fatal: Callable[[BaseException], None], sqlite_tuning: SqliteTuning
) -> Store:
    clock, ids = SystemClock(), SystemIds()
    if settings.store == "memory":
        return MemoryStore(clock, ids)
    if settings.store != "sqlite":
        from parlour.store.postgres.store import PostgresStore  # here: its library is for those who use it

        return await PostgresStore.open(settings.store, relay=relay, clock=clock, ids=ids, on_fatal=on_fatal)
    return await SqliteStore.open(settings.data, clock=clock, ids=ids, on_fatal=on_fatal, tuning=sqlite_tuning)


async def _load_people(context: Context, settings: Settings) -> None:
    """Read who has an account, and what rooms are: without knowing that, nobody may be let in. Raises Damaged."""
    place = settings.data / DATABASE if settings.store == "sqlite" else without_password(settings.store)
    what = "accounts"
    try:
        await context.people.load()
        await context.open_reports.load()
        what = "members of rooms"
        context.policies.load(await context.store.policies())
        what = "settings"
        await context.people.settings.load()
        what = "log of the server"
        await context.audit.fill()
    except Refusal as refusal:
        advice = "run `parlour check`, or restore a backup" if settings.store == "sqlite" else "is it there?"
        raise Damaged(f"The {what} in {place} cannot be read: {advice}.") from refusal


def _build(
    settings: Settings,
    store: Store,
    relay: Relay,
    passwords: Passwords,
    tls: ServerTls | None,
    listeners: list[Listener],
    tuning: Tuning | None,
) -> App:
    """Everything between the store and the sockets."""
    clock, ids, limits = SystemClock(), SystemIds(), _limits(settings)
    fan_out = FanOut()
    hub = Hub(store, fan_out.make_write, tuning, relay)
    marks = GuestMarks(store.secret)
    policies = Policies(settings.access, marks, clock.now_ms)
    door = Door(hub, policies)
    registrations = RegistrationRates(limits) if settings.rate_limits else None
    pass_rates = PassRates(limits) if settings.rate_limits else None
    has_mail = settings.mail is not None
    people = people_of(
        *(store, clock, ids, policies, passwords, registrations, pass_rates),
        has_mail=has_mail,
        marks=marks,
        proxy_makes_accounts=settings.trusted_user_accounts,
    )
    tickets = Tickets(store, clock, ids, people.identities)
    erasing = Erasing(store, people.deletions)
    expiry = Expiry(store, people.identities, clock)
    open_reports = OpenReports(store, policies, people.identities.accounts)
    listeners_of_log = [
        *(people.bans.changed, open_reports.changed),
        *(people.identities.changed, people.known_passes.changed, people.blocks.changed),
        *(erasing.changed, expiry.changed),
    ]
    store.on_commit(ServerLog(listeners_of_log, people.settings.changed).committed)
    store.on_commit(AccountLogs(people.inbox_settings.changed).committed)
    store.on_commit(door.committed)
    store.on_commit(hub.deliver)
    inbox = Inbox(store, policies)
    digests = Digests(store, clock, policies, people.identities, people.directs, inbox, people.mails)
    reports_feed = ReportsFeed(open_reports, people.identities.current)
    feed = InboxFeed(store, policies, inbox, people.directs.address, reports_feed)
    store.on_commit(feed.committed)
    store.on_redact(feed.redacted)
    store.on_trim(feed.trimmed)
    store.on_head(feed.head_moved)
    store.on_policy(policies.learn)
    store.on_head(hub.head_moved)
    store.on_head(people.inbox_settings.head_moved)
    store.on_trim(hub.trim)
    store.on_redact(hub.redact)
    wheel = Wheel(clock.monotonic)
    drain = Drain(ids.fraction, limits.reconnect_spread_s)
    guests = Guests(store.secret, people.identities.accounts.is_taken)
    rates = Rates(limits) if settings.rate_limits else None
    reads = AddressBuckets(limits.history_ms_per_s, limits.history_burst_ms) if settings.rate_limits else None
    places = AddressCounts(limits.address_streams) if settings.rate_limits else None
    new_rooms = NewRooms(limits)
    elsewhere = relay if store.is_shared else None
    presences = Presences(hub, guests, clock, people.identities.current, ids.token(), elsewhere)
    is_blocked = people.blocks.is_blocked
    mentions = Mentions(people.identities, policies, people.inbox_settings, is_blocked, presences.accounts_in)
    posting = Posting(store, guests, clock, policies, rates, new_rooms, people.directs, marks, mentions)
    restrictions = Restrictions(store, clock, ids, policies, marks)
    context = Context(
        store=store,
        hub=hub,
        door=door,
        posting=posting,
        redactions=Redactions(store, guests, policies),
        guests=guests,
        clock=clock,
        ids=ids,
        limits=limits,
        policies=policies,
        people=people,
        tickets=tickets,
        inbox=inbox,
        digests=digests,
        inbox_feed=feed,
        directs=people.directs,
        providers=_providers(settings),
        shown_once=ShownOnce(clock, ids, store.is_shared),
        rooms=Rooms(store, ids, policies),
        members=Members(store, policies),
        audit=Audit(store, policies),
        open_reports=open_reports,
        reports=Reports(store, clock, ids, policies, guests, limits=settings.rate_limits),
        restrictions=restrictions,
        presences=presences,
        new_rooms=new_rooms,
        reads=reads,
        places=places,
        allowed_origins=frozenset(settings.allowed_origins),
        hosts=_hosts(settings, listeners),
        own_url=listeners[0].address("https" if tls else "http"),
        hsts_seconds=settings.hsts_seconds,
        draining=lambda: drain.is_draining,
        throttle=Throttle(),
        version=__version__,
    )
    compressor = Compressor()
    server = _server(settings, context, wheel, drain, fan_out, compressor)
    people.settings.on_access = people.bans.on_change = lambda: _access_changed(drain, hub)
    return App(settings, context, server, rates, compressor, erasing, expiry, tls, listeners)


def _providers(settings: Settings) -> Mapping[str, ProviderClient]:
    """The sign-in providers, by their ids. Raises ProvidersError."""
    if settings.sign_in_providers is None or settings.public_url is None:
        return {}
    from parlour.oidc.client import ProviderClient  # here: its libraries are for those who use them

    clock = SystemClock()
    return {
        each.id: ProviderClient(
            each, f"{settings.public_url}/auth/{each.id}/callback", lambda: clock.now_ms() / 1000, clock.monotonic
        )
        for each in read_providers(settings.sign_in_providers)
    }


def _access_changed(drain: Drain, hub: Hub) -> None:
    """Have everybody out who may not be here any more: it is rare, so guests are in no list and all are asked."""
    access_changed(drain.connections)
    hub.judge_waits()


def _limits(settings: Settings) -> Limits:
    """The limits in force on this machine."""
    limits = settings.limits
    share = max(1, int(_max_connections() * ADDRESS_SHARE))
    return replace(
        limits,
        address_connections=min(limits.address_connections, share),
        address_streams=min(limits.address_streams, share),
    )


def _server(
    settings: Settings, context: Context, wheel: Wheel, drain: Drain, fan_out: FanOut, compressor: Compressor
) -> Server:
    site = None
    if settings.public_url is not None:
        url = urlsplit(settings.public_url)
        site = Site(f"{url.scheme}://{url.netloc}", url.path)
    return Server(
        application=Api(context, compressor, "" if site is None else site.prefix),
        wheel=wheel,
        drain=drain,
        limits=context.limits,
        proxies=TrustedProxies(settings.trusted_proxies),
        max_connections=_max_connections(),
        limit_addresses=settings.rate_limits,
        on_answer=_log_answer if settings.access_log else None,
        fan_out=fan_out,
        throttle=context.throttle,
        large=LargeAnswers() if settings.rate_limits else LargeAnswers(of_client=ALL_BYTES),
        site=site,
        user_field=None if settings.trusted_user_header is None else settings.trusted_user_header.lower().encode(),
    )


def _hosts(settings: Settings, listeners: Sequence[Listener]) -> frozenset[str] | None:
    """The names to answer to; None for all.

    A page of any site can have its own name resolve to 127.0.0.1 and then read and write what listens there (DNS
    rebinding). A server that only this machine can reach therefore answers to the machine's own names alone.
    """
    public: frozenset[str] = frozenset()
    if settings.public_url is not None:
        public = frozenset({urlsplit(settings.public_url).hostname or ""})
    if settings.allowed_hosts:
        return None if "*" in settings.allowed_hosts else public.union(settings.allowed_hosts)
    if settings.trusted_proxies or not all(listener.is_loopback for listener in listeners):
        return None
    return public


def _max_connections() -> int:
    """What the limit of descriptors leaves for connections."""
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if descriptors == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(1, min(int(descriptors * DESCRIPTORS_SHARE), descriptors - DESCRIPTORS_KEPT - LINGERING))


def _log_answer(method: str, path: str, status: int, seconds: float, address: str) -> None:
    """One line an answer: no bodies, no query (it may hold what a person typed), no credentials, no secret link."""
    shown = _SECRET_LINK.sub(r"\1…", path)
    event(_log, "request", method=method, path=shown, status=status, ms=round(seconds * 1000, 1), address=address)
