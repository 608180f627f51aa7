"""Has those who were refused for want of room wait before they are heard again, each a little behind the one before.

To refuse a message costs the loop nearly as much as to store it. Peers that send on without listening would have it do
little else, and however long a turn of the loop becomes, the disk gets one batch in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

APART_S = 0.004
LONGEST_S = 1.0
"""Nobody waits longer than the refusal says that it would take."""


class Aside:
    """How many wait: the more, the longer each. All methods are called on the event loop.

    One for the whole server: of WebSockets that were told `overloaded` and connections that were answered 503.
    """

    __slots__ = ("_count",)

    def __init__(self) -> None:
        self._count = 0

    def wait(self, back: Callable[[], None]) -> None:
        """Call `back` once, when it is this one's turn."""
        self._count += 1
        asyncio.get_running_loop().call_later(min(LONGEST_S, self._count * APART_S), self._return, back)

    def _return(self, back: Callable[[], None]) -> None:
        self._count -= 1
        back()
