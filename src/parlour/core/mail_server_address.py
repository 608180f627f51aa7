"""The address of the mail server that mail is handed to, which may have a password in it."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

_SERVER = re.compile(
    r"(?P<scheme>smtps?)://(?:(?P<user>[^:@/?#\[\],\s]*)(?P<password>:[^@/?#\[\],\s]*)?@)?"
    r"(?P<host>[0-9A-Za-z_.-]+|\[[0-9a-fA-F:.]+\])(?::(?P<port>[0-9]{1,5}))?/?(?:\?(?P<query>.*))?"
)
"""`smtp://USER:PASSWORD@HOST:PORT` (RFC 3986 §3): other characters of user and password are written as %XX."""

_PORTS = {"smtp": 587, "smtps": 465}
_ON_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


class MailServer(NamedTuple):
    """Where mail is handed over: `is_tls` from the first byte (`smtps://`), else by STARTTLS, without which nothing is
    said where `needs_tls`. `ca` is a file of certificates that may vouch for the server, in place of the system's.
    """

    host: str
    port: int
    is_tls: bool
    needs_tls: bool
    user: str | None = None
    password: str | None = None
    ca: str | None = None


def parse_mail_server(text: str) -> MailServer:
    """Read `smtp[s]://[USER:PASSWORD@]HOST[:PORT][?starttls=off&ca=FILE]`. Raises ValueError.

    Over plain `smtp://` a line to another machine has to become encrypted; `starttls=off` is for one that nobody else
    can listen on, as inside of one machine's containers, and allows no password.
    """
    match = _SERVER.fullmatch(text)
    if match is None:
        raise ValueError
    scheme, host = match["scheme"], match["host"].strip("[]")
    port = int(match["port"] or _PORTS[scheme])
    if not 1 <= port <= 65535:
        raise ValueError("a port is a number from 1 to 65535")
    options: dict[str, str] = {}
    for part in match["query"].split("&") if match["query"] else ():
        name, _, value = part.partition("=")
        if name not in ("starttls", "ca") or not value or name in options:
            raise ValueError
        options[name] = value
    if options.get("starttls", "off") != "off" or (scheme == "smtps" and "starttls" in options):
        raise ValueError("starttls can be off, for smtp://")
    user = unquote(match["user"]) if match["user"] else None
    password = unquote(match["password"][1:]) if match["password"] else None
    if (user is None) != (password is None):
        raise ValueError("a user and a password are given together")
    is_local = host in _ON_THIS_MACHINE
    if user is not None and "starttls" in options and not is_local:
        raise ValueError("a password is not sent in clear: take starttls=off away")
    needs_tls = scheme == "smtp" and not is_local and "starttls" not in options
    return MailServer(host, port, scheme == "smtps", needs_tls, user, password, options.get("ca"))


def without_mail_password(text: str) -> str:
    """The address for people and logs."""
    if "://" not in text and "@" not in text:
        return text
    match = _SERVER.fullmatch(text)
    if match is None:
        return "an address that cannot be read"
    user = f"{match['user']}@" if match["password"] is not None else ""
    port = "" if match["port"] is None else f":{match['port']}"
    known = [part for part in (match["query"] or "").split("&") if part.partition("=")[0] in ("starttls", "ca")]
    return f"{match['scheme']}://{user}{match['host']}{port}{'?' if known else ''}{'&'.join(known)}"
