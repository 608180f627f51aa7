"""Several nodes on one PostgreSQL database behind a balancer, where tests expect one server."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import httpx

from tests.support.lines import Lines
from tests.support.server import ServerProcess


class Nodes(ServerProcess):
    """Nodes of the database `url`; each connection to `port` goes to the next one."""

    def __init__(self, data: Path, url: str, *options: str, count: int = 2, **more: Any) -> None:
        super().__init__(data, *options, **more)
        self.nodes: list[ServerProcess] = []
        self._balancer = Lines()
        self._store, self._count, self._more = url, count, more
        self._stack = ExitStack()

    @property
    def log(self) -> str:
        """What all nodes have written to standard error."""
        return "".join(node.log for node in self.nodes)

    def operator(self) -> httpx.Client:
        """A client that asks the first node as whoever may open its operator's socket."""
        return self.nodes[0].operator()

    def __enter__(self) -> Self:
        self.port = self._stack.enter_context(self._balancer).port
        options = ("--store", self._store, "--public-url", self.url, *self.options)
        for number in range(self._count):
            node = ServerProcess(self.data.with_name(f"{self.data.name}{number}"), *options, **self._more)
            self.nodes.append(self._stack.enter_context(node))
            self._balancer.targets.append(node.port)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
