"""Checks every request before its handler: who asks, from which page, under which name, and how fast."""

from __future__ import annotations

from asyncio import CancelledError, create_task
from collections.abc import Coroutine
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import unquote

from parlour.api.context import Context
from parlour.api.credentials import credentials_of, pass_of, ticket_of
from parlour.chat.identities import Credentials
from parlour.chat.reading import REQUEST_S, Bill, Place
from parlour.core.actor import OPERATOR, Actor, guest, guest_token
from parlour.core.errors import Refusal
from parlour.core.gone_guests import pass_ended
from parlour.core.names import room_name
from parlour.core.permissions import Right
from parlour.core.secret import secret_in
from parlour.http.request import OPERATOR_ADDRESS, Peer, Request

T = TypeVar("T")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_COOKIE = "parlour_guest"
_SECURE_COOKIE = "__Host-parlour_guest"
"""Browsers keep others from setting a __Host- cookie (RFC 6265bis §4.1.3.2), but accept it over HTTPS only."""

_SECURE_COOKIE_BELOW = "__Secure-parlour_guest"
"""A __Host- cookie is one of the whole site; a server below a path has its own, and sees no other's."""

NAME_COOKIE = "parlour_name"
"""The display name, for browsers without scripts; it identifies nobody."""


@lru_cache(maxsize=256)
def _is_called(host: str, names: frozenset[str]) -> bool:
    """Whether a Host value is one of our names or of the machine itself; a client that sends none is no browser."""
    name = host.removesuffix("]").lower() if host.endswith("]") else host.rpartition(":")[0].lower() or host.lower()
    name = name.strip("[]").removesuffix(".")
    if not host or name in names or name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _cookie_name(peer: Peer) -> str:
    if peer.scheme != "https":
        return _COOKIE
    return _SECURE_COOKIE_BELOW if peer.prefix else _SECURE_COOKIE


def set_cookie(peer: Peer, name: str, value: str) -> bytes:
    """A Set-Cookie value for a year, for this server alone: not for scripts, nor for forms of other sites."""
    return f"{name}={value}; Path={peer.prefix or '/'}; Max-Age=31536000; HttpOnly; SameSite=Lax".encode()


def _is_own(origin: str, request: Request) -> bool:
    """Whether a page of this server asks, by its Origin alone, as browsers do that send no Sec-Fetch-Site."""
    scheme, _, authority = origin.partition("://")
    if origin == request.origin:
        return True
    # Over plain HTTP the scheme is not known: a proxy that ends TLS may not tell us that it did.
    schemes = ("https",) if request.peer.scheme == "https" else ("http", "https")
    return scheme in schemes and authority != "" and authority == request.host


def _origin_of(request: Request) -> bytes | None:
    """The origin of the page that a request comes from, if it says so."""
    origin, referrer = request.field(b"origin"), request.field(b"referer")
    if origin is None and referrer is not None:
        return b"/".join(referrer.split(b"/", 3)[:3])
    return origin


def _require_own_page(request: Request, origin: bytes | None) -> None:
    site = request.field(b"sec-fetch-site")
    # Browsers know best, also behind a proxy that changes Host and for forms of pages that tell no referrer.
    if site is not None:
        is_own = site in (b"same-origin", b"none")  # none: typed, a bookmark (Fetch Metadata §2.3)
    else:
        is_own = origin is None or _is_own(origin.decode("latin-1"), request)
    if not is_own:
        raise Refusal("cross_origin", "Pages of other sites may not do this here.")


def require_own_page(request: Request) -> None:
    """Refuse what a page of another site sends, also one that may ask otherwise: nobody is signed in from there.

    A program says nothing of a page, and passes. Raises Refusal("cross_origin").
    """
    _require_own_page(request, _origin_of(request))


def _room_in_path(request: Request) -> str:
    """The canonical name of the room in the address of a request; empty if there is none."""
    try:
        return room_name(request.params.get("room", ""))
    except Refusal:
        return ""


class Guard:
    """Checks every request against the one set of rules."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._policies = context.policies

    def check(self, request: Request) -> Credentials | None:
        """Let a request through to its handler, and say who asks; what is returned has to be identified first.

        Raises Refusal. A head with credentials comes with an admission of its own every time (`wire/http1_head.py`),
        so what has ended is found out with the next request.
        """
        admission = request.admission
        # No rule looks at anything else than head, route, peer and the access of the server.
        if admission.passed != request.peer or admission.passed_at != self._policies.gate_seq:
            self._check_name(request)
            ticket = ticket_of(request) if admission.takes_ticket else None
            if ticket is not None:
                return Credentials("ticket", ticket)
            credentials, user = credentials_of(request), request.peer.user
            if user is not None and (credentials is None or credentials.kind in ("session", "pass")):
                credentials = Credentials("proxy", user)
            actor = None
            if credentials is not None:
                actor = self._known(request, credentials)
                if actor is None:
                    return credentials
            self._let_in(request, actor or self._guest(request))
        request.actor = admission.actor
        return None

    async def identify(self, request: Request, credentials: Credentials) -> None:
        """Find out who asks, which has to wait for the disk, or for the hash of a password. Raises Refusal."""
        if credentials.kind == "ticket":  # an equal head is not let through again: the ticket in it is used up
            request.actor = await self._context.tickets.redeem(credentials.secret, request.peer.key)
            self._judge(request, request.actor)
            return
        actor = await self._identified(request, credentials)
        self._let_in(request, actor or self._guest_again(request))
        request.actor = request.admission.actor

    def _known(self, request: Request, credentials: Credentials) -> Actor | None:
        """Who asks with credentials that are in memory."""
        people, key = self._context.people, request.peer.key
        if credentials.kind == "proxy":
            return people.proxied.actor(credentials.secret, key)
        if credentials.kind == "pass":
            return people.known_passes.actor(credentials.secret, key, self._cookie(request))
        actor = people.identities.actor(credentials, key)
        if actor is None and credentials.kind == "token" and (secret := secret_in(credentials.secret)) is not None:
            return people.known_passes.actor(secret, key, self._cookie(request))
        return actor

    async def _identified(self, request: Request, credentials: Credentials) -> Actor | None:
        """Who asks, None for a guest without a pass: a session or a pass that has ended is no error. Raises Refusal."""
        people, key = self._context.people, request.peer.key
        if credentials.kind == "proxy":
            return await people.proxied.identify(credentials.secret, key)
        if credentials.kind == "pass":
            return await people.known_passes.identify(credentials.secret, key, self._cookie(request))
        try:
            actor = await people.identities.identify(credentials, key)
        except Refusal as refusal:
            secret = secret_in(credentials.secret) if credentials.kind == "token" else None
            if refusal.code != "bad_credentials" or secret is None:
                raise
            actor = await people.known_passes.identify(secret, key, self._cookie(request))
            if actor is None:
                ended = people.known_passes.ended(secret)
                raise refusal if ended is None else pass_ended(ended) from None
            return actor
        if actor is None and (secret := pass_of(request)) is not None:
            return await people.known_passes.identify(secret, key, self._cookie(request))
        return actor

    def _let_in(self, request: Request, actor: Actor) -> None:
        admission = request.admission
        self._judge(request, actor)
        # Whom a proxy names is looked up each time: their account may have ended, and the head is the same.
        passed = request.peer if request.peer.user is None else None
        admission.actor, admission.passed, admission.passed_at = actor, passed, self._policies.gate_seq

    def _judge(self, request: Request, actor: Actor) -> None:
        right = request.admission.right
        if right is not None:
            self._require(request, actor, right)
        if request.method not in SAFE_METHODS or request.head.upgrade is not None:
            self._check_origin(request, actor)

    def _require(self, request: Request, actor: Actor, right: Right) -> None:
        try:
            self._policies.require(actor, right, None)
        except Refusal as refusal:
            refusal.is_to_account = actor.account is not None
            if actor.ended_pass is None and actor.removed_pass is None:
                raise
            raise self._policies.with_reason(refusal, actor, right, _room_in_path(request)) from None

    def _check_name(self, request: Request) -> None:
        """Answer to our own names alone; the name that a proxy was called by must be one too, not instead of Host."""
        names = self._context.hosts
        if names is None or request.peer.address.startswith(("unix:", OPERATOR_ADDRESS)):
            return
        called = {"Host": request.head.host.decode("ascii", "replace"), "X-Forwarded-Host": request.peer.host}
        for field, host in called.items():
            if host is not None and not _is_called(host, names):
                raise Refusal("misdirected", "This server does not answer to that name (--allowed-hosts).", field=field)

    def _check_origin(self, request: Request, actor: Actor) -> None:
        """Refuse what a page of another site sends in the name of its visitor (CSRF, WebSocket hijacking).

        Who has a session, or is named by a proxy, must show where a request comes from: browsers in a terminal send a
        Referer only. Other sites that may ask (`allowed_origins`) ask as guests, or with a token: browsers add
        passwords by themselves, too.
        """
        origin = request.field(b"origin")
        if actor.credential in ("session", "proxy"):
            origin = _origin_of(request)
            if origin is None and request.field(b"sec-fetch-site") is None:
                raise Refusal("cross_origin", "The request does not say which page it comes from: use a token instead.")
        is_added = actor.credential in ("session", "password", "pass", "proxy")
        if not is_added and origin is not None and origin.decode("latin-1") in self._context.allowed_origins:
            return
        _require_own_page(request, origin)

    async def unless_ended(self, actor: Actor, waiting: Coroutine[Any, Any, T]) -> T:
        """Wait for something, as long as the actor is signed in. Raises Refusal("login_required") once that ends."""
        if actor.account is None:
            return await waiting
        task = create_task(waiting)
        refusals: list[Refusal] = []

        def end(refusal: Refusal) -> None:
            refusals.append(refusal)
            task.cancel()

        forget = self._context.people.identities.watch(actor, end)
        try:
            return await task
        except CancelledError:
            if refusals:
                raise refusals[0] from None
            raise
        finally:
            forget()
            task.cancel()

    def limit_reading(self, request: Request) -> Bill:
        """Count a request to read. Raises Refusal("rate_limited") for an address that has used up its time."""
        bill = self.bill(request)
        bill.check()
        bill.add(REQUEST_S)
        return bill

    def bill(self, request: Request) -> Bill:
        """The account on which the reading of an address is counted, without a check."""
        return Bill(self._context.reads, self._context.clock, request.peer.key)

    def place(self, request: Request) -> Place:
        """Count a stream or a waiting request that stays open. Raises Refusal("too_many_connections")."""
        return Place(self._context.places, request.peer.key)

    def _guest(self, request: Request) -> Actor:
        """Who asks without credentials: by the operator's socket, or a guest with a cookie, else by the address."""
        if request.peer.address == OPERATOR_ADDRESS:
            return OPERATOR
        return guest(self._token(request), request.peer.key)

    def _guest_again(self, request: Request) -> Actor:
        """The same of a guest whose pass opens nothing any more."""
        actor, secret = self._guest(request), pass_of(request)
        ended = None if secret is None else self._context.people.known_passes.ended(secret)
        return actor if ended is None else actor._replace(ended_pass=ended)

    def page_actor(self, request: Request) -> tuple[Actor, bytes | None]:
        """The actor that will send the forms of a page, with a Set-Cookie value if that is a new guest."""
        actor = request.actor
        if actor.account is not None or actor.guest_pass is not None or self._token(request) is not None:
            return request.actor, None
        token = guest_token(self._context.ids.token(), self._context.clock.now_ms())
        cookie = set_cookie(request.peer, _cookie_name(request.peer), self._context.people.guest_cookies.sealed(token))
        secure = b"; Secure" if request.peer.scheme == "https" else b""
        return guest(token, request.peer.key), cookie + secure

    def last_name(self, request: Request) -> str:
        """The display name a browser used last in a form; empty if none."""
        return unquote(request.cookie(NAME_COOKIE) or "")[:64]

    def _token(self, request: Request) -> str | None:
        """The token in the cookie of a guest, if this server has sealed it."""
        cookie = self._cookie(request)
        return None if cookie is None else self._context.people.guest_cookies.token_of(cookie)

    def _cookie(self, request: Request) -> str | None:
        """The cookie of a guest, whoever made it."""
        return None if request.field(b"cookie") is None else request.cookie(_cookie_name(request.peer))
