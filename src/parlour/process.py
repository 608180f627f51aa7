"""The server as a process: signals, exit codes, the banner, and what makes it stay healthy for months."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
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
from parlour.store.ahead import AHEAD_MEANING, AHEAD_MS
from parlour.store.errors import StoreError
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


def run(settings: Settings) -> int:
    """Serve until a signal ends it. Returns the exit code of the process."""
    _raise_descriptor_limit()
    # The loop thread and the writer thread hand the interpreter to each other at every commit; with the default of 5 ms
    # a busy loop would keep the writer waiting for longer than the disk does.
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    try:
        return uvloop.run(_serve(settings), debug=settings.debug)
    except (StoreError, ListenError, TlsError) as error:
        STDERR.write(f"parlour: {error}\n")
        return EXIT_CANNOT_START


async def _serve(settings: Settings) -> int:
    loop = asyncio.get_running_loop()
    signals = _Signals(loop)

    def on_fatal(error: BaseException) -> None:
        event(_log, "storage_failed", ERROR, reason=error, advice="the log is verified at the next start")
        signals.end(EXIT_STORAGE_FAILED)

    gc.set_threshold(_GC_THRESHOLD, 20, 100)  # also during the start: what it reads stays
    app = signals.app = await start(settings, on_fatal)
    if settings.debug:
        watch(loop)
    _tune_collector()
    newest = await _newest_room(app.context.store)  # before anybody who has read the banner writes to one
    _banner(app)
    _say_what_is_ahead(newest)
    code = await signals.ended
    event(_log, "stopping", connections=len(app.server.drain.connections))
    left = await app.stop(0 if code else None)
    event(_log, "stopped", cut_off=left)
    return code


class _Signals:
    """SIGTERM and SIGINT drain, a second one hurries; SIGUSR1 reports. `ended` is the exit code.

    SIGHUP ends a server whose terminal was closed, unless it is ignored at the start, as nohup(1) has it. Otherwise it
    was sent by hand or by a service manager, and the certificate is read again. None of them is deadly during the
    start, which may take a while (a log is verified), and a stop is remembered.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.app: App | None = None
        self.ended: asyncio.Future[int] = loop.create_future()
        self._ends_with_terminal = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and _has_terminal()
        loop.add_signal_handler(signal.SIGTERM, self._stop)
        loop.add_signal_handler(signal.SIGINT, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        loop.add_signal_handler(signal.SIGUSR1, self._report)

    def end(self, code: int) -> None:
        """Have the process end with this exit code, if it is not ending already."""
        if not self.ended.done():
            self.ended.set_result(code)

    def _stop(self) -> None:
        if self.ended.done() and self.app is not None:
            self.app.server.drain.hurry()
        self.end(EXIT_OK)

    def _hang_up(self) -> None:
        tls = None if self.app is None else self.app.tls
        if self._ends_with_terminal and not (tls is not None and _has_terminal()):
            self._stop()
        elif tls is not None:
            tls.reload()

    def _report(self) -> None:
        if self.app is not None:
            report(self.app)


def _has_terminal() -> bool:
    """Whether the process has a controlling terminal; it loses it when that is closed (tty(4))."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


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


def _banner(app: App) -> None:
    """Say where and how, for the person who started it; the first line on standard output is for scripts."""
    settings = app.settings
    _say_what_is_set(app)
    _say_who_may_come(app)
    for url in app.urls:
        STDOUT.write(f"Listening on {url}\n")
    people = app.context.people
    if not people.identities.has_owner() and all(listener.is_loopback for listener in app.listeners):
        link = f"{settings.public_url or app.context.own_url}/join/{people.invitations.first_owner()}"
        STDOUT.write(f"To make this server yours, open {link} (once, within an hour)\n")
    STDOUT.wait_written(_BANNER_S)
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
        if app.context.people.identities.has_owner():
            meaning = "whoever reaches this port may read and write every room; see `parlour admin set access members`"
        event(_log, "open_to_the_network", WARNING, hosts=hosts, meaning=meaning)
    if settings.tls_cert is None and not settings.trusted_proxies:
        meaning = "messages can be read on the way; give --tls-cert and --tls-key, or use a proxy"
        event(_log, "not_encrypted", WARNING, hosts=hosts, meaning=meaning)
