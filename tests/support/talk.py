"""A client that speaks HTTP/1.1 byte by byte as it is told, and reads answers one at a time."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.support.timeout import TIMEOUT_S


@dataclass(frozen=True)
class Answer:
    """One response. `fields` has lower-case names; of repeated ones the last."""

    status: int
    fields: dict[str, str]
    body: bytes
    head: bytes


class Client:
    """One connection. As a context manager it closes.

    A read takes `timeout_s` in all, whatever comes meanwhile: a stream that goes on says so every few seconds, and who
    waits for its end would wait for ever. Then it raises TimeoutError with what has come.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(TIMEOUT_S)
        self.sock = sock
        self.buffer = b""
        self.timeout_s: float = TIMEOUT_S

    @classmethod
    def to(cls, port: int, tls: ssl.SSLContext | None = None, source: str = "") -> Client:
        """Connect to a port of 127.0.0.1, over TLS if a context is given, from an address of this machine."""
        sock = socket.create_connection(("127.0.0.1", port), TIMEOUT_S, (source, 0) if source else None)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(sock if tls is None else tls.wrap_socket(sock, server_hostname="localhost"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sock.close()

    def send(self, data: bytes) -> Self:
        """Send bytes."""
        self.sock.sendall(data)
        return self

    def half_close(self) -> Self:
        """Send nothing more."""
        self.sock.shutdown(socket.SHUT_WR)
        return self

    def reset(self) -> None:
        """End the connection with a reset, as one that breaks."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def read_until(self, mark: bytes, times: int = 1) -> bytes:
        """Take everything up to and including the n-th mark. Raises EOFError, with what came, if it never does."""
        deadline = time.monotonic() + self.timeout_s
        while self.buffer.count(mark) < times:
            self._more(deadline)
        received = self.buffer
        self.buffer = received.split(mark, times)[-1]
        return received[: len(received) - len(self.buffer)]

    def read(self, size: int) -> bytes:
        """Take so many bytes. Raises EOFError if there are fewer."""
        deadline = time.monotonic() + self.timeout_s
        while len(self.buffer) < size:
            self._more(deadline)
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def head(self) -> Answer:
        """Take the head of the next response, interim ones included; its body is left."""
        head = self.read_until(b"\r\n\r\n")
        line, *rest = head[:-4].decode("latin-1").split("\r\n")
        version, status, _ = line.split(" ", 2)
        assert version == "HTTP/1.1", head
        fields = {name.lower(): value for name, _, value in (field.partition(": ") for field in rest)}
        return Answer(int(status), fields, b"", head)

    def answer(self, method: str = "GET") -> Answer:
        """Take the next response whole; `method` is that of the request: a HEAD is answered without a body."""
        found = self.head()
        if method == "HEAD" or found.status in (101, 204, 304) or found.status < 200:
            return found
        return Answer(found.status, found.fields, self.read(int(found.fields["content-length"])), found.head)

    def rest(self) -> bytes:
        """Read until the server closes; gives what came before. A reset is an error."""
        deadline = time.monotonic() + self.timeout_s
        try:
            while True:
                self._more(deadline)
        except EOFError:
            data, self.buffer = self.buffer, b""
            return data

    def _more(self, deadline: float) -> None:
        self.sock.settimeout(max(deadline - time.monotonic(), 0.001))  # 0 would be: do not wait at all
        try:
            piece = self.sock.recv(262144)
        except TimeoutError as error:
            raise TimeoutError(f"not within {self.timeout_s} s; what came: {self.buffer[-1000:]!r}") from error
        finally:
            self.sock.settimeout(TIMEOUT_S)
        if not piece:
            raise EOFError(self.buffer)
        self.buffer += piece


class Line:
    """Asks one thing after the other, over one connection for as long as the server keeps it. It is closed at the end.

    Nothing is left of a request in its connection: who asks next over it may be somebody else.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._client: Client | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hang_up()

    def ask(self, request: bytes) -> Answer:
        """The answer to a request other than HEAD; of a stream that begins, its head."""
        if self._client is None:
            self._client = Client.to(self._port)
        found = self._client.send(request).head()
        length = found.fields.get("content-length")
        if length is not None:
            found = Answer(found.status, found.fields, self._client.read(int(length)), found.head)
        if found.fields.get("connection") == "close" or (length is None and found.status not in (204, 304)):
            self._hang_up()
        return found

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.sock.close()
            self._client = None
