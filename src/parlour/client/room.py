"""Where a room is: the address that a person types, taken apart once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urlsplit

from parlour.core.base_path import base_path
from parlour.core.direct import room_or_people
from parlour.core.errors import Refusal
from parlour.core.names import DEFAULT_ROOM


@dataclass(frozen=True, slots=True)
class Room:
    """A room on a server. `server` is `scheme://host[:port]` and the path below which it is, if it is below one
    (`https://example.org/chat`); `name` is the canonical name of the room, or `@` and the names of people.
    """

    server: str
    name: str

    @property
    def url(self) -> str:
        """The address of the room, percent-encoded: what every request of the client goes to."""
        return f"{self.server}/{quote(self.name, safe='@+')}"


def parse_room(address: str) -> Room:
    """Read `http://host:port/lobby`. Without a scheme it is http, without a path the room is `lobby`.

    The last segment of the path is the room; what is before it is where the server is (`https://example.org/chat/lobby`).

    Raises ValueError with a sentence for a person: another scheme, no host, a bad port, the address of a message,
    anything after the path, or a name that no room can have. A name and password are refused, because addresses end
    up in histories and process lists.
    """
    origin, parts = _origin(address)
    if parts.query or parts.fragment:
        raise ValueError("The address of a room ends with its name; leave out what follows ? or #.")
    before, _, segment = parts.path.removesuffix("/").rpartition("/")
    return Room(origin + _base(before, parts.path), _name(segment or DEFAULT_ROOM))


def parse_servers(address: str) -> list[str]:
    """Where a server may be that has something at `address`: a room, a page, or itself. The longest address first.

    Of `https://host/chat/lobby` these are it, `https://host/chat` and `https://host`. Raises ValueError as
    `parse_room` does.
    """
    origin, parts = _origin(address)
    path, found = parts.path.rstrip("/"), []
    while path:
        with suppress(ValueError):
            found.append(origin + base_path(path))
        path = path.rpartition("/")[0]
    return [*found, origin]


def _origin(address: str) -> tuple[str, SplitResult]:
    """`scheme://host[:port]` of an address, and its parts. Raises ValueError."""
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise ValueError(f"This is not an address: {exc}.") from exc
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"The address begins with http:// or https://, not with {parts.scheme}://.")
    if not host or not (host.isascii() and host.isprintable() and " " not in host):
        raise ValueError("The address has no usable host; expected http://host:port/room.")
    if parts.username is not None or parts.password is not None:
        raise ValueError("A name or password does not belong into an address: use `parlour login`, or PARLOUR_TOKEN.")
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + ("" if port is None else f":{port}"), parts


def _base(before: str, path: str) -> str:
    last = path.rpartition("/")[2]
    if before and last.isascii() and last.isdigit():
        raise ValueError(
            f"This looks like the address of message {last} in a room; that of the room ends before it."
            f" (A room called {last} below a path is written with a slash at its end.)"
        )
    try:
        return base_path(before + "/" if before else "")
    except ValueError:
        raise ValueError(
            "The address of a room ends with its name, such as http://host:port/lobby; a path before that"
            " has letters, digits and . _ ~ - only."
        ) from None


def _name(segment: str) -> str:
    try:
        return room_or_people(unquote(segment, errors="strict"))
    except UnicodeDecodeError as exc:
        raise ValueError("The name of the room is not percent-encoded UTF-8.") from exc
    except Refusal as refusal:
        raise ValueError(refusal.detail) from refusal
