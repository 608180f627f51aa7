"""Records what a server has the disk do and what it tells its clients, in the order in which the system saw it.

The real server runs under strace from its first instruction to its last: every call that writes, shortens, syncs, makes
or removes a file, and every byte that leaves through a socket. Nothing of the server takes part in it.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.fault.power.operations import Image, Record, Socket
from tests.fault.power.trace import CALLS, Parser
from tests.support.server import ROOT
from tests.support.timeout import TIMEOUT_S

_STRACE = ["strace", "-f", "-qq", "-y", "-e", "signal=none", "-s", "4194304"]

DATA = "new/and/deep"
"""Where a recorded server makes its directory, and two above it."""

PLAIN = "from parlour.cli.main import main; main()"
"""What the server's interpreter runs."""


class RecordedServer:
    """`parlour serve` with its data in `root / DATA`, recorded over as many lives as it gets.

    `files` is what was below `root` before. `code` is what the interpreter runs and `fault` an injection of strace, for
    servers that are broken on purpose. As a context manager it kills what is still alive.
    """

    def __init__(self, root: Path, *, code: str = PLAIN) -> None:
        self.root = root
        self.data = root / DATA
        self.port = 0
        self._code = code
        self.files = snapshot(root)
        self._traces: list[Path] = []
        self._process: subprocess.Popen[str] | None = None
        self.log_file = root.with_name(f"{root.name}.log")

    def start(self, *options: str, fault: str = "") -> None:
        """Begin a life. Raises AssertionError with the log if it does not listen."""
        line = self.begin(*options, fault=fault)
        assert line.startswith("Listening on "), f"the server did not start\n{self.log_file.read_text()}"
        self.port = int(line.rsplit(":", 1)[1])

    def begin(self, *options: str, fault: str = "") -> str:
        """Begin a life that may end before it listens: gives the line that says where, or nothing."""
        trace = self.root.with_name(f"{self.root.name}.trace-{len(self._traces)}")
        self._traces.append(trace)
        inject = ["-e", f"inject={fault}"] if fault else ["--seccomp-bpf"]  # faster; but no signals can be injected
        command = [*_STRACE, "-o", str(trace), "-e", f"trace={CALLS}", *inject, sys.executable, "-c", self._code]
        command += ["serve", "--port", "0", "--rate-limits", "off", "--data", str(self.data), *options]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PARLOUR_")}
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment | {"PYTHONPATH": f"{ROOT}/src"}
            )
        output = self._process.stdout
        assert output is not None
        return output.readline() if select.select([output], [], [], TIMEOUT_S)[0] else ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
            for child in children.split():
                os.kill(int(child), signal.SIGKILL)
            self.wait()

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End its life with a signal, gracefully or not, and give the exit code."""
        os.kill(int((self.data / "lock").read_text()), how)
        return self.wait()

    def wait(self) -> int:
        """Wait until it has ended, and give the exit code (negative: the signal)."""
        assert self._process is not None, "the server is not running"
        process, self._process = self._process, None
        code = process.wait(TIMEOUT_S)
        assert process.stdout is not None
        process.stdout.close()
        return code

    def record(self) -> Record:
        """All lives so far as one record."""
        parser = Parser(self.root)
        for trace in self._traces:
            parser.read(trace, is_last=trace == self._traces[-1])
        return Record(self.files, parser.operations())


def snapshot(root: Path) -> Image:
    """Everything below a directory."""
    return {str(path.relative_to(root)): _content(path) for path in sorted(root.rglob("*"))}


def _content(path: Path) -> bytes | Socket | None:
    if path.is_socket():
        return Socket()
    return None if path.is_dir() else path.read_bytes()
