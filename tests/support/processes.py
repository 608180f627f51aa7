"""A server of several nodes on one port (`--processes`), and which of them has a connection."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.talk import Client
from tests.support.timeout import wait_until

FOLLOW = raw.head("GET", "/lobby?follow=1&format=ndjson&since=0")


class Processes(ServerProcess):
    """Nodes of the database `url` under one supervisor."""

    def __init__(self, data: Path, url: str, *options: str, count: int = 2, **more: Any) -> None:
        super().__init__(data, "--store", url, "--processes", str(count), *options, **more)
        self.count = count

    def __enter__(self) -> Self:
        super().__enter__()
        for number in range(1, self.count + 1):  # it is ready when the first of them serves
            self.await_start(number, 1)
        return self

    def nodes(self) -> dict[int, int]:
        """The process id of each node by its number, as they were started last."""
        found = re.findall(r"node_started node=(\d+) pid=(\d+)$", self.log, re.MULTILINE)
        return {int(number): int(pid) for number, pid in found}

    def node_of(self, client: Client) -> int:
        """The number of the node that has accepted a connection and answered on it."""
        inode = _inode(self.port, client.sock.getsockname()[1])
        for number, pid in self.nodes().items():
            with suppress(OSError):
                if inode in _sockets(pid):
                    return number
        raise AssertionError(f"no node has the connection\n{self.log}")

    def on_each(self, stack: ExitStack, request: bytes = FOLLOW, mark: bytes = b"caught_up") -> dict[int, Client]:
        """Connections to every node, with this request sent and the mark in what came; they end with the stack."""
        found: dict[int, Client] = {}
        while len(found) < self.count:
            client = stack.enter_context(Client.to(self.port))
            client.send(request).read_until(mark)
            found.setdefault(self.node_of(client), client)
        return found

    def kill_node(self, number: int) -> None:
        """Kill a node and wait until another has its place and serves."""
        pid, times = self.nodes()[number], self._times_started(number)
        os.kill(pid, signal.SIGKILL)
        self.await_start(number, times + 1)

    def await_start(self, number: int, times: int) -> None:
        """Wait until a node has been started so many times, and serves."""
        wait_until(lambda: self._times_started(number) >= times, lambda: self.log)

    def _times_started(self, number: int) -> int:
        return len(re.findall(rf" started node={number} ", self.log))


def _sockets(pid: int) -> set[str]:
    """The sockets that a process has open."""
    return set(_links(Path(f"/proc/{pid}/fd")))


def _links(directory: Path) -> Iterator[str]:
    for name in directory.iterdir():
        with suppress(OSError):
            yield os.readlink(name)


def _inode(local: int, remote: int) -> str:
    """The socket of one end of a connection within 127.0.0.1, as proc(5) has it."""
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        own, other, *rest = line.split()[1:]
        if (int(own.split(":")[1], 16), int(other.split(":")[1], 16)) == (local, remote):
            return f"socket:[{rest[6]}]"
    raise AssertionError("there is no such connection")
