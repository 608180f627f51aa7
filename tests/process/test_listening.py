"""The process on sockets that are not its own port: a Unix socket behind a proxy, and those of a service manager."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import raw
from tests.support.server import ROOT
from tests.support.talk import Client
from tests.support.timeout import TIMEOUT_S

AS_A_SERVICE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execv(sys.executable, [sys.executable, "-P", "-m", "parlour", "serve", *sys.argv[2:]])
"""


def started(*command: str | Path, inherit: socket.socket | None = None) -> tuple[subprocess.Popen[str], str]:
    """A server, and the address it prints."""
    process = subprocess.Popen(
        [sys.executable, "-P", *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=() if inherit is None else [inherit.fileno()],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith("Listening on "):
        process.kill()
        raise AssertionError(process.communicate())
    return process, line.removeprefix("Listening on ").rstrip("\n")


def stopped(process: subprocess.Popen[str]) -> str:
    """End a server gracefully; gives its log."""
    process.terminate()
    _, log = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, log
    return log


def to_unix(path: Path) -> Client:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(path))
    return Client(sock)


def test_a_unix_socket_alone_serves_and_believes_the_proxy_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "p.sock"
    options: list[str | Path] = ["--host", "none", "--unix-socket", path, "--data", tmp_path / "data"]
    process, address = started("-m", "parlour", "serve", *options, "--trusted-proxies", "unix", "--access-log", "on")
    assert address == f"unix:{path}"
    forwarded = ("X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: chat.example.org")
    with to_unix(path) as proxy:
        names = set()
        for client in ("203.0.113.7", "203.0.113.8", "203.0.113.7"):
            fields = (f"X-Forwarded-For: {client}", "Content-Type: application/json")
            answer = proxy.send(raw.post("/lobby", b'{"text":"hello"}', *fields)).answer()
            assert answer.status == 201
            names.add(json.loads(answer.body)["by"]["name"])
        assert len(names) == 2, "guests are told apart by the address the proxy saw"
        assert b"https://chat.example.org/" in proxy.send(raw.head("GET", "/help", *forwarded)).answer().body
    log = stopped(process)
    assert "address=203.0.113.7" in log
    assert not path.exists()


@pytest.mark.parametrize("family", ["tcp", "unix"])
def test_a_socket_of_a_service_manager_outlives_the_server(family: str, tmp_path: Path) -> None:
    """sd_listen_fds(3): what connects between two servers waits instead of failing."""
    path = tmp_path / "service.sock"
    with socket.socket(socket.AF_INET if family == "tcp" else socket.AF_UNIX) as listening:
        listening.bind(("127.0.0.1", 0) if family == "tcp" else str(path))
        listening.listen()
        command = ("-c", AS_A_SERVICE, str(listening.fileno()), "--data", tmp_path / "data")
        port = listening.getsockname()[1] if family == "tcp" else 0
        expected = f"http://127.0.0.1:{port}" if family == "tcp" else f"unix:{path}"

        def connect() -> Client:
            return Client.to(port) if family == "tcp" else to_unix(path)

        process, address = started(*command, inherit=listening)
        assert address == expected
        with connect() as client:
            assert client.send(raw.post("/lobby", b"one")).answer().body == b"lobby/1\n"
        stopped(process)
        with connect() as waiting:
            waiting.send(raw.post("/lobby", b"two"))
            process, _ = started(*command, inherit=listening)
            assert waiting.answer().body == b"lobby/2\n"
        stopped(process)
        assert family == "tcp" or path.exists(), "not ours to remove"


@pytest.mark.parametrize(("address", "is_public"), [("0.0.0.0", True), ("127.0.0.1", False)])
def test_what_a_socket_of_a_service_manager_opens_is_told_like_any_other(
    address: str, is_public: bool, tmp_path: Path
) -> None:
    with socket.socket() as listening:
        listening.bind((address, 0))
        listening.listen()
        # The server's own `host` is ignored then, whatever it says.
        options = ("--host", "127.0.0.1" if is_public else "0.0.0.0", "--data", tmp_path / "data")
        process, _ = started("-c", AS_A_SERVICE, str(listening.fileno()), *options, inherit=listening)
        log = stopped(process)
    assert ("WARNING open_to_the_network hosts=0.0.0.0" in log) == is_public, log
    assert ("WARNING not_encrypted hosts=0.0.0.0" in log) == is_public, log
