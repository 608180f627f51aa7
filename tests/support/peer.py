"""A scripted HTTP peer: gives each connection exactly the bytes it was told to, and remembers what it was asked."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.support.timeout import TIMEOUT_S

Step = bytes | Callable[[socket.socket], None]
"""The whole answer to one request, after which the connection is closed; or what to do with the connection instead."""


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    line: str
    fields: dict[str, str]
    body: bytes


@contextmanager
def nobody() -> Iterator[str]:
    """Host and port at which nobody listens: the port is bound, so no other program can take it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def reset(connection: socket.socket) -> None:
    """Cut the connection with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def silence(connection: socket.socket) -> None:
    """Say nothing until the other side gives up, which is a RST when it has not read what was sent."""
    with suppress(ConnectionResetError):
        connection.recv(1)


def then(data: bytes, after: Callable[[socket.socket], None]) -> Step:
    """Send bytes, then do something else."""

    def step(connection: socket.socket) -> None:
        connection.sendall(data)
        after(connection)

    return step


def answer(status: int, body: bytes = b"", **fields: str) -> bytes:
    """An HTTP answer; `Retry_After="1"` becomes a field."""
    head = "".join([f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items()])
    return (
        f"HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode("latin-1")
        + body
    )


def stream(*lines: bytes) -> bytes:
    """The beginning of an NDJSON stream that ends with the connection."""
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"".join([line + b"\n" for line in lines])


class Peer:
    """Listens on 127.0.0.1; a connection beyond the script is refused by closing it."""

    def __init__(self, *steps: Step) -> None:
        self.asked: list[Asked] = []
        self._steps = list(steps)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(TIMEOUT_S)

    def wait_for_a_request(self, method: str = "") -> None:
        """Return when a request with this method has been read."""
        deadline = time.monotonic() + TIMEOUT_S
        while not any(asked.line.startswith(method) for asked in list(self.asked)):
            assert time.monotonic() < deadline, f"no request {method}: {self.asked}"
            time.sleep(0.01)

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(TIMEOUT_S)
                if self._steps:
                    self.asked.append(_read(connection))
                    step = self._steps.pop(0)
                    connection.sendall(step) if isinstance(step, bytes) else step(connection)


def _read(connection: socket.socket) -> Asked:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    line, *rest = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in rest)}
    while len(body) < int(fields.get("content-length", "0")):
        body += connection.recv(65536)
    return Asked(line, fields, body)
