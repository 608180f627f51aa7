"""`--processes N`: starts N nodes on one port, starts those that end again, and passes on what it is told."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

from parlour.chat.invitations import OWNER_MS, FirstOwner
from parlour.clock import SystemClock, SystemIds
from parlour.config import Settings
from parlour.core.limits import share_of
from parlour.log import ERROR, INFO, WARNING, event
from parlour.net.listener import ListenError, Opened, beside, open_listeners
from parlour.net.operator_socket import operator_socket
from parlour.outlet import STDERR, STDOUT
from parlour.signals import listen_to_signals
from parlour.store.errors import StoreError
from parlour.store.sqlite.directory import hold_directory
from parlour.supervised import HURRY, RELOAD, REPORT, STOP, CannotStart, Given, Ready, read_answer

_log = logging.getLogger("parlour")

EXIT_CANNOT_START = 3
"""As of `process.py`, which the supervisor does not import: it needs no server."""

AGAIN_S = (0.0, 1.0, 2.0, 5.0, 10.0)
"""A node that ends is started again after this long: the first time, the second time, …"""

STABLE_S = 60.0
"""One that has served for so long begins with the first time again."""

_TOLD = "told to end"
"""By SIGTERM, to this node alone: that is no failure."""

GRACE_S = 10.0
"""A node that should have ended so long ago stands still, and is killed. What it acknowledged is on disk."""


def run(settings: Settings) -> int:
    """Serve with as many nodes as the settings say until a signal ends it. Returns the exit code of the process."""
    try:
        with _opened(settings) as (opened, sockets):
            return asyncio.run(Supervisor(settings, opened, sockets.close).run())
    except (ListenError, StoreError) as error:
        STDERR.write(f"parlour: {error}\n")
        return EXIT_CANNOT_START


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Opened, ExitStack]]:
    """The sockets with what closes them, and the directory held for as long as this lasts.

    Raises ListenError, StoreError.
    """
    with ExitStack() as stack:
        sockets = stack.enter_context(ExitStack())
        listeners = open_listeners(settings.host, settings.port, settings.unix_socket, hold=True)
        for listener in listeners:
            sockets.callback(listener.close)
        stack.callback(hold_directory(settings.data).release)
        operator = operator_socket(settings.data)
        if operator is not None:
            sockets.callback(operator.close)
        yield Opened(listeners, operator), sockets


class Supervisor:
    """The nodes, each in a task of its own. As `signals.Told` it passes on what it is told."""

    def __init__(self, settings: Settings, opened: Opened, close: Callable[[], None]) -> None:
        """`close` closes what is opened."""
        self._settings, self._opened, self._close = settings, opened, close
        self._shares = replace(settings, limits=share_of(settings.limits, settings.processes))
        self._first_owner = FirstOwner(SystemIds().secret(), SystemClock().now_ms() + OWNER_MS)
        self._running: dict[int, Process] = {}
        self._banners: dict[int, list[str]] = {}
        """Of the first start of each node."""
        self._stopping = asyncio.Event()
        self._code = 0

    async def run(self) -> int:
        """Serve until told to stop, and all nodes have ended. Returns the exit code."""
        listen_to_signals(asyncio.get_running_loop(), self, self._settings.tls_cert is not None)
        async with asyncio.TaskGroup() as group:
            for number in range(1, self._settings.processes + 1):
                group.create_task(self._keep(number))
        return self._code

    def stop(self) -> None:
        """See `Told.stop`."""
        if self._stopping.is_set():
            self._tell(HURRY)
            self._kill_after(GRACE_S)
            return
        self._stopping.set()
        self._close()  # what nodes still accept from, they close themselves
        self._tell(STOP)
        self._kill_after(self._settings.limits.drain_s + GRACE_S)

    def reload(self) -> None:
        """See `Told.reload`."""
        self._tell(RELOAD)

    def report(self) -> None:
        """See `Told.report`."""
        self._tell(REPORT)

    async def _keep(self, number: int) -> None:
        """Have this node run until all stop."""
        failures = 0
        while not self._stopping.is_set():
            began = asyncio.get_running_loop().time()
            try:
                reason = await self._ended(number, await self._start(number))
            except (ListenError, OSError) as error:  # no memory for a process, or the address has left this machine
                reason = str(error)
            if self._stopping.is_set():
                return
            if len(self._banners) < self._settings.processes:
                self._give_up(reason)
                return
            if asyncio.get_running_loop().time() - began > STABLE_S:
                failures = 0
            again_s = 0.0 if reason == _TOLD else AGAIN_S[min(failures, len(AGAIN_S) - 1)]
            failures += reason != _TOLD
            event(_log, "node_ended", INFO if reason == _TOLD else ERROR, node=number, reason=reason, again_s=again_s)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), again_s)

    async def _start(self, number: int) -> Process:
        """Raises ListenError, OSError."""
        with ExitStack() as ours:
            listeners = []
            for held in self._opened.listeners:
                listener = beside(held)
                listeners.append(listener.sock.fileno())
                if listener is not held:
                    ours.callback(listener.close)
            operator = self._opened.operator
            given = Given(
                settings=self._shares,
                number=number,
                speaks=number == 1 and not self._banners,
                first_owner=self._first_owner,
                listeners=tuple(listeners),
                operator=None if operator is None else operator.sock.fileno(),
            )
            passed = [*listeners] if given.operator is None else [*listeners, given.operator]
            node = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "parlour.node"),
                stdin=PIPE,
                stdout=PIPE,
                pass_fds=passed,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            )
        self._running[number] = node
        event(_log, "node_started", node=number, pid=node.pid)
        assert node.stdin is not None
        node.stdin.write(given.packed())
        if self._stopping.is_set():
            self._tell(STOP, node)
        return node

    async def _ended(self, number: int, node: Process) -> str:
        """Wait for the end of a node; gives its reason. What it says before is heard."""
        assert node.stdout is not None
        answer = read_answer(await node.stdout.readline())
        if isinstance(answer, Ready):
            self._ready(number, answer.banner)
        code = await node.wait()
        del self._running[number]
        if self._stopping.is_set() and not isinstance(answer, CannotStart):
            self._code = max(self._code, code)
        if isinstance(answer, CannotStart):
            return answer.reason
        return _TOLD if code == 0 else f"killed by signal {-code}" if code < 0 else f"exit code {code}"

    def _ready(self, number: int, banner: list[str]) -> None:
        """Say where the server listens once all nodes do."""
        is_known = len(self._banners) == self._settings.processes
        self._banners.setdefault(number, banner)
        if not is_known and len(self._banners) == self._settings.processes:
            for line in self._banners[1]:
                STDOUT.write(f"{line}\n")

    def _give_up(self, reason: str) -> None:
        """Nobody has been told that the server runs: end all nodes, and say why."""
        STDERR.write(f"parlour: {reason}\n")
        self._code = EXIT_CANNOT_START
        self.stop()

    def _tell(self, command: bytes, *nodes: Process) -> None:
        for node in nodes or self._running.values():
            assert node.stdin is not None
            node.stdin.write(command + b"\n")

    def _kill_after(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._kill)

    def _kill(self) -> None:
        for number, node in self._running.items():
            event(_log, "node_killed", WARNING, node=number, pid=node.pid, meaning="it did not end by itself")
            node.kill()
