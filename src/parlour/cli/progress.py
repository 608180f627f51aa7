"""Says how far a copy is, on standard error, to a person who watches; a mail of cron gets none of it."""

from __future__ import annotations

import sys
from contextlib import suppress


def show(left: int, pages: int) -> None:
    """Write how many per cent are done over what was written before; remove it when all is done."""
    with suppress(OSError, ValueError):  # a terminal that is gone is no reason to stop
        if sys.stderr.isatty():
            percent = f"\r{100 * (pages - left) // max(pages, 1):3} %" if left else "\r     \r"
            print(percent, end="", file=sys.stderr, flush=True)
