"""What a GET costs the event loop, without sockets: the CPU time of a page, and the requests a second it allows.

    python bench/micro/gets.py

64 connections ask in one turn of the loop, as after a read of 64 sockets, and again when all are answered. Their
transports only count what is written. The server is the whole program on the store in memory. Least of 20 runs.
"""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import uvloop

from parlour.app import App, start
from parlour.config import Settings
from parlour.core.limits import Limits
from parlour.embed import RunningServer, handle_client, send_message

CONNECTIONS, WAVES, RUNS = 64, 50, 20

TARGETS = {
    "nothing: /healthz": "/healthz",
    "a page of 10, JSON": "/lobby?format=json&limit=10",
    "a page of 100, JSON": "/lobby?format=json&limit=100",
    "a page of 100, text": "/lobby?format=text&limit=100",
}


class Counting(asyncio.Transport):
    """The transport of a connection whose client takes everything at once."""

    def __init__(self, answered: Callable[[], None]) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self._answered = answered

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        assert bytes(data[:12]) == b"HTTP/1.1 200", bytes(data)
        self._answered()

    def is_closing(self) -> bool:
        return False

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is ever buffered."""

    def pause_reading(self) -> None:
        """Nothing is read."""

    def resume_reading(self) -> None:
        """Nothing is read."""


class Wave:
    """Connections that ask all at once, and a future for when each has its answer."""

    def __init__(self, app: App) -> None:
        self._left = 0
        self._all_answered: asyncio.Future[None]
        self._connections = [handle_client(app.server) for _ in range(CONNECTIONS)]
        for connection in self._connections:
            connection.connection_made(Counting(self._one))

    def _one(self) -> None:
        self._left -= 1
        if not self._left:
            self._all_answered.set_result(None)

    async def ask(self, request: bytes) -> None:
        self._left = CONNECTIONS
        self._all_answered = asyncio.get_running_loop().create_future()
        for connection in self._connections:
            connection.data_received(request)
        await self._all_answered

    def end(self) -> None:
        for connection in self._connections:
            connection.connection_lost(None)


async def main() -> None:
    print(f"Python {platform.python_version()}, uvloop {version('uvloop')}, {platform.platform()}")
    settings = Settings(port=0, store="memory", rate_limits=False, limits=Limits(connection_requests=1_000_000_000))
    app = await start(settings, lambda error: None)
    async with RunningServer(app, asyncio.get_running_loop().create_future()) as server:
        for number in range(100):
            await send_message(server, "lobby", f"message {number}", name="bench")
        wave = Wave(app)
        for name, target in TARGETS.items():
            request = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n".encode()
            best = float("inf")
            for _ in range(RUNS):
                begun = time.process_time()
                for _ in range(WAVES):
                    await wave.ask(request)
                best = min(best, (time.process_time() - begun) / (WAVES * CONNECTIONS))
            print(f"{name:24} {best * 1e6:7.1f} µs  {1 / best:9,.0f}/s")
        wave.end()


if __name__ == "__main__":
    uvloop.run(main())
