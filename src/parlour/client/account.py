"""One's account on a server: makes a token for this machine, asks whose a token is, and ends it."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable
from ipaddress import ip_address
from typing import Self, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from parlour.client.errors import Busy, OutcomeUnknown, Refused
from parlour.client.proxies import proxy_for
from parlour.client.room import parse_servers
from parlour.client.transport import Bounds, Transport
from parlour.core.text import visible

_T = TypeVar("_T")


class Person(msgspec.Struct, frozen=True):
    """An account, as its server shows it."""

    name: str
    display: str
    kind: str
    role: str


class SignIn(msgspec.Struct, frozen=True):
    """A token (or a session). `secret` is there where it has just been made."""

    id: str
    label: str
    expires: str
    scopes: list[str] | None = None
    rooms: list[str] | None = None
    secret: str | None = None


class Me(msgspec.Struct, frozen=True):
    """The account that asks: a guest has none, and a password no `sign_in`."""

    kind: str
    account: Person | None = None
    scopes: list[str] | None = None
    sign_in: SignIn | None = None


class _Server(msgspec.Struct):
    server: str
    epoch: str


class UnsafeLine(ValueError):
    """What is sent to the server could be read on its way; `str()` is a sentence for a person."""


class NoServer(ValueError):
    """There is no chat server at an address; `str()` is a sentence for a person."""


def check_line(server: str) -> None:
    """Raises UnsafeLine for a server that passwords and tokens are not kept or typed for.

    Over HTTPS, or without a proxy to this machine itself, nobody reads them on their way.
    """
    parts = urlsplit(server)
    if parts.scheme == "https":
        return
    if not is_on_this_machine(server):
        raise UnsafeLine(f"Sign in over https://: over plain HTTP, what is sent to {server} can be read on its way.")
    proxy = proxy_for(server, os.environ)
    if proxy is not None:
        raise UnsafeLine(
            f"What is sent to {server} would go through the proxy {proxy}, and could be read there: name the server in "
            "no_proxy."
        )


def is_on_this_machine(server: str) -> bool:
    """Whether the name of a server is one of the machine itself."""
    host = urlsplit(server).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def find_server(address: str, answer_s: float = 10.0) -> str:
    """The address of the server that has something at `address` (`parse_servers`): asked, which needs no sign-in.

    Raises NoServer, ClientError, ValueError.
    """
    servers = parse_servers(address)
    for server in servers:
        with Account(server) as account:
            reason = account.why_not(answer_s)
        if not reason:
            return server
    raise NoServer(f"There is no Parlour at {servers[-1]}: {reason}.")


class Account:
    """Requests about one's own account, with a token or none. Every method asks once, for `answer_s` seconds.

    All raise ClientError; `SignedOut` where the token is accepted no more.
    """

    def __init__(self, server: str, token: str | None = None) -> None:
        self.server = server
        self._transport = Transport(server, token, Bounds())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._transport.close()

    def why_not(self, answer_s: float) -> str:
        """Why there is no Parlour at this very address; empty if there is one."""
        try:
            found = self._ask("GET", "", 200, _Server, answer_s)
        except Busy:
            raise
        except (Refused, OutcomeUnknown) as error:
            return str(error).rstrip(".")
        return "" if found.server.lower() == "parlour" else f"it is {visible(found.server)}"

    def make_token(
        self, name: str, password: str, label: str, scopes: list[str], days: int, answer_s: float = 30.0, code: str = ""
    ) -> SignIn:
        """A token for this machine, by name and password, and a code where the account has a second factor.

        Raises UnsafeLine; Refused("code_required") without a code where it has one.
        """
        check_line(self.server)
        basic = b64encode(f"{name}:{password}".encode()).decode()
        body = msgspec.json.encode({"label": label, "scopes": scopes, "days": days})
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
        if code:
            headers["Parlour-Code"] = code
        return self._ask("POST", "/tokens", 201, SignIn, answer_s, headers, body)

    def me(self, answer_s: float = 10.0) -> Me:
        """Ask the server for the account of the token."""
        return self._ask("GET", "/me", 200, Me, answer_s)

    def end(self, id_: str, answer_s: float = 10.0) -> None:
        """End the token that asks, or another one of one's own, with all that is open by it."""
        self._transport.request(
            "DELETE", f"{self.server}/api/v1/sign-ins/{quote(id_, safe='')}", 204, _nothing, answer_s=answer_s
        )

    def _ask(
        self,
        method: str,
        path: str,
        status: int,
        type_: type[_T],
        answer_s: float,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
    ) -> _T:
        decode: Callable[[bytes], _T] = msgspec.json.Decoder(type_).decode
        url = f"{self.server}/api/v1{path}"
        return self._transport.request(
            method, url, status, decode, answer_s=answer_s, headers=headers, content=content
        )[0]


def _nothing(_: bytes) -> None:
    """The answer has no content."""
