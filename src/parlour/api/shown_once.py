"""New links and tokens on their way to the page that shows them: a form leads there, so a reload makes no other one."""

from __future__ import annotations

from typing import NamedTuple

from parlour.api.forms import see_other, wants_html
from parlour.chat.ports import Clock, Ids
from parlour.http.fields import Fields
from parlour.http.request import Request
from parlour.http.response import Response

KEPT_S = 60.0
"""How long a browser may take to ask for the page."""

MOST = 1000
"""Values on their way; one more drops the oldest, which its page then does not show."""


class NewSecret(NamedTuple):
    """A link, or a token, and what a page says beside it."""

    secret: str
    about: str


class _Kept(NamedTuple):
    value: NewSecret
    session: str
    until: float


class ShownOnce:
    """Links and tokens that were made and not shown yet, in memory. All methods are called on the event loop.

    The address of the page has a number that says nothing: what it stands for is shown once, to the session that has
    made it. With a session, pages are asked for by GET again; whoever asks in another way is answered at once.
    """

    def __init__(self, clock: Clock, ids: Ids, is_shared: bool = False) -> None:
        """`is_shared`: another node, which knows nothing of it, may be asked for the page; so none is asked for."""
        self._is_shared = is_shared
        self._clock = clock
        self._ids = ids
        self._kept: dict[str, _Kept] = {}  # the oldest first

    def __len__(self) -> int:
        return len(self._kept)

    def lead_to(self, request: Request, path: str, value: NewSecret, fields: Fields) -> Response | None:
        """The way to the page at `path` that shows it (RFC 9110 §15.4.4); None if the answer has to show it itself."""
        session = request.actor.sign_in if request.actor.credential == "session" else None
        if session is None or self._is_shared or not wants_html(request):
            return None
        now = self._clock.monotonic()
        for number in [number for number, kept in self._kept.items() if kept.until <= now]:
            del self._kept[number]
        if len(self._kept) >= MOST:
            del self._kept[next(iter(self._kept))]
        number = self._ids.token()
        self._kept[number] = _Kept(value, session, now + KEPT_S)
        return see_other(request, f"{path}{'&' if '?' in path else '?'}new={number}", fields)

    def take(self, request: Request) -> NewSecret | None:
        """Take the secret that the page shows this once; None if there is none, or it belongs to another session."""
        number = request.query.get("new", [""])[0]
        kept = self._kept.get(number)
        if kept is None or request.method != "GET" or kept.session != request.actor.sign_in:
            return None
        del self._kept[number]
        return kept.value if kept.until > self._clock.monotonic() else None
