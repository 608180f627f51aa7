"""The proxy that the environment names for an address: what curl would use, and no_proxy as curl reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


class ProxyUnusable(ValueError):
    """The environment names a proxy that cannot be spoken to; `str()` is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy (`http://` or `https://`, perhaps with a password) and the variable that names it."""

    url: str
    variable: str

    def __str__(self) -> str:
        """For people: without the password."""
        return f"{re.sub('//.*@', '//', self.url)} ({self.variable})"


def proxy_for(url: str, environment: Mapping[str, str]) -> Proxy | None:
    """The proxy for requests to `url`, None to go there directly.

    `http_proxy` or `https_proxy` by the scheme, else `all_proxy`; small letters before capitals, and an empty variable
    is none. Hosts in `no_proxy` are reached directly. Raises ProxyUnusable.
    """
    parts = urlsplit(url)
    host, port = (parts.hostname or "").rstrip("."), parts.port or _PORTS[parts.scheme]
    variable = _first(environment, f"{parts.scheme}_proxy", "all_proxy")
    exceptions = environment.get(_first(environment, "no_proxy") or "", "")
    entries = re.split(r"[,\s]+", exceptions.lower())
    if variable is None or any(_matches(host, port, entry) for entry in entries if entry):
        return None
    value = environment[variable].strip()
    proxy = Proxy(value if "://" in value else f"http://{value}", variable)
    _check(proxy)
    return proxy


def _first(environment: Mapping[str, str], *names: str) -> str | None:
    for name in (spelling for either in names for spelling in (either, either.upper())):
        # A server sets HTTP_PROXY for its CGI scripts when a request has a field `Proxy` (httpoxy.org).
        if environment.get(name) and not (name == "HTTP_PROXY" and "REQUEST_METHOD" in environment):
            return name
    return None


def _check(proxy: Proxy) -> None:
    reason = ""
    try:
        parts = urlsplit(proxy.url)
        if parts.scheme not in _PORTS:
            reason = "only http:// and https:// proxies are supported"
        if not parts.hostname or parts.port == 0:
            reason = "it is not an address"
    except ValueError:
        reason = "it is not an address"
    if reason:
        raise ProxyUnusable(
            f"The proxy {proxy} cannot be used: {reason}. To do without it, name the server in no_proxy."
        )


def _matches(host: str, port: int, entry: str) -> bool:
    """Whether an entry of no_proxy means this host: `*`, an address or network, a name and all names under it."""
    if entry == "*":
        return True
    try:
        return ip_address(host) in ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        name, colon, digits = entry.rpartition(":")
        if colon and digits != str(port):
            return False
        name = (name if colon else entry).strip("[]").removeprefix("*").removeprefix(".").rstrip(".")
        return name != "" and (host == name or host.endswith(f".{name}"))
