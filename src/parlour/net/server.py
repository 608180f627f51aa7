"""Resources that all connections of one process share: limits, the application, the wheel, the count of connections."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

from parlour.core.addresses import AddressBuckets, AddressCounts
from parlour.core.errors import Refusal
from parlour.core.limits import Limits
from parlour.http.request import OPERATOR_ADDRESS, Application, Peer, Site
from parlour.http.response import Response
from parlour.http.throttle import Throttle
from parlour.log import WARNING, event
from parlour.net.deadlines import Wheel
from parlour.net.drain import Drain, Drainable
from parlour.net.fanout import FanOut
from parlour.net.large import LargeAnswers
from parlour.net.proxies import TrustedProxies, address_key
from parlour.wire.http1 import RequestDecoder, RequestHead
from parlour.wire.http1_head import head_parser

log = logging.getLogger("parlour.net")

LINGERING = 100
"""Refused connections that may linger to ask and have their refusal read; beyond that, the oldest is cut."""

REFUSALS_EVERY_S = 10
"""Between two lines about refused connections: a flood of these must not become a flood of lines."""

OnAnswer = Callable[[str, str, int, float, str], None]
"""Called for every answer: method, path as it was sent (without query), status, seconds, address of the client.

The seconds are those from the last byte of the request on; 0 for one that did not arrive. Of a request that could not
be read at all, method and path are `-`.
"""

IGNORED_EVERY_S = 60.0
"""How often the log says that somebody who is no trusted proxy says who asks."""


@dataclass(kw_only=True, eq=False)
class Server:
    """The connections of one process: what they share, and their registry. Everything runs on the event loop."""

    application: Application
    wheel: Wheel
    drain: Drain
    limits: Limits
    proxies: TrustedProxies
    max_connections: int
    limit_addresses: bool
    fan_out: FanOut
    throttle: Throttle
    large: LargeAnswers
    on_answer: OnAnswer | None = None
    site: Site | None = None
    user_field: bytes | None = None
    """The field in which a trusted proxy says who asks, in lower case; None if none does."""
    lingering: int = LINGERING

    def __post_init__(self) -> None:
        wheel, limits = self.wheel, self.limits
        self.behind_proxy = bool(self.proxies)
        self.loop = asyncio.get_running_loop()
        self.read_ticks = tuple(  # how long a connection waits: between requests, for a head, for a body
            wheel.ticks(seconds) for seconds in (limits.keep_alive_s, limits.header_read_s, limits.body_read_s)
        )
        self._parse_head = head_parser(limits)
        self.refused: dict[Drainable, Refusal] = {}
        """Connections that are one too many, oldest first, and why: whatever they ask is answered so."""
        self._refusals = {code: RefusalLog(wheel) for code in ("overloaded", "too_many_connections")}
        self._open = AddressCounts(limits.address_connections)
        self._new = AddressBuckets(limits.address_new_per_10_s / 10, limits.address_new_per_10_s)
        self._date = b""
        self._quiet_until = 0.0
        self._date_second = -1

    def opened(self, connection: Drainable, address: str) -> None:
        """Register a connection. A surplus one is `refused`: its first request is answered with the reason.

        Refused connections do not count for the limits.
        """
        self.drain.opened(connection)
        refusal = None if address == OPERATOR_ADDRESS else self._refusal(self._key(address))
        if refusal is not None:
            self.refused[connection] = refusal
            self._refusals[refusal.code].refused(refusal, address)
            if len(self.refused) > self.lingering:
                oldest = next(iter(self.refused))
                # To the end: it is lost only in a later iteration, and the next one to cut has to come first.
                self.refused[oldest] = self.refused.pop(oldest)
                oldest.abort()

    def _refusal(self, key: str | None) -> Refusal | None:
        """Why there is one connection too many; None if there is not, and then it has been counted."""
        if len(self.drain.connections) - len(self.refused) > self.max_connections:
            return Refusal("overloaded", "The server has as many connections as it can hold.", retry_after=5)
        if key is None:
            return None
        wait = self._new.take(key, self.loop.time())
        if wait > 0.0:
            return Refusal("too_many_connections", "Your address opens connections too fast.", retry_after=wait)
        if not self._open.enter(key):
            detail = f"Your address has {self._open.most} connections open: that is all it may have."
            return Refusal("too_many_connections", detail, retry_after=5)
        return None

    def replaced(self, connection: Drainable, successor: Drainable) -> None:
        """Another object speaks for a connection from now on, and is counted as the one before was."""
        refusal = self.refused.pop(connection, None)
        if refusal is not None:
            self.refused[successor] = refusal
        self.drain.opened(successor)
        self.drain.closed(connection)

    def closed(self, connection: Drainable, address: str) -> None:
        """Forget a connection."""
        self.drain.closed(connection)
        if self.refused.pop(connection, None) is None and (key := self._key(address)) is not None:
            self._open.leave(key)

    def _key(self, address: str) -> str | None:
        """What the connections of a peer are counted by; None for one that may have as many as there are."""
        is_limited = self.limit_addresses and address != OPERATOR_ADDRESS and not self.proxies.trusts(address)
        return address_key(address) if is_limited else None

    def table(self) -> list[dict[str, object]]:
        """The table of all connections, with what each is doing (for SIGUSR1)."""
        return [connection.describe() for connection in self.drain.connections]

    def sizes(self) -> dict[str, int]:
        """How many connections there are, and how many addresses are kept for them."""
        return {
            "connections": len(self.drain.connections),
            "addresses": len(self._open),
            "rates_of_connecting": len(self._new),
            "large_answers_bytes": self.large.total,
        }

    def decoder(self) -> RequestDecoder:
        """The receiving half of a new connection."""
        return RequestDecoder(self.limits, self._parse_head)

    def render(self, fault: BaseException, head: RequestHead | None, address: str) -> Response:
        """An error of a handler or decoder, as the application shows it; if that fails too, in the plainest words."""
        if not isinstance(fault, Refusal):
            log.error("handler_failed", exc_info=fault)
            fault = Refusal("internal")
        try:
            return self.application.render(fault, head, self.prefix(address, head))
        except Exception:
            log.exception("refusal_not_rendered")
            return Response(fault.kind.status, f"error: {fault.detail} ({fault.code})\n".encode())

    def report(self, head: RequestHead | None, status: int, began: float, address: str) -> None:
        """Tell `on_answer` of an answer; `began` is the loop's time when the request was there, 0 if it never was."""
        if self.on_answer is None:
            return
        seconds = self.loop.time() - began if began else 0.0
        if head is None:
            self.on_answer("-", "-", status, seconds, address)
        else:
            path = head.target.partition(b"?")[0].decode("latin-1")
            client = self.peer(address, head, False).address if self.behind_proxy else address
            self.on_answer(head.method, path, status, seconds, client)

    def peer(self, address: str, head: RequestHead, tls: bool) -> Peer:
        """The client of a request: the peer, or the one that a trusted proxy names."""
        prefix = self.prefix(address, head)
        direct = address
        address, scheme, host = self.proxies.resolve(address, head)
        scheme = scheme or ("https" if tls else "http")
        user = None if self.user_field is None else self._user(direct, head, self.user_field)
        return Peer(address, address_key(address), scheme, host, prefix, self.site, user)

    def _user(self, address: str, head: RequestHead, field: bytes) -> str | None:
        """Who asks by the word of a trusted proxy. From others it counts for nothing, and stands in the log."""
        user = self.proxies.user(address, head, field)
        if user is None and head.get(field) and address != OPERATOR_ADDRESS:
            now = self.loop.time()
            if now >= self._quiet_until:
                self._quiet_until = now + IGNORED_EVERY_S
                event(
                    log, "user_header_ignored", WARNING, meaning="it does not come from a trusted proxy", peer=address
                )
        return user

    def prefix(self, address: str, head: RequestHead | None) -> str:
        """The path below which a peer sees this server: the configured one, or what a trusted proxy says."""
        if self.site is not None:
            return self.site.prefix
        return "" if head is None else self.proxies.prefix(address, head)

    def date(self) -> bytes:
        """The value of the Date field, made once a second (RFC 9110 §6.6.1)."""
        second = int(self.loop.time())
        if second != self._date_second:
            self._date_second = second
            self._date = formatdate(usegmt=True).encode()
        return self._date


class RefusalLog:
    """Says in the log that connections are refused with one code: at first, every ten seconds, and when that is over.

    It is an entry of the wheel (`net.deadlines.Entry`) while any are refused.
    """

    def __init__(self, wheel: Wheel) -> None:
        self.due = self.bucket = 0
        self._wheel = wheel
        self._new = self._all = 0

    def refused(self, refusal: Refusal, address: str) -> None:
        """Count one more. The newest refusal and its address stand in the next line as an example."""
        self._new += 1
        self._all += 1
        self._newest, self._address = refusal, address
        if not self.due:
            self.expire()

    def expire(self) -> None:
        """Write a line: it is the first one, or ten seconds have passed since the last."""
        reason, meaning, address = self._newest.code, self._newest.detail, self._address
        if not self._new:
            event(log, "connections_refused_no_more", reason=reason, refused=self._all)
            self._all = 0
            return
        new, self._new = self._new, 0
        event(log, "connections_refused", WARNING, reason=reason, meaning=meaning, refused=new, last_address=address)
        self._wheel.set(self, REFUSALS_EVERY_S)
