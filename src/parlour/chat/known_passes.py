"""The passes that were used last, in memory; they are forgotten when the server's log says that they changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from parlour.chat.guest_cookies import GuestCookies
from parlour.chat.guest_marks import GuestMarks
from parlour.chat.ports import Clock, Store
from parlour.chat.tables.passes import FIND_ENDED_PASS, FIND_PASS, EndedRow, FoundPass
from parlour.core.actor import Actor
from parlour.core.actor import guest as visitor
from parlour.core.guest_links import EndedPass, GuestPass
from parlour.core.payloads import GuestLinkChanged, PassChanged, Payload
from parlour.core.secret import digest

KEPT = 20_000
"""Passes kept in memory; another one costs a read."""


class _Known(NamedTuple):
    guest: GuestPass | None  # None: there is no such pass
    expires_ms: int
    actor: Actor | None = None  # who has asked last with it
    cookie: str | None = None  # that of a guest, which came with it then
    ended: EndedPass | None = None  # of a link that has ended
    browser: str | None = None  # by what the browser was known that got the pass


class KnownPasses:
    """Finds passes. All methods are called on the event loop."""

    def __init__(self, store: Store, clock: Clock, cookies: GuestCookies, marks: GuestMarks) -> None:
        self._store = store
        self._clock = clock
        self._cookies = cookies
        self._marks = marks
        self._known: dict[str, _Known] = {}  # by the digest of the secret
        self._of_link: dict[str, set[str]] = {}  # keys of `_known`
        self._changes = 0
        self._here: Counter[str] = Counter()  # ids of passes to what they have open

    def __len__(self) -> int:
        return len(self._known)

    def actor(self, secret: str, address: str, cookie: str | None = None) -> Actor | None:
        """The actor of a pass that is in memory; None if `identify` has to be asked.

        `cookie` is that of a guest, by which the same browser is known without the pass. Who asks again in the same way
        is the same `Actor`. A guest who was removed asks as any other visitor, with the note that they were.
        """
        key = digest(secret)
        known = self._known.get(key)
        if known is None or known.guest is None or known.expires_ms <= self._clock.now_ms():
            return None
        actor = known.actor
        if actor is None or actor.address != address or known.cookie != cookie:
            id_ = self._cookies.guest_id(cookie, address)
            # That with which the pass was got: to delete the cookie is no way out of a ban.
            browser = known.browser or (None if id_ is None else self._marks.own(id_))
            actor = Actor("guest", known.guest.id, "pass", address, guest_pass=known.guest, browser=browser)
            if known.guest.state == "removed":
                token = None if cookie is None else self._cookies.token_of(cookie)
                actor = visitor(token, address)._replace(removed_pass=known.guest, browser=browser)
            # Only cookies of this server are kept: others may be long.
            self._known[key] = known._replace(actor=actor, cookie=None if id_ is None else cookie)
        return actor

    async def identify(self, secret: str, address: str, cookie: str | None = None) -> Actor | None:
        """The actor of a pass; None if there is no such pass any more. Raises Refusal("storage_unavailable")."""
        key = digest(secret)
        known = self._known.get(key)
        if known is None or (known.guest is not None and known.expires_ms <= self._clock.now_ms()):
            await self._find(key)
        return self.actor(secret, address, cookie)

    def ended(self, secret: str) -> EndedPass | None:
        """The link that has ended of a pass that `identify` has just not found; None if nothing is known of it.

        None also for somebody who was never let in: they learn nothing of the rooms.
        """
        known = self._known.get(digest(secret))
        if known is None or known.guest is None:
            return None if known is None else known.ended
        if not known.guest.was_in:
            return None
        return EndedPass(known.guest.rooms, known.expires_ms)  # its time is over, and nobody has cleared up yet

    def opened(self, guest: str) -> Callable[[], None]:
        """Count a stream or WebSocket of a guest; call what is returned once when it has ended."""
        self._here[guest] += 1

        def closed() -> None:
            self._here[guest] -= 1
            if not self._here[guest]:
                del self._here[guest]

        return closed

    def is_here(self, guest: str) -> bool:
        """Whether a guest has a stream or a WebSocket open on this node."""
        return guest in self._here

    def changed(self, payload: Payload) -> None:
        """Forget what an event of the server's log says is another now."""
        if isinstance(payload, GuestLinkChanged) and payload.what != "made":
            self._forget(payload.link)
        elif isinstance(payload, PassChanged) and payload.what != "made":
            self._forget(payload.link, payload.guest)

    async def _find(self, key: str) -> None:
        """Read a pass, again if something has changed meanwhile."""
        changes = -1
        found: list[FoundPass] = []
        ended: list[EndedRow] = []
        while changes != self._changes:
            changes = self._changes
            found = await self._store.query(FIND_PASS(key))
            ended = [] if found else await self._store.query(FIND_ENDED_PASS(key))
        while len(self._known) >= KEPT:
            oldest = next(iter(self._known))
            self._drop(oldest)
        self._drop(key)
        if not found:
            self._known[key] = _Known(None, 0, ended=ended[0].ended if ended else None)
            return
        row = found[0]
        self._known[key] = _Known(row.guest, row.expires_ms, browser=row.browser or None)
        self._of_link.setdefault(row.link, set()).add(key)

    def _forget(self, link: str, guest: str | None = None) -> None:
        self._changes += 1
        for key in list(self._of_link.get(link, ())):
            known = self._known[key].guest
            if guest is None or (known is not None and known.id == guest):
                self._drop(key)

    def _drop(self, key: str) -> None:
        known = self._known.pop(key, None)
        if known is not None and known.guest is not None:
            keys = self._of_link[known.guest.link]
            keys.remove(key)
            if not keys:
                del self._of_link[known.guest.link]
