"""The machine on which the simulated server runs: what the program asks of the system, and how its process may end.

The program is started by its own `start`, with every part that decides: connections, API, hub, streams, store, SQLite.
Replaced is only what it asks of the system, name by name in `Machine._replaced`: threads and queues, clocks, chance,
sockets to listen on, and the sync of a directory. The hub is tuned so that few readers make a large room.
"""

from __future__ import annotations

import asyncio
import os
import socket
from asyncio import Future
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import apsw

from parlour import app, clock
from parlour.app import App
from parlour.config import Settings
from parlour.core.limits import Limits
from parlour.hub.resources import Tuning
from parlour.net.listener import Listener
from parlour.process import EXIT_STORAGE_FAILED
from parlour.store.sqlite import database, directory, readers, record, writer
from parlour.store.sqlite.directory import DataDirectory
from parlour.store.sqlite.tuning import DEFAULT, SqliteTuning
from tests.fault import client as fault_client
from tests.fault import readers as fault_readers
from tests.fault import senders as fault_senders
from tests.simulation.disk import Disk
from tests.simulation.loop import SimpleQueue, SimulatedLoop, Thread, World
from tests.simulation.network import Network

Replaced = Sequence[tuple[Any, str, Any]]
"""Modules or classes, a name in each, and what stands there instead."""

EXIT_KILLED = -9

LIMITS = Limits()
TUNING = Tuning(chunk_readers=2, writes_per_slice=1, writes_at_once=3, encoded_at_once=4, costly_write_bytes=75)
"""The few readers of a simulation are a large room, more than one iteration writes to, and costly to encode for."""

BEGIN_MS = 1_795_000_000_000


class SystemOf:
    """What modules of the program take for `time`, `secrets` and `random`. `jumped_ms` is a wall clock gone wrong."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.jumped_ms = 0

    def monotonic(self) -> float:
        return 1000.0 + self._world.now

    def time_ns(self) -> int:
        return (BEGIN_MS + self.jumped_ms) * 1_000_000 + int(self._world.now * 1e9)

    def time(self) -> float:
        return self.time_ns() / 1e9

    def token_urlsafe(self, size: int) -> str:
        return self._world.random.randbytes(size).hex()[: -(-size * 4 // 3)]

    def randbelow(self, end: int) -> int:
        return self._world.random.randrange(end)

    def random(self) -> float:
        return self._world.random.random()


class _Clients(SystemOf):
    """The clock that the history is written by."""

    def monotonic(self) -> float:
        return self._world.now


class _Socket:
    """A listening socket: it has an address."""

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 80

    def close(self) -> None:
        """Nothing is held."""


class Machine:
    """One server after another on the same disk. Used in `with machine.booted():`."""

    def __init__(
        self,
        world: World,
        network: Network,
        disk: Disk,
        replaced: Replaced,
        *,
        tuning: Tuning,
        sqlite_tuning: SqliteTuning = DEFAULT,
        limits: Limits = LIMITS,
    ) -> None:
        self.sqlite_tuning = sqlite_tuning
        self.limits = limits
        self.tuning = tuning
        self.world = world
        self.network = network
        self.disk = disk
        self.system = SystemOf(world)
        self.app: App | None = None
        self.when_started: Callable[[App], object] = lambda _: None
        self.retention_days = 0
        self.errors: list[str] = []
        self.exits: list[int] = []
        self._also_replaced = replaced
        self._loop: SimulatedLoop | None = None
        self._ended: Future[int]
        self._held: list[DataDirectory] = []

    @contextmanager
    def booted(self) -> Iterator[None]:
        """While this is open, the program and the clients see this machine as the system."""
        with patched(self._replaced()):
            try:
                yield
            finally:
                self.kill()
                self.disk.unregister()

    # --- lives ---

    async def live(self, started: Future[App]) -> int:
        """One life of the server, from its start to its end. Returns its exit code. Raises what it cannot start for."""
        loop = self._loop = SimulatedLoop(self.world, self.network, "server")
        ended: Future[int] = asyncio.get_running_loop().create_future()
        self._ended = ended
        self.world.trace("the server starts")
        loop.call_soon(lambda: loop.create_task(self._serve(loop, started, ended)))
        try:
            code = await ended
        finally:
            if not loop.is_dead:
                self.disk.kill()
                self._bury(loop, silent=False)
        self.exits.append(code)
        self.world.trace(f"the server has ended: {code}")
        return code

    async def _serve(self, loop: SimulatedLoop, started: Future[App], ended: Future[int]) -> None:
        """What `parlour.process` does, without signals and banner."""
        code: Future[int] = loop.create_future()

        def on_fatal(error: BaseException) -> None:
            self.world.trace(f"the disk has failed: {error}")
            if not code.done():
                code.set_result(EXIT_STORAGE_FAILED)

        settings = Settings(
            data=self.disk.directory, rate_limits=False, retention_days=self.retention_days, limits=self.limits
        )
        try:
            self.app = running = await app.start(
                settings, on_fatal, tuning=self.tuning, sqlite_tuning=self.sqlite_tuning
            )
            self._stop = code
            self.when_started(running)
            self.world.trace("the server listens")
            started.set_result(running)
            found = await code
            await running.stop(0 if found else None)
        except Exception as error:
            if not ended.done():
                ended.set_exception(error)
        else:
            if not ended.done():
                ended.set_result(found)

    def on_server(self, work: Callable[[App], Coroutine[Any, Any, None]]) -> bool:
        """Have the running server do something, as the program around it would; False if none is running."""
        app, loop = self.app, self._loop
        if app is None or loop is None or loop.is_dead:
            return False
        loop.call_soon(lambda: loop.create_task(work(app)))
        return True

    @property
    def ended(self) -> Future[int]:
        """Resolved when this life of the server ends."""
        return self._ended

    def drain(self) -> None:
        """SIGTERM."""
        if self.app is not None and not self._stop.done():
            self._stop.set_result(0)

    def kill(self, *, power: bool = False) -> None:
        """SIGKILL; or the power fails."""
        loop = self._loop
        if loop is None or loop.is_dead:
            return
        self.world.trace("the power fails" if power else "the server is killed")
        if power:
            self.disk.power_cut()
        else:
            self.disk.kill()
        self._bury(loop, silent=power)
        if not self._ended.done():
            self._ended.set_result(EXIT_KILLED)

    def pause(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after a while."""
        if self._loop is not None:
            self.world.trace(f"the server is stopped for {seconds:.1f} s")
            self._loop.paused_until = max(self._loop.paused_until, self.world.now + seconds)

    @property
    def is_alive(self) -> bool:
        """Whether there is a process."""
        return self._loop is not None and not self._loop.is_dead

    def _bury(self, loop: SimulatedLoop, *, silent: bool) -> None:
        self.app = None
        loop.die()
        self.errors += loop.errors
        for connection in apsw.connections():
            if self.disk.is_ours(connection.filename):
                connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
                connection.close(True)
        for held in self._held:
            os.close(held._lock)  # as the system does for a process that is gone
        self._held.clear()
        self.disk.files.close_all()
        self.network.lose_machine(silent=silent)

    # --- the system ---

    def _replaced(self) -> Replaced:
        system, clients = self.system, _Clients(self.world)
        machine = self

        class Held(DataDirectory):
            def __init__(self, path: Path) -> None:
                super().__init__(path)
                machine._held.append(self)

            def release(self) -> None:
                super().release()
                machine._held.remove(self)

        return [
            (writer, "Thread", Thread),
            (writer, "SimpleQueue", SimpleQueue),
            (readers, "Thread", Thread),
            (readers, "SimpleQueue", SimpleQueue),
            (clock, "time", system),
            (clock, "secrets", system),
            (directory, "sync_directory", self.disk.sync_directory),
            (database, "sync_directory", self.disk.sync_directory),
            (database, "sync_file", self.disk.sync_file),
            (record, "sync_directory", self.disk.sync_directory),
            (record, "os", self.disk.files),
            (database, "DataDirectory", Held),
            (app, "open_listeners", lambda *_: [Listener(cast(socket.socket, _Socket()))]),
            (app, "operator_socket", lambda _: None),
            (fault_client, "time", clients),
            (fault_senders, "time", clients),
            (fault_readers, "time", clients),
            *self._also_replaced,
        ]


@contextmanager
def patched(replaced: Replaced) -> Iterator[None]:
    """Put other values in the place of names of modules or classes, for a while."""
    if not replaced:
        yield
        return
    owner, name, value = replaced[0]
    with patch.object(owner, name, value), patched(replaced[1:]):
        yield
