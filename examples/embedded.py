"""A program with a chat inside: it starts a server, greets the lobby, and says the time when somebody asks for it."""

import asyncio
import json
import sys
import tempfile
import urllib.request
from datetime import datetime

from parlour import send_message, start_server_async


def next_events(url: str, since: int) -> list[dict[str, object]]:
    """Wait for what comes after `since`, as any HTTP client could."""
    with urllib.request.urlopen(f"{url}/lobby?format=json&wait=20&since={since}") as answer:  # noqa: S310
        events: list[dict[str, object]] = json.load(answer)["events"]
        return events


async def main(port: int) -> None:
    """Serve until the lobby says bye."""
    with tempfile.TemporaryDirectory() as data:
        async with await start_server_async(port, data=data) as server:
            print(f"Listening on {server.url}", flush=True)
            seen = (await send_message(server, "lobby", "Ask me for the time, or say bye.", name="clock")).seq
            while True:
                for event in await asyncio.to_thread(next_events, server.url, seen):
                    seen = int(str(event["seq"]))
                    if event["text"] == "time":
                        await send_message(server, "lobby", f"{datetime.now():%H:%M}", name="clock")  # noqa: DTZ005
                    elif event["text"] == "bye":
                        return


if __name__ == "__main__":
    words = sys.argv[1:] or ["8080"]
    if len(words) > 1 or not words[0].isdecimal() or int(words[0]) > 65535:
        print("usage: embedded.py [PORT]", file=sys.stderr)
        sys.exit(2)
    asyncio.run(main(int(words[0])))
