"""The ways a server dies in these tests: killed after a while, or by strace at one exact system call of its life.

The server knows nothing of it: strace attaches to the running process and delivers SIGKILL, or the error of a failing
disk, when a thread enters its N-th call of a kind. What that call would have done has then not happened, and all that
came before it has.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.fault.load import Load
from tests.support import raw
from tests.support.server import ServerProcess

EXIT_STORAGE_FAILED = 74
ATTACH_S = 10

DATABASE = "parlour.db"
"""The file that is written when the log is moved into it, and at no other time."""


class Death(Protocol):
    """How one life of the server ends."""

    async def strike(self, server: ServerProcess, load: Load) -> None:
        """End the server under load; when this returns, the process is gone."""


@dataclass(frozen=True)
class After:
    """SIGKILL after some seconds."""

    seconds: float

    async def strike(self, server: ServerProcess, load: Load) -> None:
        """See `Death`."""
        await asyncio.sleep(self.seconds)
        await asyncio.to_thread(server.kill)


@dataclass(frozen=True)
class At:
    """SIGKILL, or an error of the system, at the `count`-th call of `syscall` from now; on the file `path` if given."""

    syscall: str
    count: int
    path: str = ""
    error: str = ""

    async def strike(self, server: ServerProcess, load: Load) -> None:
        """See `Death`."""
        path = server.data / self.path if self.path else None
        with injecting(server.pid, f"{self.syscall}:{self.effect}:when={self.count}", path):
            ended = asyncio.create_task(asyncio.to_thread(server.wait))
            if self.path == DATABASE:
                await asyncio.to_thread(_fill, server.port)
            code = await ended
        expected = EXIT_STORAGE_FAILED if self.error else -signal.SIGKILL
        assert code == expected, f"{self}: the server ended with {code}\n{server.log}"

    @property
    def effect(self) -> str:
        """What strace does."""
        return f"error={self.error}" if self.error else "signal=KILL"


@contextmanager
def injecting(pid: int, fault: str, path: Path | None = None) -> Iterator[None]:
    """Inject a fault into all threads of a process, as long as it lives and the context lasts."""
    command = ["strace", "-f", "-o", "/dev/null", "-p", str(pid), *_options(fault, path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        attached = strace.stderr.readline()
        assert "attached" in attached, f"strace did not attach: {attached}"
        try:
            yield
        finally:
            strace.terminate()


def start_under(fault: str, path: Path | None, command: Sequence[str]) -> list[str]:
    """The command that starts a command with a fault in it."""
    return ["strace", "-f", "-qq", "-o", "/dev/null", *_options(fault, path), *command]


def _fill(port: int) -> None:
    """Post large texts to a room of their own until the server is gone: every 8 MB the log is moved."""
    with suppress(OSError):
        while raw.exchange(port, raw.post("/filler", b"x" * 60_000, "Connection: close")):
            pass


def _options(fault: str, path: Path | None) -> list[str]:
    # -P takes a path as the process knows it, symbolic links resolved.
    where = ["-P", str(path.resolve())] if path is not None else []
    return ["-e", f"trace={fault.partition(':')[0]}", "-e", f"inject={fault}", *where]


async def live_through(server: ServerProcess, load: Load, deaths: Sequence[Death]) -> float:
    """Let the server die so, each time under load, and start it again. Returns the seconds of the slowest start."""
    slowest = 0.0
    for death in deaths:
        await load.until_acks(1)
        await death.strike(server, load)
        load.shared.is_up.clear()
        began = time.monotonic()
        await asyncio.to_thread(server.start)
        slowest = max(slowest, time.monotonic() - began)
        load.shared.is_up.set()
    return slowest
