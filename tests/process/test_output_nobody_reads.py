"""A server whose standard output or error takes nothing serves all the same, and ends when it is told to."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fault.volumes import tmpfs
from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.talk import Client
from tests.support.terminal import clean_environment
from tests.support.timeout import TIMEOUT_S, wait_until

LIMIT_BYTES = 1 << 20
"""As much as waits for a reader of the log (docs/operations.md)."""

ACCESS = ("--access-log", "on", "--log-format", "json")
LONG_PATH = "/" + "x" * 1500
"""Answered 400, with a log line of more than 1500 bytes."""


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    """The ends of a small pipe: who reads it, who writes it."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    yield reader, writer
    os.close(reader)
    os.close(writer)


@contextmanager
def non_blocking_pipe() -> Iterator[tuple[int, int]]:
    """As ssh and other programs leave a terminal that they share."""
    with pipe() as (reader, writer):
        os.set_blocking(writer, False)
        yield reader, writer


@contextmanager
def socket_pair() -> Iterator[tuple[int, int]]:
    """What journald gives a service."""
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        yield reader.fileno(), writer.fileno()


@contextmanager
def stopped_terminal() -> Iterator[tuple[int, int]]:
    """A terminal in which somebody has pressed Ctrl-S."""
    master, device = pty.openpty()
    os.write(master, b"\x13")
    yield master, device
    os.close(master)
    os.close(device)


UNREAD = {each.__name__: each for each in (pipe, non_blocking_pipe, socket_pair, stopped_terminal)}


@contextmanager
def full_disk() -> Iterator[int]:
    writer = os.open("/dev/full", os.O_WRONLY)
    yield writer
    os.close(writer)


@contextmanager
def closed_pipe() -> Iterator[int]:
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


FAILING = {each.__name__: each for each in (full_disk, closed_pipe)}


def ask(server: ServerProcess, count: int) -> None:
    """So many answers, each of which is a long line of the access log."""
    with Client.to(server.port) as client:
        for _ in range(count):
            assert client.send(raw.head("GET", LONG_PATH)).answer().status == 400


def serves_and_stops(server: ServerProcess) -> None:
    """Fill whatever standard error holds, ask for a report, and stop."""
    ask(server, 400)
    os.kill(server.pid, signal.SIGUSR1)
    with server.client() as http:
        assert http.post("/lobby", content="hello").status_code == 201
        assert http.get("/healthz").status_code == 200
    assert server.stop() == 0


@pytest.mark.parametrize("unread", UNREAD.values(), ids=UNREAD)
def test_it_serves_and_stops_while_nobody_reads_its_log(
    unread: Callable[[], AbstractContextManager[tuple[int, int]]], tmp_path: Path
) -> None:
    with unread() as (_, writer), ServerProcess(tmp_path / "data", *ACCESS, stderr=writer) as server:
        serves_and_stops(server)


@pytest.mark.parametrize("failing", FAILING.values(), ids=FAILING)
def test_it_serves_and_stops_while_its_log_cannot_be_written(
    failing: Callable[[], AbstractContextManager[int]], tmp_path: Path
) -> None:
    with failing() as writer, ServerProcess(tmp_path / "data", *ACCESS, stderr=writer) as server:
        serves_and_stops(server)


def test_with_debug_the_watchdog_does_not_wait_for_the_log_either(tmp_path: Path) -> None:
    with pipe() as (_, writer), ServerProcess(tmp_path / "data", *ACCESS, "--debug", "on", stderr=writer) as server:
        serves_and_stops(server)


def test_a_server_that_cannot_start_ends_though_it_cannot_say_why(tmp_path: Path) -> None:
    with pipe() as (_, writer), socket.create_server(("127.0.0.1", 0)) as taken:
        os.set_blocking(writer, False)
        os.write(writer, bytes(4096))
        os.set_blocking(writer, True)
        command = [sys.executable, "-m", "parlour", "serve", "--data", str(tmp_path / "data")]
        command += ["--port", str(taken.getsockname()[1])]
        done = subprocess.run(
            command, env=clean_environment(), stdout=subprocess.PIPE, stderr=writer, timeout=TIMEOUT_S, check=False
        )
    assert (done.returncode, done.stdout) == (3, b"")


PAST_THE_LOG = """
import sys, threading, warnings
from parlour import log
log.configure("json")
class Broken:
    def __del__(self):
        raise OSError("unraisable")
warnings.warn("a warning")
thread = threading.Thread(target=lambda: 1 / 0, name="a thread")
thread.start(), thread.join()
Broken()
raise KeyError("uncaught")
"""


def test_what_python_itself_would_write_goes_through_the_log() -> None:
    """Warnings, errors of threads and of finalizers, and the error that ends the process: a line of JSON each."""
    command = [sys.executable, "-c", PAST_THE_LOG]
    done = subprocess.run(command, env=clean_environment(), capture_output=True, timeout=TIMEOUT_S, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    rows = [json.loads(line) for line in done.stderr.splitlines()]
    assert [row["event"].partition(" ")[0] for row in rows[1:]] == ["uncaught", "unraisable", "uncaught"]
    for row, part in zip(rows, ("a warning", "ZeroDivisionError", "unraisable", "KeyError"), strict=True):
        assert part in row.get("traceback", row["event"])
    assert rows[1]["thread"] == "a thread"


class Lines:
    """The lines of JSON that come out of a descriptor."""

    def __init__(self, reader: int) -> None:
        self.file = os.fdopen(os.dup(reader), "rb", buffering=0)
        self.rest = b""

    def until(self, is_last: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Take lines up to the first of this kind."""
        rows: list[dict[str, Any]] = []
        while not rows or not is_last(rows[-1]):
            while b"\n" not in self.rest:
                assert select.select([self.file], [], [], TIMEOUT_S)[0], rows[-1:]
                self.rest += self.file.read(65536)
            line, _, self.rest = self.rest.partition(b"\n")
            rows.append(json.loads(line))
        return rows


def test_dropped_lines_are_counted_and_said_when_the_log_is_read_again(tmp_path: Path) -> None:
    asked = 2 * LIMIT_BYTES // len(LONG_PATH)
    with pipe() as (reader, writer), ServerProcess(tmp_path / "data", *ACCESS, stderr=writer) as server:
        lines = Lines(reader)
        with lines.file:
            ask(server, asked)
            log = lines.until(lambda row: row["event"] == "log_lines_dropped")
            with server.client() as http:
                assert http.get("/healthz").status_code == 200
            after = lines.until(lambda row: row["event"] == "request")
    written = sum(row["event"] == "request" for row in log)
    assert log[-1]["count"] == asked - written > 0
    assert log[-1]["meaning"] == f"{asked - written} lines were dropped while stderr was not read"
    assert [row["path"] for row in after] == ["/healthz"]


def test_a_log_on_a_full_disk_goes_on_where_it_stopped_when_there_is_room(tmp_path: Path) -> None:
    """The kernel takes half of a line, then no more; later the other half and what came after it."""
    with tmpfs(tmp_path / "disk") as disk:
        file = disk.path / "log"
        with file.open("ab") as log, ServerProcess(tmp_path / "data", *ACCESS, stderr=log.fileno()) as server:
            disk.leave(10_000)
            ask(server, 20)
            disk.free()
            wait_until(lambda: file.read_text().count('"request"') == 20)
        events = [json.loads(line)["event"] for line in file.read_text().splitlines()]
    assert events == ["started", *["request"] * 20, "stopping", "stopped"]
