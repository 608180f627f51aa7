"""Says how far a copy is, on standard error, to a person who watches; a mail of cron gets none of it."""

from __future__ import annotations

import sys
from contextlib import suppress


def show(left: int, pages: int) -> None:
    """Write the share that is done over what was written before; all done, take it away."""
    with suppress(OSError, ValueError):  # a terminal that is gone is no reason to stop
        if sys.stderr.isatty():
            share = f"\r{100 * (pages - left) // max(pages, 1):3} %" if left else "\r     \r"
            print(share, end="", file=sys.stderr, flush=True)
