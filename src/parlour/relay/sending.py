"""The base of relays that reach other processes: a task that sends, woken when there is something to be sent."""

from __future__ import annotations

import asyncio
from asyncio import Task

from parlour.relay.listeners import Listeners, line_of
from parlour.relay.outgoing import Outgoing


class SendingRelay(Listeners):
    """Half of `chat.ports.Relay`; a subclass starts `_task`, which waits for `_has_work`."""

    def __init__(self) -> None:
        super().__init__()
        self._has_work = asyncio.Event()
        self._outgoing = Outgoing(self._has_work.set)
        self._task: Task[None] | None = None

    def publish(self, kind: str, room: str, text: str) -> None:
        """See `Relay.publish`."""
        self._outgoing.put(room, line_of(kind, room, text))

    async def close(self) -> None:
        """See `Relay.close`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
