"""Ends sessions, tokens, invitations and guest links when their time is over, and forgets what was over for long.

What is open by a session or token ends with it. Nobody can use an invitation that is over: it only takes up space.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from parlour.chat.guest_link_steps import end_guest_links
from parlour.chat.guests import SYSTEM
from parlour.chat.identities import Identities
from parlour.chat.ports import Clock, Store
from parlour.chat.reports import KEPT_DAYS
from parlour.chat.server_log import append_to_log, end_invitations
from parlour.chat.tables.guest_links import GUEST_LINKS_UNTIL, GuestLink
from parlour.chat.tables.invitations import END_INVITATIONS_UNTIL, INVITATION_UNTIL
from parlour.chat.tables.passes import DROP_ENDED_PASSES, OLD_ENDED_PASS
from parlour.chat.tables.reports import DROP_NOTES, DROP_OLD_REPORTS, OLD_REPORT
from parlour.chat.tables.sign_ins import END_EXPIRED, SIGN_INS_UNTIL, USE_SIGN_IN, SignIn
from parlour.chat.transactions import Transaction
from parlour.core.durations import DAY_MS
from parlour.core.errors import Refusal
from parlour.core.guest_links import ENDED_KEPT_DAYS
from parlour.core.payloads import GuestLinkChanged, Payload, SignInChanged
from parlour.core.sign_outs import SignOut

AT_ONCE = 100
"""What one transaction ends of each kind."""

LOOK_EVERY_S = 1800.0
"""Half of the shortest time that a session or token lasts when it is made."""

AGAIN_S = 60.0
"""After a refusal, as on a full disk."""

_ENDED_KEPT_MS, _REPORTS_KEPT_MS = ENDED_KEPT_DAYS * DAY_MS, KEPT_DAYS * DAY_MS

_log = logging.getLogger("parlour.people")


class Expiry:
    """Waits for the next sign-in or guest link that expires. A session by which something is open lasts."""

    def __init__(self, store: Store, identities: Identities, clock: Clock) -> None:
        self._store = store
        self._identities = identities
        self._clock = clock
        self._is_sooner = asyncio.Event()

    def changed(self, payload: Payload) -> None:
        """Look again for the next end: a guest link may be made for five minutes."""
        if isinstance(payload, GuestLinkChanged):
            self._is_sooner.set()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            try:
                seconds = await self.round()
            except Refusal as refusal:
                _log.warning("the end of sign-ins has to wait: %s", refusal)
                seconds = AGAIN_S
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_sooner.wait(), seconds)
            self._is_sooner.clear()

    async def round(self) -> float:
        """End what has expired. Returns the seconds until something else may have. Raises Refusal."""
        now_ms = self._clock.now_ms()
        rows = await self._store.query(SIGN_INS_UNTIL(now_ms + int(LOOK_EVERY_S * 1000), AT_ONCE))
        due = [row for row in rows if row.expires_ms <= now_ms]
        # What is open here another node cannot know: it lasts longer before that could take it for over.
        in_use = [row for row in rows if now_ms < row.expires_ms < self._identities.open_until(row, now_ms)]
        is_invitation_due = await self._store.query(INVITATION_UNTIL(now_ms))
        links = await self._store.query(GUEST_LINKS_UNTIL(now_ms + int(LOOK_EVERY_S * 1000), 1))
        is_old = await self._store.query(OLD_ENDED_PASS(now_ms - _ENDED_KEPT_MS))
        is_old += await self._store.query(OLD_REPORT(now_ms - _REPORTS_KEPT_MS))
        if due or in_use or is_invitation_due or is_old or (links and links[0].expires_ms <= now_ms):
            await self._store.run(self._end([*due, *in_use], now_ms))
            return 0.0
        next_ms = [*(row.expires_ms for row in rows[:1]), *(link.expires_ms for link in links)]
        return (min(next_ms) - now_ms) / 1000 if next_ms else LOOK_EVERY_S

    def _end(self, due: Sequence[SignIn], now_ms: int) -> Transaction[None]:
        for row in due:
            until_ms = self._identities.open_until(row, now_ms)
            if until_ms > now_ms:
                yield USE_SIGN_IN(row.id, now_ms, until_ms)
            elif (yield END_EXPIRED(row.id, now_ms)):  # it may have been used just now
                why: SignOut = "idle" if self._identities.is_idle(row) else "over"
                yield append_to_log(SYSTEM, SignInChanged("ended", row.account, row.id, row.label, why))
        yield from end_invitations(SYSTEM, END_INVITATIONS_UNTIL(now_ms, AT_ONCE))
        over: list[GuestLink] = yield GUEST_LINKS_UNTIL(now_ms, AT_ONCE)
        yield from end_guest_links(SYSTEM, over)
        yield DROP_ENDED_PASSES(now_ms - _ENDED_KEPT_MS, AT_ONCE)
        dropped: list[str] = yield DROP_OLD_REPORTS(now_ms - _REPORTS_KEPT_MS, AT_ONCE)
        for report in dropped:
            yield DROP_NOTES(report)
