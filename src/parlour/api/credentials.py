"""The credentials of a request: Authorization (a token, or name and password), or the cookie of a session."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from functools import lru_cache
from ipaddress import ip_address

from parlour.api.parameters import TICKET
from parlour.chat.identities import Credentials
from parlour.core.errors import Refusal
from parlour.core.secret import PASS_COOKIE, SESSION_COOKIE, TOKEN_PREFIX
from parlour.http.fields import FieldName, Fields
from parlour.http.request import Peer, Request

SECRET_CHARS = 43
"""Of the secret in the cookie; another length is no session."""


CODE_FIELD = b"parlour-code"
"""The field for a code of a second factor, beside a password."""

DEVICE_COOKIE = "parlour_device"


def credentials_of(request: Request) -> Credentials | None:
    """Read the credentials of a request; None for a guest.

    Raises Refusal("bad_credentials") for what cannot be read, ("forbidden") for a password that others could read.
    """
    authorization = request.field(b"authorization")
    if authorization is not None:
        code = request.field(CODE_FIELD) or b""
        credentials = _authorization(authorization, code.decode("latin-1"))
        if credentials.kind == "password" and not may_have_session(request.peer):
            raise Refusal("forbidden", "Over plain HTTP a password can be read on its way here: use HTTPS, or a token.")
        return credentials
    if request.field(b"cookie") is None:
        return None
    secret = request.cookie(session_cookie(request.peer)) if may_have_session(request.peer) else None
    if secret is not None and len(secret) == SECRET_CHARS:
        return Credentials("session", secret)
    found = pass_of(request)
    return None if found is None else Credentials("pass", found)


def pass_of(request: Request) -> str | None:
    """The secret in the cookie of a guest who came by a link.

    It counts over plain HTTP, too: a class may be in a network of its own, where what is said is as open.
    """
    secret = request.cookie(pass_cookie(request.peer))
    return None if secret is None or len(secret) != SECRET_CHARS else secret


def ticket_of(request: Request) -> str | None:
    """The ticket in the address. Raises Refusal("bad_parameter") where it is not all that says who asks."""
    ticket = request.parameter(TICKET) if request.query_string else None
    if ticket is not None and request.field(b"authorization") is not None:
        raise Refusal("bad_parameter", "Send a ticket or Authorization, not both.", field=TICKET)
    return ticket


def session_cookie(peer: Peer) -> str:
    """The name of the cookie: over HTTPS one that no other site or subdomain can set (RFC 6265bis §4.1.3)."""
    if peer.scheme != "https":
        return SESSION_COOKIE
    return f"__Secure-{SESSION_COOKIE}" if peer.prefix else f"__Host-{SESSION_COOKIE}"


def pass_cookie(peer: Peer) -> str:
    """The name of the cookie that the pass of a guest is in."""
    return session_cookie(peer).replace(SESSION_COOKIE, PASS_COOKIE)


def set_pass_cookie(peer: Peer, secret: str, max_age_s: int) -> bytes:
    """The value of the Set-Cookie field that gives a guest a pass; with `max_age_s` 0 it is taken away."""
    return set_cookie(peer, secret, max_age_s).replace(SESSION_COOKIE.encode(), PASS_COOKIE.encode(), 1)


def without_pass(peer: Peer) -> Fields:
    """The header fields that take the pass of a guest from a browser."""
    return ((FieldName.SET_COOKIE, set_pass_cookie(peer, "", 0)),)


def may_have_session(peer: Peer) -> bool:
    """Whether a session is safe on the way: over HTTPS, or within this machine."""
    return peer.scheme == "https" or _is_within(peer.address)


@lru_cache(maxsize=4096)
def _is_within(address: str) -> bool:
    """Whether an address is of this machine."""
    if address.startswith("unix:"):
        return True
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def set_cookie(peer: Peer, secret: str, max_age_s: int) -> bytes:
    """The value of the Set-Cookie field that begins a session; an empty secret with `max_age_s` 0 ends it."""
    flags = "; Secure" if peer.scheme == "https" else ""
    path = peer.prefix or "/"
    return (
        f"{session_cookie(peer)}={secret}; Path={path}; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{flags}"
    ).encode()


def device_cookie(peer: Peer) -> str:
    """The name of the cookie that stays on a device which has signed in."""
    return session_cookie(peer).replace(SESSION_COOKIE, DEVICE_COOKIE)


def set_device_cookie(peer: Peer, value: str) -> bytes:
    """The value of the Set-Cookie field by which a device is known again, for a year."""
    flags = "; Secure" if peer.scheme == "https" else ""
    return (
        f"{device_cookie(peer)}={value}; Path={peer.prefix or '/'}; Max-Age=31536000; HttpOnly; SameSite=Lax{flags}"
    ).encode()


def _authorization(value: bytes, code: str) -> Credentials:
    scheme, _, rest = value.decode("latin-1").partition(" ")
    if scheme.lower() == "bearer":
        return Credentials("token", rest.strip())
    if scheme.lower() == "basic":
        try:
            name, colon, password = b64decode(rest.strip(), validate=True).decode().partition(":")
        except (Error, UnicodeDecodeError):
            colon = ""
        if colon:
            if password.startswith(TOKEN_PREFIX):
                return Credentials("token", password)
            return Credentials("password", password, name, code)
    raise Refusal("bad_credentials", "Authorization is Bearer with a token, or Basic with name and password in UTF-8.")
