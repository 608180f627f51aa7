"""Ask a server to sign people in, on a schedule, until standard input ends; print what became of it as JSON.

    python bench/sign_ins.py PORT RATE

Every request has another name, which nobody has: it costs the hash that a real one costs, and no delay is counted for
it. A request goes out when its time has come, whether earlier ones were answered or not, over one of CONNECTIONS.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

CONNECTIONS = 256
"""As many as may wait for an answer; a request that finds none free is counted as one that was not sent."""


async def ask(port: int, number: int, counts: dict[str, int]) -> None:
    """One request over a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = b'{"name":"nobody%d","password":"correct horse battery staple"}' % number
    writer.write(
        b"POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    answer = await reader.read()
    writer.close()
    head = answer.partition(b"\r\n\r\n")[0].lower()
    if head.startswith(b"http/1.1 401"):
        counts["hashed"] += 1
    elif head.startswith(b"http/1.1 503") and b"\r\nretry-after: " in head:
        counts["refused"] += 1
    else:
        counts["failed"] += 1


async def main(port: int, rate: float) -> None:
    """Ask until nobody listens any more."""
    ended = asyncio.ensure_future(asyncio.to_thread(sys.stdin.read))
    counts = dict.fromkeys(("asked", "hashed", "refused", "failed", "not_sent"), 0)
    began, waiting = time.monotonic(), set[asyncio.Task[None]]()
    while not ended.done():
        await asyncio.sleep(max(0.0, began + counts["asked"] / rate - time.monotonic()))
        counts["asked"] += 1
        if len(waiting) >= CONNECTIONS:
            counts["not_sent"] += 1
            continue
        task = asyncio.create_task(ask(port, counts["asked"], counts))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
    seconds = time.monotonic() - began
    unanswered = len(waiting)
    for task in waiting:
        task.cancel()
    print(json.dumps({**counts, "unanswered": unanswered, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
