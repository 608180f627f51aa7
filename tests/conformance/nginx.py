"""nginx beside and in front of the server, and a witness behind it that puts down what it was passed."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tests.support.server import ROOT
from tests.support.timeout import TIMEOUT_S

CONFIG = Path(__file__).with_name("nginx.conf")
SITE = "127.0.0.77"

OPEN, ASKED = 32, 400
"""What one client may have open, and may ask at once, in place of the numbers that we tell people to use. Who comes by
the Unix socket has no address to count by."""


class Seen(NamedTuple):
    """A request as somebody has read it; `id` is what nginx called it, if it came from there."""

    method: str
    target: str
    body: bytes
    id: str = ""


def plain(target: str) -> str:
    """A target with one name for the root: nginx passes `*` and an empty query after nothing on as `/`."""
    return "/" if target in ("*", "/?") else target


class Nginx(NamedTuple):
    """Where a running nginx listens, and what its witness has been passed.

    `deployed` is also found at the port of our server, but on the address `SITE`.
    """

    reader: Path
    deployed: Path
    log: Path
    seen: list[Seen]


@contextmanager
def nginx(directory: Path, port: int, site: str = "nginx.conf", asked: int = ASKED, second: int = 0) -> Iterator[Nginx]:
    """Run nginx with its files in `directory` and a `site` of ours; our server is at `port` of 127.0.0.1.

    A `second` node is for the site that has one.
    """
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    assert program is not None, "this test needs nginx"
    running = Nginx(directory / "reader.sock", directory / "deployed.sock", directory / "forwarded.log", [])
    config = directory / "nginx.conf"
    config.write_text(
        CONFIG.read_text()
        .replace("{deployed}", _deployed(running, port, site, asked, second))
        .replace("{directory}", str(directory))
    )
    with _witness(directory / "witness.sock", running.seen):
        process = subprocess.Popen([program, "-p", directory, "-c", config, "-e", directory / "error.log"])
        try:
            _await(running.deployed, process)
            yield running
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)


def _deployed(running: Nginx, port: int, site: str, asked: int, second: int) -> str:
    """A file that we tell people to use, listening without TLS, and with a log."""
    text = (ROOT / "deploy" / site).read_text()
    text = re.sub(r"ssl_certificate.*\n", "", text)
    for said, here in (
        ("proxy_http_version 1.1;", "proxy_http_version 1.1; proxy_set_header X-Request-ID $request_id;"),
        ("limit_conn parlour_open 1024;", f"limit_conn parlour_open {OPEN};"),
        ("rate=100r/s;", "rate=1r/m;"),
        ("burst=2000 nodelay;", f"burst={asked} nodelay;"),
        ("server node1:8080" if second else "server 127.0.0.1:8080", f"server 127.0.0.1:{port}"),
        *([("server node2:8080", f"server 127.0.0.1:{second}")] if second else []),
        (
            "listen 443 ssl;",
            f"listen unix:{running.deployed}; listen {SITE}:{port}; listen [::1]:{port};"
            f" access_log {running.log} forwarded;",
        ),
    ):
        assert said in text, said
        text = text.replace(said, here)
    return text


def _await(address: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until somebody listens there."""
    while True:
        assert process.poll() is None, "nginx did not start"
        with suppress(OSError), connected(address):
            return


@contextmanager
def connected(address: Path | int) -> Iterator[socket.socket]:
    """A connection to a Unix socket or a port of 127.0.0.1."""
    family, place = (
        (socket.AF_UNIX, str(address)) if isinstance(address, Path) else (socket.AF_INET, ("127.0.0.1", address))
    )
    with socket.socket(family) as sock:
        sock.settimeout(TIMEOUT_S)
        sock.connect(place)
        yield sock


def exchange(address: Path | int, data: bytes) -> bytes:
    """Send bytes and nothing more, and read until the other side closes or cuts the line."""
    answer = b""
    with connected(address) as sock, suppress(ConnectionError):
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        while piece := sock.recv(65536):
            answer += piece
    return answer


@contextmanager
def _witness(address: Path, seen: list[Seen]) -> Iterator[None]:
    """Answer every request with 200 and put it down; one request per connection, as nginx asks here."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen()

        def run() -> None:
            while True:
                connection, _ = listener.accept()
                with connection, connection.makefile("rb") as stream:
                    method, target, _version = stream.readline().decode("latin-1").split(" ")
                    if method == "STOP":
                        return
                    size = 0
                    while (line := stream.readline()) != b"\r\n":
                        if line.lower().startswith(b"content-length:"):
                            size = int(line[15:])
                    seen.append(Seen(method, plain(target), stream.read(size)))
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            exchange(address, b"STOP / HTTP/1.1\r\n\r\n")
            thread.join(TIMEOUT_S)
