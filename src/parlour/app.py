"""The one place that knows which parts are plugged together, and in which order they start and stop."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Callable
from dataclasses import dataclass

from parlour.api.application import Api
from parlour.api.context import Context
from parlour.api.guard import Guard
from parlour.api.pages import Pages
from parlour.api.routes import routes
from parlour.bus.local import LocalBus
from parlour.chat.guests import Guests
from parlour.chat.ports import Store
from parlour.chat.posting import Posting, Rates
from parlour.clock import SystemClock, SystemIds
from parlour.config import Settings
from parlour.core.limits import Buckets
from parlour.http.request import Request
from parlour.http.router import Router
from parlour.hub.hub import Hub
from parlour.log import event
from parlour.net.deadlines import Wheel
from parlour.net.drain import Drain
from parlour.net.listener import Listener, accept_on, open_listeners
from parlour.net.proxies import TrustedProxies
from parlour.net.server import Server
from parlour.net.tls import ServerTls
from parlour.store.memory import MemoryStore
from parlour.store.sqlite import SqliteStore
from parlour.version import __version__

_log = logging.getLogger("parlour")

DESCRIPTORS_SHARE = 0.8
"""Of the descriptors a process may have, connections take at most this part; the rest is for files and accepting."""


@dataclass(slots=True)
class App:
    """A running server. Made by `start`, ended by `stop`."""

    settings: Settings
    store: Store
    hub: Hub
    posting: Posting
    server: Server
    wheel: Wheel
    tls: ServerTls | None
    listeners: list[Listener]
    _accepting: list[asyncio.AbstractServer]

    @property
    def urls(self) -> list[str]:
        """Where it listens, port 0 resolved."""
        return [listener.address("https" if self.tls else "http") for listener in self.listeners]

    def stop_accepting(self) -> None:
        """Refuse new connections; the open ones stay."""
        for accepting in self._accepting:
            accepting.close()
        for listener in self.listeners:
            listener.close()

    async def stop(self, seconds: float | None = None) -> int:
        """Drain, then close everything. Returns how many connections had to be cut off."""
        left = await self.server.drain.run(
            self.stop_accepting, self.settings.drain_seconds if seconds is None else seconds
        )
        self.wheel.stop()
        await self.hub.close()
        await self.store.close()
        return left


async def start(settings: Settings, on_fatal: Callable[[BaseException], None]) -> App:
    """Build the object graph and accept connections.

    `on_fatal` is called when messages can no longer be stored: the process should end. Raises StoreError, ListenError
    and TlsError, each with a text for the person who started it; then nothing is left open.
    """
    clock, ids, limits = SystemClock(), SystemIds(), settings.limits()
    tls = ServerTls(settings.tls_cert, settings.tls_key) if settings.tls_cert and settings.tls_key else None
    listeners = open_listeners(settings.host, settings.port, settings.unix_socket)
    try:
        store: Store
        if settings.store == "memory":
            store = MemoryStore(clock, ids)
        else:
            store = await SqliteStore.open(
                settings.data, clock=clock, ids=ids, on_fatal=on_fatal, retention_days=settings.retention_days
            )
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    bus = LocalBus()
    hub = Hub(store)
    store.on_commit(bus.publish)
    bus.listen(hub.deliver)
    wheel = Wheel(clock.monotonic)
    wheel.start(asyncio.get_running_loop())
    drain = Drain(ids.fraction, limits.reconnect_spread_s)
    guests = Guests(store.secret)
    posting = Posting(
        store, guests, clock, access=settings.access, rates=Rates(limits) if settings.rate_limits else None
    )
    context = Context(
        store=store,
        hub=hub,
        posting=posting,
        guests=guests,
        wheel=wheel,
        clock=clock,
        ids=ids,
        limits=limits,
        access=settings.access,
        reads=Buckets(limits.history_per_s, limits.history_burst) if settings.rate_limits else None,
        allowed_origins=frozenset(settings.allowed_origins),
        draining=lambda: drain.is_draining,
        version=__version__,
    )
    guard = Guard(context)
    pages = Pages(context, guard)
    api = Api(Router(routes(context, guard, pages)), guard, pages, _log_request if settings.access_log else None)
    server = Server(
        api,
        wheel,
        drain,
        limits=limits,
        proxies=TrustedProxies(settings.trusted_proxies) if settings.trusted_proxies else None,
        max_connections=int(resource.getrlimit(resource.RLIMIT_NOFILE)[0] * DESCRIPTORS_SHARE),
        limit_addresses=settings.rate_limits,
    )
    accepting = [await accept_on(listener, server, tls.context if tls else None) for listener in listeners]
    return App(settings, store, hub, posting, server, wheel, tls, listeners, accepting)


def _log_request(request: Request) -> None:
    """One line a request: no bodies, no query (it may hold what a person typed), no credentials."""
    event(_log, "request", method=request.method, path=request.path, address=request.peer.address)
