"""Run as a program: holds a data directory open until its standard input ends.

Arguments: the directory, and `append` to store keyed events for ever and print the room, seq and key of each answer.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from parlour.store.sqlite.store import SqliteStore
from tests.support.stores import append, draft, open_sqlite


async def keep_appending(store: SqliteStore, sender: int, run: str) -> None:
    number = 0
    while True:
        number += 1
        key = f"{run}-{sender}-{number:06}"
        answer = await append(store, draft(f"text of {key}", f"room{number % 3}", key))
        say(f"room{number % 3} {answer.seq} {key}")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main() -> None:
    store = await open_sqlite(Path(sys.argv[1]))
    say("open")
    if sys.argv[2:3] == ["append"]:
        await asyncio.gather(*(keep_appending(store, sender, sys.argv[3]) for sender in range(8)))
    await asyncio.to_thread(sys.stdin.read)
    await store.close()


asyncio.run(main())
