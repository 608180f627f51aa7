"""One row of the HTTP/1.1 conformance table: what a peer may send and what must come of it.

Every case starts on a new connection. The codec must give exactly `accepted`, then `refusal` or the state `rest`. The
server must give `answers` final responses (a `100 Continue` may come before one), the last with `status` if there is a
refusal, and close the connection after it if `closes`. Accepted requests go to /healthz, /lobby or a path that does
not exist: what the handlers make of them is not the matter here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from parlour.core.errors import ERRORS

Rest = Literal["between", "head", "body"]

HOST = b"parlour.test"
MAX_BODY = 65536


@dataclass(frozen=True)
class Taken:
    """One request that is accepted."""

    method: str = "GET"
    target: bytes = b"/healthz"
    body: bytes = b""
    keep_alive: bool = True
    host: bytes = HOST
    upgrade: bytes | None = None
    continues: bool = False
    minor: int = 1


@dataclass(frozen=True)
class Case:
    """Bytes on a new connection and what must come of them."""

    name: str
    section: str
    data: bytes
    accepted: tuple[Taken, ...] = ()
    refusal: str | None = None
    rest: Rest = "between"
    """Without a refusal: where the bytes end. After "head" and "body" a half-close means an incomplete request."""

    @property
    def status(self) -> int | None:
        """The status of the last answer, if it comes from the codec."""
        return ERRORS[self.refusal].status if self.refusal else None

    @property
    def answers(self) -> int:
        """How many final responses a server sends for these bytes."""
        return len(self.accepted) + (self.refusal is not None)

    @property
    def closes(self) -> bool:
        """Whether the server closes the connection by itself after the last answer."""
        return self.refusal is not None or (bool(self.accepted) and not self.accepted[-1].keep_alive)


def message(line: str | bytes, *fields: str | bytes, body: bytes = b"", host: bytes | None = b"Host: " + HOST) -> bytes:
    """A request of a first line, a Host field unless `host` is None, further fields, and a body."""
    lines = [line, *([host] if host is not None else []), *fields]
    return b"".join((x.encode("latin-1") if isinstance(x, str) else x) + b"\r\n" for x in lines) + b"\r\n" + body


GET = "GET /healthz HTTP/1.1"
POST = "POST /lobby HTTP/1.1"
PLAIN = message(GET)
TAKEN = Taken()
FRAMING = "bad_framing"


def ok(name: str, section: str, data: bytes, *accepted: Taken, rest: Rest = "between") -> Case:
    """A row of bytes that are accepted as far as they go."""
    return Case(name, section, data, accepted, None, rest)


def bad(name: str, section: str, data: bytes, refusal: str = FRAMING, *accepted: Taken) -> Case:
    """A row of bytes that are refused, after the accepted requests."""
    return Case(name, section, data, accepted, refusal)


def posted(body: bytes = b"hello", *, keep_alive: bool = True, continues: bool = False) -> Taken:
    """A message that is accepted."""
    return Taken("POST", b"/lobby", body, keep_alive, continues=continues)
