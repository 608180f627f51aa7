"""The server as a real process: started, stopped gracefully, killed, and started again on the same port and data."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from tests.support.nursery import Forked, nursery
from tests.support.timeout import TIMEOUT_S

ROOT = Path(__file__).resolve().parents[2]


class ServerProcess:
    """`parlour serve` on a free port of 127.0.0.1, with its data in `data` and its standard error in `<data>.log`.

    Limits of rate are off unless `rate_limits` is true, and hashes of passwords cost next to nothing unless
    it is `fresh`: a start by exec, and no fork of tests/support/nursery.py. `options` are further arguments of the
    command. The port of the first start is kept by later ones, so that clients can come back. `under` is a command that
    becomes the server, a fresh one; `stderr` is a descriptor that takes the place of the log file. `changes` are what
    the program is changed by, functions as `module:name`: of one that is not fresh. As a context manager it starts and
    stops.
    """

    def __init__(
        self,
        data: Path,
        *options: str,
        rate_limits: bool = False,
        fresh: bool = False,
        under: Sequence[str] = (),
        stderr: int | None = None,
        changes: Sequence[str] = (),
    ) -> None:
        assert not (changes and (fresh or under)), "a fresh program is as it is"
        self.data = data
        self.log_file = data.with_name(data.name + ".log")
        self.options = options
        self.rate_limits = rate_limits
        self.fresh = fresh or bool(under)
        self.under = under
        self.stderr = stderr
        self.changes = changes
        self.port = 0
        self.process: subprocess.Popen[str] | Forked | None = None

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, **options: Any) -> httpx.Client:
        """A client of it that waits as long as a test does; the options are those of httpx.Client.

        Without `verify` it reads no certificates, which would take 20 ms.
        """
        return httpx.Client(**{"base_url": self.url, "timeout": TIMEOUT_S, "verify": False, **options})

    def operator(self) -> httpx.Client:
        """A client that asks as whoever may open the operator's socket."""
        transport = httpx.HTTPTransport(uds=str(self.data / "operator.sock"), verify=False)
        return httpx.Client(transport=transport, base_url="http://localhost", timeout=TIMEOUT_S)

    @property
    def pid(self) -> int:
        """The id of the running process."""
        assert self.process is not None, "the server is not running"
        return self.process.pid

    @property
    def log(self) -> str:
        """What the server has written to standard error, all starts together."""
        return self.log_file.read_text(encoding="utf-8")

    def start(self) -> ServerProcess:
        """Start it and wait until it accepts connections. Raises AssertionError with its log if it does not."""
        assert self.process is None, "the server is running"
        limits = "on" if self.rate_limits else "off"
        arguments = [
            "serve",
            "--port",
            str(self.port),
            "--data",
            str(self.data),
            "--rate-limits",
            limits,
            *self.options,
        ]
        with self.log_file.open("ab") as log, open(os.devnull) as nothing:
            stderr = log.fileno() if self.stderr is None else self.stderr
            self.process = self._started(arguments, nothing.fileno(), stderr)
        output = self.process.stdout
        assert output is not None
        line = output.readline() if select.select([output], [], [], TIMEOUT_S)[0] else ""
        if not line.startswith("Listening on "):
            self.kill()
            raise AssertionError(f"the server did not start: {line!r}\n{self.log}")
        self.port = int(line.rsplit(":", 1)[1])
        return self

    def _started(self, arguments: list[str], stdin: int, stderr: int) -> subprocess.Popen[str] | Forked:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PARLOUR_")}
        environment = kept | {"PYTHONPATH": str(ROOT / "src")}
        reader, writer = os.pipe()
        stdout = os.fdopen(reader, encoding="utf-8")
        try:
            if not self.fresh:
                return nursery().start(arguments, environment, (stdin, writer, stderr), stdout, self.changes)
            command = [*self.under, sys.executable, "-m", "parlour", *arguments]
            process = subprocess.Popen(command, stdin=stdin, stdout=writer, stderr=stderr, text=True, env=environment)
            process.stdout = stdout
            return process
        finally:
            os.close(writer)

    def stop(self) -> int:
        """Ask it to end (SIGTERM), wait, and give its exit code; nothing happens if it is not running."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would; nothing happens if it is not running."""
        if self.process is not None:
            self.process.kill()
            self.wait()

    def wait(self) -> int:
        """Wait until it has ended by itself and give its exit code (negative: the signal that ended it)."""
        assert self.process is not None, "the server is not running"
        process, self.process = self.process, None
        try:
            return process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the server did not stop in {TIMEOUT_S} s\n{self.log}") from None
        finally:
            if process.stdout is not None:
                process.stdout.close()

    def restart(self) -> ServerProcess:
        """Stop it gracefully and start it again."""
        assert self.stop() == 0, self.log
        return self.start()

    def __enter__(self) -> ServerProcess:
        return self.start() if self.process is None else self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        code = self.stop()
        assert kind is not None or code == 0, f"the server ended with {code}\n{self.log}"


def own_kb(pid: int) -> int:
    """The private memory of a process, without mapped files: its part of those grows when another process ends.

    The server has to be a fresh one, which shares its memory with no other.
    """
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss_Anon:"):
            return int(line.split()[1])
    raise AssertionError("no Pss_Anon")
