"""The client that a trusted proxy names, and the key by which addresses are counted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_address, ip_network

from parlour.core.base_path import base_path
from parlour.wire.http1 import RequestHead

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

UNIX = "unix"
"""In a list of networks: the peers of the Unix socket."""

UNIX_PEER = "unix:"
"""The peer address of a connection over the Unix socket; also the start of its key."""

_MAPPED = IPv6Network("::ffff:0:0/96")
_MAX_HOPS = 32
"""Addresses read from the right of X-Forwarded-For; a longer chain is nobody's deployment."""

_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}", re.ASCII)
"""As some proxies write an address in X-Forwarded-For: IPv6 in brackets, and a port."""

_HOST = re.compile(rb"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks from `10.0.0.0/8`, `::1` and the like; IPv4-mapped ones become IPv4; the word `unix` is passed over.

    Raises ValueError, saying why, for what is no network, has bits set behind its prefix, or trusts every address.
    """
    v4: list[IPv4Network] = []
    v6: list[IPv6Network] = []
    for text in texts:
        network = None if text == UNIX else ip_network(text)
        if isinstance(network, IPv4Network):
            v4.append(network)
        elif network is not None and network.subnet_of(_MAPPED):
            v4.append(IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96)))
        elif network is not None:
            v6.append(network)
    networks: tuple[Network, ...] = (*collapse_addresses(v4), *collapse_addresses(v6))
    if any(network.prefixlen == 0 for network in networks):
        raise ValueError("trusting every address would let every client choose the address it is known by")
    return networks


class TrustedProxies:
    """The peers whose `X-Forwarded-*` are believed: anybody can write these. `networks` as for `parse_networks`."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self._networks = parse_networks(networks)
        self._unix = UNIX in networks

    def __bool__(self) -> bool:
        return self._unix or bool(self._networks)

    def trusts(self, peer: str) -> bool:
        """Whether this peer (an address, or `unix:…`) is a trusted proxy."""
        if peer.startswith(UNIX_PEER):
            return self._unix
        address = _parse(peer) if self._networks else None
        return address is not None and self._contains(address)

    def resolve(self, peer: str, head: RequestHead) -> tuple[str, str | None, str | None]:
        """(client address, scheme, host) of a request; scheme and host are None where those of the connection count.

        Of several comma-separated values of X-Forwarded-Proto or -Host the last counts: the nearest proxy wrote it.
        From an untrusted peer everything is ignored; a malformed value is ignored on its own, so a malformed address
        leaves the peer.
        """
        if not self.trusts(peer):
            return peer, None, None
        scheme = {b"http": "http", b"https": "https"}.get(_last(head, b"x-forwarded-proto").lower())
        host = _last(head, b"x-forwarded-host")
        client = self._client(peer, head.get_all(b"x-forwarded-for"))
        return client, scheme, host.decode("ascii") if _HOST.fullmatch(host) else None

    def prefix(self, peer: str, head: RequestHead) -> str:
        """The path under which the client sees this server, as the nearest proxy says it; empty if none does."""
        prefix = _last(head, b"x-forwarded-prefix")
        try:
            return base_path(prefix.decode("ascii")) if prefix and self.trusts(peer) else ""
        except ValueError:
            return ""

    def user(self, peer: str, head: RequestHead, field: bytes) -> str | None:
        """The person named by a trusted proxy in a field of its own; None if the field is absent.

        Several values are one text with a comma, which is nobody's name: a proxy that adds its own to that of a client
        names nobody.
        """
        value = head.get(field)
        if not value or not self.trusts(peer):
            return None
        return value.decode("utf-8", "replace")

    def _client(self, peer: str, lines: Sequence[bytes]) -> str:
        """The rightmost untrusted address: a machine we trust wrote it. If all are trusted, the leftmost."""
        chain = [hop.strip().decode("ascii", "replace") for line in lines for hop in line.split(b",")]
        nearest = peer
        for hop in reversed(chain[-_MAX_HOPS:]):
            match = _WITH_PORT.fullmatch(hop)
            address = _parse(match[1] or match[2] if match else hop)
            if address is None:
                return peer
            nearest = str(address)
            if not self._contains(address):
                break
        return nearest

    def _contains(self, address: Address) -> bool:
        return any(address in network for network in self._networks if network.version == address.version)


@lru_cache(maxsize=4096)
def address_key(ip: str) -> str:
    """The key that an address counts under: itself for IPv4 (mapped or not), its /64 for IPv6, `unix:` for a Unix peer.

    One IPv6 subscriber owns at least a /64 (RFC 6177 §2), so single addresses there identify nobody.
    """
    if ip.startswith(UNIX_PEER):
        return UNIX_PEER
    address = _parse(ip)
    if isinstance(address, IPv6Address):
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return ip if address is None else str(address)


def _parse(text: str) -> Address | None:
    """An address without its zone, IPv4-mapped ones as IPv4; None if it is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _last(head: RequestHead, name: bytes) -> bytes:
    return (head.get(name) or b"").rpartition(b",")[2].strip()
