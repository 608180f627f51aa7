"""An operation as one row: its address, parameters, body, right, rate, answers, refusals and example.

The row is a decorator and stands above its handler. Routing, parsing, the guard, the OpenAPI document, `docs/api.md`
and the permission matrix are made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeVar

from msgspec import Struct

from parlour.api.parameters import TICKET, Parameter, Parameters
from parlour.core.errors import ERRORS
from parlour.core.permissions import BY_PASS, Right
from parlour.http.router import WEBSOCKET

ANY_REQUEST = (
    "bad_request", "bad_framing", "bad_host", "bad_credentials", "request_timeout", "too_large", "uri_too_long",
    "expectation_failed", "rate_limited", "too_many_connections", "headers_too_large", "internal", "not_implemented",
    "overloaded", "http_version",
)  # fmt: skip
"""The refusals that every request can meet, before its handler: wrong passwords in `Authorization` have a rate."""

GONE = ("removed", "link_gone")
"""What guests by a link are told who are in the room no more. Rows with `{room}` in the path have these anyway."""

_TAGS = {
    **{part: part for part in ("messages", "rooms", "members", "stream", "accounts", "invitations")},
    **dict.fromkeys(("session", "sign-ins", "tickets", "tokens"), "sign-ins"),
    **dict.fromkeys(("me", "bots", "password"), "accounts"),
    "factors": "sign-ins",
    "passkeys": "sign-ins",
    "settings": "server",
    "mail": "server",
    "join": "members",
    **dict.fromkeys(("guest-links", "guests", "pass"), "guests"),
}
"""The groups of the OpenAPI document, by a part of the path."""

H = TypeVar("H", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Success:
    """An answer. Every one of the header fields in `always` is there, those in `sometimes` may be."""

    status: int
    help: str
    type: Any = None
    media: str = "application/json"
    also: tuple[str, ...] = ()
    """Other media types that it can have."""
    always: tuple[str, ...] = ()
    sometimes: tuple[str, ...] = ()
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Ids of operations that go on from here: their parameters as runtime expressions (OAS 3.1 §4.8.20.3)."""


@dataclass(frozen=True, eq=False)
class Operation:
    """One row. `method` is one of HTTP, or `WEBSOCKET` for the handshake of one; `path` has `{parameters}`."""

    method: str
    path: str
    summary: str
    _: KW_ONLY
    right: Right | None
    """The right that the actor needs; None where the answer is public."""
    page_for: Right | None = None
    """The right that those who are signed in need for a page to which everybody else is led by signing in."""
    parameters: type[Struct] | None = None
    """The type of the handler's second argument."""
    rate: Literal["reading", "sending"] | None = None
    """`reading` is counted before the handler; `sending` when the room and the author of a message are known."""
    body: type[Struct] | None = None
    """The type of the body as JSON; it arrives whole before the handler is called. None: one that comes is refused."""
    example: str = ""
    """The arguments of a `curl` that uses it; empty for a WebSocket.

    `{url}` is where the server is, `{epoch}` its epoch, `{file}` the name of a file, `{data}` the data directory.
    """
    id: str = ""
    """The name in the OpenAPI document, which describes those that have one."""
    help: str = ""
    answers: tuple[Success, ...] = ()
    refusals: tuple[str, ...] = ()
    """Codes beside those that follow from the rest of the row, and those that every request can meet."""
    long_for: str = ""
    """For a short address: the method and path of the operation that it stands for."""

    def __call__(self, handler: H) -> H:
        """Declare that a method of a resource answers this operation."""
        vars(handler).setdefault("operations", []).append(self)
        return handler

    def short(self, method: str, path: str, summary: str, **changes: Any) -> Operation:
        """The row of another address for the same: with the right, rate, body and parameters of this one, or others."""
        return replace(
            self, method=method, path=path, summary=summary, id="", answers=(), long_for=self.name, **changes
        )

    @property
    def name(self) -> str:
        """`GET /{room}`."""
        return f"{self.method} {self.path}"

    @property
    def tag(self) -> str:
        """Its group in the OpenAPI document."""
        named = [_TAGS[part] for part in self.path.split("/") if part in _TAGS]
        return named[-1] if named else "server"

    @cached_property
    def parser(self) -> Parameters[Struct] | None:
        """Makes the parameters of a request. In the address of a WebSocket those that nobody knows are ignored."""
        if self.parameters is None:
            return None
        return Parameters(self.parameters, self.path, ignores_unknown=self.method == WEBSOCKET)

    @property
    def parameter_rows(self) -> Sequence[Parameter]:
        """The parameters, those of the path first."""
        return () if self.parser is None else self.parser.rows

    @cached_property
    def takes_ticket(self) -> bool:
        """Whether a ticket in the address can say who asks."""
        return any(row.name == TICKET for row in self.parameter_rows)

    def specific_refusals(self) -> list[str]:
        """The codes that not every request can meet, in the order of the error table."""
        codes = {*self.refusals, *(() if self.parser is None else self.parser.refusals)}
        codes |= {"login_required", "forbidden"} if self.right is not None else set()
        codes |= {*GONE} if self.right in BY_PASS and "{room}" in self.path else set()
        codes |= {"second_factor_required"} if self.right not in (None, "factor") else set()
        codes |= {"rate_limited"} if self.rate is not None else set()
        codes |= {"cross_origin"} if self.method in ("POST", "PUT", "PATCH", "DELETE", WEBSOCKET) else set()
        return [code for code in ERRORS if code in codes]


def rows(resource: type) -> Iterator[tuple[Operation, str]]:
    """The operations of a resource, in the order of the file, each with the name of the method that answers it."""
    for name, function in vars(resource).items():
        for operation in reversed(getattr(function, "operations", ())):  # decorators are called from the lowest up
            yield operation, name
