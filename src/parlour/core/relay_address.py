"""The addresses of NATS servers, which may have a password in them, and what is needed to be let in there."""

from __future__ import annotations

import re
from typing import NamedTuple

_SERVER = re.compile(
    r"(?P<scheme>nats|tls)://(?:(?P<user>[^:@/?#\[\],\s]*)(?P<password>:[^@/?#\[\],\s]*)?@)?"
    r"(?P<place>(?:[0-9A-Za-z_.-]+|\[[0-9a-fA-F:.]+\])(?::(?P<port>[0-9]{1,5}))?)/?"
)
"""`nats://USER:PASSWORD@HOST:PORT` (RFC 3986 §3): other characters of user and password are written as %XX."""

_FILES = ("creds", "ca", "cert", "key")


class RelayAddress(NamedTuple):
    """NATS servers that work together: `nats://…` in clear, `tls://…` encrypted or not at all; all alike.

    The files are of the query: `creds` (of the user, as `nsc` makes it), `ca` (certificates that may vouch for the
    servers, in place of those of the system), `cert` and `key` (of this node).
    """

    servers: tuple[str, ...]
    creds: str | None = None
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    @property
    def is_encrypted(self) -> bool:
        """Whether everything goes through TLS."""
        return self.servers[0].startswith("tls:")


def parse_relay_address(text: str) -> RelayAddress:
    """Read `SERVER,SERVER…?KEY=FILE&…`. Raises ValueError."""
    places, _, query = text.partition("?")
    servers = tuple(place.strip().removesuffix("/") for place in places.split(","))
    matches = [_SERVER.fullmatch(server) for server in servers]
    if not all(matches) or len({match["scheme"] for match in matches if match}) != 1:
        raise ValueError
    if any(int(match["port"] or 1) not in range(1, 65536) for match in matches if match):
        raise ValueError("a port is a number from 1 to 65535")
    files: dict[str, str] = {}
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        if name not in _FILES or not value or name in files:
            raise ValueError
        files[name] = value
    if ("cert" in files) != ("key" in files):
        raise ValueError("cert and key are given together")
    address = RelayAddress(servers, **files)
    if not address.is_encrypted and files.keys() & {"ca", "cert", "key"}:
        raise ValueError("certificates are for tls://")
    return address


def without_secret(text: str) -> str:
    """The addresses for people and logs: without passwords, and without a user that could be a token."""
    if "://" not in text and "@" not in text:
        return text
    places, _, query = text.partition("?")
    shown = []
    for place in places.split(","):
        match = _SERVER.fullmatch(place.strip())
        if match is None:
            return "an address that cannot be read"
        user = match["user"] if match["password"] is not None else None
        shown.append(f"{match['scheme']}://{'' if user is None else f'{user}@'}{match['place']}")
    known = [part for part in query.split("&") if part.partition("=")[0] in _FILES]
    return ",".join(shown) + ("?" if known else "") + "&".join(known)
