"""A server that may have few descriptors is full before they run out, says so, and is well again afterwards."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.support import raw
from tests.support.certificates import make_certificate
from tests.support.server import ServerProcess
from tests.support.talk import Client
from tests.support.timeout import TIMEOUT_S

DESCRIPTORS = 256
FEW = ("sh", "-c", f'ulimit -n {DESCRIPTORS}; exec "$@"', "sh")


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "TLS"])
def test_silent_connections_leave_descriptors_for_all_else(is_tls: bool, tmp_path: Path) -> None:
    cert, key = make_certificate(tmp_path, "one")
    options = ("--tls-cert", str(cert), "--tls-key", str(key)) if is_tls else ()
    trust = ssl.create_default_context(cafile=str(cert)) if is_tls else None
    with ServerProcess(tmp_path / "data", *options, under=FEW) as server, ExitStack() as stack:
        first = stack.enter_context(Client.to(server.port, trust))
        for number in range(2 * DESCRIPTORS):
            with suppress(OSError):
                sock = socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S)
                stack.callback(sock.close)
            if number % 100 == 0:
                assert first.send(raw.post("/lobby", b"still stored")).answer().status == 201
        assert first.send(raw.post("/another", b"a new room")).answer().status == 201
        stack.close()
        deadline = time.monotonic() + TIMEOUT_S
        while not is_served(server.port, trust):
            assert time.monotonic() < deadline
    assert "connections_refused reason=overloaded" in server.log
    assert "Too many open files" not in server.log
    assert server.log.count("connections_refused ") < 10


def is_served(port: int, trust: ssl.SSLContext | None) -> bool:
    with suppress(OSError, EOFError), Client.to(port, trust) as client:
        return client.send(raw.head("GET", "/healthz")).answer().status == 200
    return False
