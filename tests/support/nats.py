"""A real NATS server of this machine's own, on loopback."""

from __future__ import annotations

import socket
import subprocess
import sysconfig
import time
from pathlib import Path
from typing import Self

from tests.support.timeout import TIMEOUT_S


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class NatsProcess:
    """`options` are those of the command line. As a context manager it runs."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._log = directory / "nats.log"
        program = Path(sysconfig.get_path("scripts")) / "nats-server"
        self._command = [str(program), "-a", "127.0.0.1", "-p", str(self.port), *options]

    @property
    def url(self) -> str:
        """Its address."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start it and wait until it takes connections."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        end = time.monotonic() + TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert self.process.poll() is None, self._log.read_text()
                assert time.monotonic() < end, self._log.read_text()
                time.sleep(0.01)
            else:
                return self

    def kill(self) -> None:
        """End it at once."""
        if self.process is not None:
            process, self.process = self.process, None
            process.kill()
            process.wait(TIMEOUT_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()
