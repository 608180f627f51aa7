"""The relay of nodes that are in one process; a single node has nobody to tell."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from parlour.relay.listeners import Listeners, line_of


class LocalRelay(Listeners):
    """Implements `chat.ports.Relay` without leaving the process."""

    def __init__(self, others: Iterable[LocalRelay] = ()) -> None:
        super().__init__()
        self._others = list(others)
        self._secret: bytes | None = None
        for other in self._others:
            other._others.append(self)

    def start(self, secret: bytes) -> None:
        """See `Relay.start`."""
        self._secret = secret

    def publish(self, kind: str, room: str, text: str) -> None:
        """See `Relay.publish`."""
        if self._secret is not None:
            for other in self._others:
                if other._secret == self._secret:
                    asyncio.get_running_loop().call_soon(other.tell, line_of(kind, room, text))

    async def close(self) -> None:
        """See `Relay.close`."""
        self._secret = None
