"""What the cyclic garbage collector costs a server with readers, by Python's settings and by ours; prints one table.

    python bench/micro/collector.py

Another process opens 5000 streams, and then sends 10,000 messages to another room. Counted for each of the two:
collections of all generations (full) and of the younger ones, and how long they held the event loop.
"""

from __future__ import annotations

import asyncio
import gc
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import uvloop

from parlour.embed import start_server_async
from parlour.process import _tune_collector

STREAMS, MESSAGES = 5000, 10_000
CLIENT = """
import resource, socket, sys
port, streams, messages = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
sys.stdin.readline()
opened = []
for _ in range(streams):
    sock = socket.create_connection(("127.0.0.1", port))
    sock.sendall(b"GET /quiet?format=sse HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
    while b"caught_up" not in sock.recv(65536):
        pass
    opened.append(sock)
print("open", flush=True)
sys.stdin.readline()
for number in range(messages // 8):
    if number % 1000 == 0:  # a connection ends after 10,000 requests
        sock = socket.create_connection(("127.0.0.1", port))
    sock.sendall(b"POST /busy HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 5\\r\\n\\r\\nhello" * 8)
    answers = b""
    while answers.count(b"\\r\\n\\r\\nbusy/") < 8:
        answers += sock.recv(65536)
print("sent", flush=True)
sys.stdin.readline()
"""


class Collections:
    """Counts collections by generation, with the time of each."""

    def __init__(self) -> None:
        self.seconds: dict[int, list[float]] = {0: [], 1: [], 2: []}
        self._begun = 0.0

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._begun = time.perf_counter()
        else:
            self.seconds[info["generation"]].append(time.perf_counter() - self._begun)


async def measure(tune: Callable[[], None], data: str) -> list[Collections]:
    async with await start_server_async(0, data=data, rate_limits=False, log_level="error") as server:
        tune()
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CLIENT, server.url.rpartition(":")[2], str(STREAMS), str(MESSAGES)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        counts = []
        for _ in ("opening", "sending"):
            counted = Collections()
            gc.callbacks.append(counted)
            child.stdin.write(b"go\n")
            await child.stdout.readline()
            gc.callbacks.remove(counted)
            counts.append(counted)
        await child.communicate(b"end\n")
    return counts


def default() -> None:
    gc.unfreeze()
    gc.set_threshold(700, 10, 10)


def main() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"Python {platform.python_version()}, {platform.platform()}")
    print("\nsettings  while    young  ms in all  longest ms  full  ms in all  longest ms")
    for name, tune in (("Python's", default), ("ours", _tune_collector)):
        with tempfile.TemporaryDirectory() as data:
            counts = uvloop.run(measure(tune, data))
        for phase, counted in zip(("opening", "sending"), counts, strict=True):
            young, full = counted.seconds[0] + counted.seconds[1], counted.seconds[2]
            row = [f"{len(of):5} {sum(of) * 1e3:10.1f} {max(of, default=0) * 1e3:11.2f}" for of in (young, full)]
            print(f"{name:9} {phase:8} {row[0]} {row[1]}")


if __name__ == "__main__":
    main()
