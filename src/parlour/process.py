"""The server as a process: signals, exit codes, the banner, and what makes it stay healthy for months."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import sys
from datetime import UTC, datetime

import uvloop

from parlour.app import App, start
from parlour.chat.ports import RoomSummary, Store
from parlour.config import Settings
from parlour.core.errors import Refusal
from parlour.core.store_address import without_password
from parlour.diagnostics import report, watch
from parlour.log import ERROR, WARNING, event
from parlour.net.listener import ListenError
from parlour.net.tls import TlsError
from parlour.outlet import STDERR, STDOUT
from parlour.signals import listen_as_node, listen_to_signals
from parlour.store.ahead import AHEAD_MEANING, AHEAD_MS
from parlour.store.errors import StoreError
from parlour.supervised import Node
from parlour.version import __version__

_log = logging.getLogger("parlour")

EXIT_OK = 0
EXIT_CANNOT_START = 3
EXIT_STORAGE_FAILED = 74
"""EX_IOERR of sysexits.h: the disk failed under a commit. A service manager restarts us and the log is verified."""

_GC_THRESHOLD = 50_000
_SWITCH_INTERVAL_S = 0.0005

_BANNER_S = 0.2
"""How long the log waits for the banner, which should stand above it."""


def run(settings: Settings, node: Node | None = None) -> int:
    """Serve until a signal ends it, or the supervisor of this `node`. Returns the exit code of the process."""
    _raise_descriptor_limit()
    # The loop thread and the writer thread hand the interpreter to each other at every commit; with the default of 5 ms
    # a busy loop would keep the writer waiting for longer than the disk does.
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    try:
        return uvloop.run(_serve(settings, node), debug=settings.debug)
    except (StoreError, ListenError, TlsError) as error:
        if node is None:
            STDERR.write(f"parlour: {error}\n")
        else:
            node.cannot_start(str(error))
        return EXIT_CANNOT_START


async def _serve(settings: Settings, node: Node | None) -> int:
    loop = asyncio.get_running_loop()
    running = _Running(loop)
    if node is None:
        listen_to_signals(loop, running, settings.tls_cert is not None)
    else:
        listen_as_node(loop, running)
        node.listen(loop, running)

    def on_fatal(error: BaseException) -> None:
        event(_log, "storage_failed", ERROR, reason=error, advice="the log is verified at the next start")
        running.end(EXIT_STORAGE_FAILED)

    gc.set_threshold(_GC_THRESHOLD, 20, 100)  # also during the start: what it reads stays
    app = running.app = await start(settings, on_fatal, opened=None if node is None else node.opened)
    if settings.debug:
        watch(loop)
    _tune_collector()
    newest = await _newest_room(app.context.store)  # before anybody who has read the banner writes to one
    if node is None or node.given.speaks:
        _say_what_is_set(app)
        _say_who_may_come(app)
    _show(_banner(app, node), node)
    _say_started(app)
    if node is None or node.given.speaks:
        _say_what_is_ahead(newest)
    code = await running.ended
    event(_log, "stopping", connections=len(app.server.drain.connections))
    left = await app.stop(0 if code else None)
    event(_log, "stopped", cut_off=left)
    return code


class _Running:
    """The server that runs, and what it is told meanwhile (`signals.Told`). `ended` is the exit code.

    A stop during the start, which may take a while (a log is verified), is remembered.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.app: App | None = None
        self.ended: asyncio.Future[int] = loop.create_future()

    def end(self, code: int = EXIT_OK) -> None:
        """Have the process end with this exit code, if it is not ending already."""
        if not self.ended.done():
            self.ended.set_result(code)

    def hurry(self) -> None:
        """End now, and cut off who is connected."""
        self.end()
        if self.app is not None:
            self.app.server.drain.hurry()

    def stop(self) -> None:
        """See `Told.stop`."""
        if self.ended.done():
            self.hurry()
        self.end()

    def reload(self) -> None:
        """See `Told.reload`."""
        if self.app is not None and self.app.tls is not None:
            self.app.tls.reload()

    def report(self) -> None:
        """See `Told.report`."""
        if self.app is not None:
            report(self.app)


def _tune_collector() -> None:
    """Keep the cyclic collector, which runs rarely, away from what lives as long as the process.

    Connections free themselves by reference counting. docs/decisions/0008-garbage-collector.md has the figures.
    """
    gc.collect()
    gc.freeze()


def _raise_descriptor_limit() -> None:
    """Take as many descriptors as the system grants without asking anybody."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _banner(app: App, node: Node | None) -> list[str]:
    """Where and how, for the person who started it; the first line on standard output is for scripts."""
    lines = [f"Listening on {url}" for url in app.urls]
    people = app.context.people
    if not people.identities.accounts.has_owner() and all(listener.is_loopback for listener in app.listeners):
        secret = people.invitations.first_owner(None if node is None else node.given.first_owner)
        link = f"{app.settings.public_url or app.context.own_url}/join/{secret}"
        lines.append(f"To make this server yours, open {link} (once, within an hour)")
    return lines


def _show(banner: list[str], node: Node | None) -> None:
    if node is not None:
        node.is_ready(banner)
        return
    for line in banner:
        STDOUT.write(f"{line}\n")
    STDOUT.wait_written(_BANNER_S)


def _say_started(app: App) -> None:
    settings, people = app.settings, app.context.people
    event(
        _log,
        "started",
        version=__version__,
        store=without_password(settings.store),
        data=None if settings.store == "memory" else settings.data,
        access=people.settings.now.access,
        tls=app.tls is not None,
        fan_out="python" if app.server.fan_out.send is None else "c",
    )
    if settings.store == "memory":
        event(_log, "nothing_is_kept", WARNING, meaning="--store memory forgets all messages at the end")


async def _newest_room(store: Store) -> RoomSummary | None:
    """The room with the newest message, if there is one and the store can say."""
    try:
        return next(iter(await store.rooms(1)), None)
    except Refusal:  # it will be said where it is asked for
        return None


def _say_what_is_ahead(newest: RoomSummary | None) -> None:
    """Name the room whose newest message is ahead of the clock: one of the two has been set wrong."""
    if newest is None:
        return
    ahead_s = (datetime.fromisoformat(newest.active_at) - datetime.now(UTC)).total_seconds()
    if ahead_s * 1000 > AHEAD_MS:
        event(_log, "room_ahead_of_the_clock", WARNING, room=newest.room, ahead_s=int(ahead_s), meaning=AHEAD_MEANING)


def _say_what_is_set(app: App) -> None:
    """Say so where the start asks for another access than somebody has set, which counts."""
    settings, now = app.settings, app.context.people.settings.now
    if settings.access not in (now.access, "open"):
        meaning = "it was set while the server ran, and that counts; `parlour admin set access members` closes it"
        event(
            _log, "option_not_used", WARNING, option=f"--access {settings.access}", access=now.access, meaning=meaning
        )


def _say_who_may_come(app: App) -> None:
    """Warn of what a server that others can reach leaves open; said when it listens, because only then it is true."""
    settings = app.settings
    public = [listener.sock.getsockname()[0] for listener in app.listeners if not listener.is_loopback]
    if not public:
        return
    hosts = ",".join(public)
    if app.context.people.settings.now.access == "open":
        meaning = "whoever reaches this port may read and write every room; --access members closes it to guests"
        if app.context.people.identities.accounts.has_owner():
            meaning = "whoever reaches this port may read and write every room; see `parlour admin set access members`"
        event(_log, "open_to_the_network", WARNING, hosts=hosts, meaning=meaning)
    if settings.tls_cert is None and not settings.trusted_proxies:
        meaning = "messages can be read on the way; give --tls-cert and --tls-key, or use a proxy"
        event(_log, "not_encrypted", WARNING, hosts=hosts, meaning=meaning)
