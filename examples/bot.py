"""An echo bot that can be killed at any moment: it answers every message exactly once.

    .venv/bin/python examples/bot.py http://127.0.0.1:8080/lobby bot.cursor

Where it got to is in the file (the number of the last event it saw, with the epoch of the log). What makes a crash
between answering and remembering harmless is the key: it is made from the event that is answered, so a second answer to
the same event is not stored.
"""

import os
import sys
from pathlib import Path

from parlour.client import Client, Event, Reset

NAME = "echo"


def main(address: str, cursor_file: Path) -> None:
    """Answer every message from the last remembered one on, for ever."""
    cursor = cursor_file.read_text().strip() if cursor_file.exists() else None
    with Client(address, name=NAME) as room:
        feed = room.follow(since=cursor)
        for item in feed:
            if isinstance(item, Event) and item.type == "message" and item.by.name != NAME and item.text:
                room.send(f"{item.by.name} said: {item.text}", key=f"echo-to-{item.seq}")
            elif isinstance(item, Reset):
                print(f"the log was reset ({item.reason}); going on after {feed.cursor}", file=sys.stderr)
            if feed.cursor is not None:
                remember(cursor_file, str(feed.cursor))


def remember(file: Path, cursor: str) -> None:
    """Replace the file in one step, so that it is never half written."""
    new = file.with_suffix(".new")
    new.write_text(cursor)
    os.replace(new, file)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        print("usage: bot.py URL FILE", file=sys.stderr)
        sys.exit(2)
    main(sys.argv[1], Path(sys.argv[2]))
