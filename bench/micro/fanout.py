"""What one write to each of many readers costs: by their transports, and past them by one call into C.

    PYTHONPATH=src taskset -c 0 python -m bench.micro.fanout 1000

Server and readers are one process and the readers sleep in no system call, so waking them is not in the figures; caches
are emptied between the rounds, as other work does it to a server. Microseconds of CPU for each reader, median of 60.
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import sys
import time
from typing import cast

import uvloop

from parlour.hub.writable import Write, one_by_one
from parlour.net.fanout import FanOut

ROUNDS = 60
DATA = b"x" * 280


class Line(asyncio.Protocol):
    def __init__(self, fan_out: FanOut, lines: list[Line]) -> None:
        self.fan_out = fan_out
        self.lines = lines
        self.descriptor = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.by_transport = Transported(self.transport)
        self.descriptor = self.fan_out.enlist(self.transport)
        self.lines.append(self)

    def buffered(self) -> int:
        return self.transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        self.fan_out.busy[self.descriptor] = 1
        self.transport.write(data)


class Transported:
    """A sink that is written to in the ordinary way."""

    descriptor = -1

    def __init__(self, transport: asyncio.Transport) -> None:
        self.write = transport.write


async def main(count: int) -> None:
    fan_out = FanOut()
    if fan_out.send is None:
        sys.exit("net/fanout.c is not compiled: ./chat_server --version does it")
    loop, lines = asyncio.get_running_loop(), list[Line]()
    listener = socket.create_server(("127.0.0.1", 0), backlog=count)
    await loop.create_server(lambda: Line(fan_out, lines), sock=listener, backlog=count)
    readers = [socket.create_connection(listener.getsockname()) for _ in range(count)]
    while len(lines) < count:  # noqa: ASYNC110  (nothing is measured yet)
        await asyncio.sleep(0.01)
    ways: dict[str, Write] = {
        "by their transports": one_by_one([line.by_transport for line in lines]),
        "by one call into C": fan_out.make_write(lines),
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, write in ways.items():
            await asyncio.sleep(0.002)
            bytearray(8 << 20)  # empties the caches
            start = time.thread_time()
            write(DATA)
            await asyncio.sleep(0)
            await asyncio.sleep(0)  # a transport writes at the end of the turn
            spent[name].append((time.thread_time() - start) / count * 1e6)
            for reader in readers:
                reader.recv(65536)
    for name, times in spent.items():
        print(f"{name}: {statistics.median(times):.2f} µs (least {min(times):.2f})")


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
