"""Takes accounts that were deleted out of the events that name them, in small steps, and goes on after a restart."""

from __future__ import annotations

import asyncio
import logging

from parlour.chat.deletions import Deletions, erase_some
from parlour.chat.ports import Store
from parlour.core.errors import Refusal
from parlour.core.payloads import AccountChanged, Payload

STEP_PAUSE_S = 0.02
RETRY_S = 10.0
"""Between two steps, and after a refusal, such as that of a full disk."""

_log = logging.getLogger("parlour.store")


class Erasing:
    """Works while there are deletions that have not been carried through; else it waits for one."""

    def __init__(
        self, store: Store, deletions: Deletions, *, step_pause_s: float = STEP_PAUSE_S, retry_s: float = RETRY_S
    ) -> None:
        self._store = store
        self._deletions = deletions
        self._step_pause_s = step_pause_s
        self._retry_s = retry_s
        self._is_due = asyncio.Event()

    def changed(self, payload: Payload) -> None:
        """Learn what an event of the server's log says."""
        if isinstance(payload, AccountChanged) and payload.what == "deleted":
            self._is_due.set()

    async def run(self) -> None:
        """Carry through what an earlier process has begun, then every deletion that comes; until cancelled."""
        while True:
            self._is_due.clear()
            try:
                await self._store.lead("erasing")
                await self.round()
            except Refusal as refusal:
                _log.warning("deleted accounts are erased later: %s", refusal)
                await asyncio.sleep(self._retry_s)
            else:
                await self._is_due.wait()

    async def round(self) -> None:
        """Carry through all deletions there are. Raises Refusal."""
        for deletion in await self._deletions.waiting():
            await self._deletions.end_memberships(deletion.account)
        is_more = await self._store.run(erase_some())
        while is_more:
            await asyncio.sleep(self._step_pause_s)
            is_more = await self._store.run(erase_some())
