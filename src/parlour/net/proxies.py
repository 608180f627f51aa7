"""The client and the address that trusted proxies tell of, and the key by which addresses are counted.

`X-Forwarded-*` can be written by anybody, so it is believed only from peers listed in `trusted_proxies`, and of the
addresses in it only the rightmost one that no trusted proxy has, the last one written by a machine we trust.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_address, ip_network

from parlour.core.base_path import base_path

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

UNIX = "unix"
"""In a list of networks: the peers of the Unix socket."""

UNIX_PEER = "unix:"
"""The peer address of a connection over the Unix socket; also the start of its key."""

_MAPPED = IPv6Network("::ffff:0:0/96")
_MAX_HOPS = 32
"""Addresses read from the right of X-Forwarded-For; a longer chain is nobody's deployment."""

_PORT_V4 = re.compile(r"([0-9.]+):[0-9]{1,5}", re.ASCII)
_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?", re.ASCII)
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks from `10.0.0.0/8`, `::1` and the like; IPv4-mapped ones become IPv4; the word `unix` is passed over.

    Raises ValueError, saying why, for what is no network, has bits set behind its prefix, or trusts every address.
    """
    networks: list[Network] = []
    for text in texts:
        if text == UNIX:
            continue
        network = ip_network(text)
        if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
            inner = int(network.network_address) & 0xFFFFFFFF
            network = IPv4Network((inner, network.prefixlen - 96))
        networks.append(network)
    v4 = list(collapse_addresses(n for n in networks if isinstance(n, IPv4Network)))
    v6 = list(collapse_addresses(n for n in networks if isinstance(n, IPv6Network)))
    if any(n.prefixlen == 0 for n in v4) or any(n.prefixlen == 0 for n in v6):
        raise ValueError("trusting every address would let every client choose the address it is known by")
    return tuple(networks)


class TrustedProxies:
    """The peers whose `X-Forwarded-*` are believed. `networks` as for `parse_networks`; empty trusts nobody."""

    __slots__ = ("_networks", "_unix")

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self._networks = parse_networks(networks)
        self._unix = UNIX in networks

    def trusts(self, peer: str) -> bool:
        """Whether this peer (an address, or `unix:…`) is a trusted proxy."""
        if peer.startswith(UNIX_PEER):
            return self._unix
        if not self._networks:
            return False
        address = _parse(peer)
        return address is not None and self._contains(address)

    def resolve(
        self,
        peer_ip: str,
        x_forwarded_for: Sequence[bytes],
        x_forwarded_proto: bytes | None,
        x_forwarded_host: bytes | None,
    ) -> tuple[str, str | None, str | None]:
        """(client address, scheme, host) of a request; scheme and host are None where the connection's own hold.

        `x_forwarded_for` holds the field lines in order of arrival. Of several comma-separated values in proto or host
        the last counts: the nearest proxy wrote it. From an untrusted peer everything is ignored; a malformed value is
        ignored on its own, so a malformed address leaves the peer.
        """
        if not self.trusts(peer_ip):
            return peer_ip, None, None
        return self._client(peer_ip, x_forwarded_for), _scheme(x_forwarded_proto), _host(x_forwarded_host)

    def prefix(self, peer_ip: str, x_forwarded_prefix: bytes | None) -> str:
        """The path under which the client sees this server, as the nearest proxy says it; empty if none does."""
        if x_forwarded_prefix is None or not self.trusts(peer_ip):
            return ""
        try:
            return base_path(_last(x_forwarded_prefix).decode("ascii"))
        except ValueError:
            return ""

    def _client(self, peer_ip: str, lines: Sequence[bytes]) -> str:
        """The rightmost untrusted address; if all are trusted, the leftmost, where the chain begins."""
        chain = [hop.strip() for line in lines for hop in line.split(b",")]
        nearest = peer_ip
        for hop in reversed(chain[-_MAX_HOPS:]):
            address = _parse_hop(hop)
            if address is None:
                return peer_ip
            nearest = str(address)
            if not self._contains(address):
                break
        return nearest

    def _contains(self, address: Address) -> bool:
        return any(address in network for network in self._networks if network.version == address.version)


@lru_cache(maxsize=4096)
def address_key(ip: str) -> str:
    """What an address is counted as: itself for IPv4 (mapped or not), its /64 for IPv6, `unix:` for a Unix peer.

    One IPv6 subscriber owns at least a /64 (RFC 6177 §2), so single addresses there identify nobody.
    """
    if ip.startswith(UNIX_PEER):
        return UNIX_PEER
    address = _parse(ip)
    if address is None:
        return ip
    if isinstance(address, IPv4Address):
        return str(address)
    prefix = IPv6Address(int(address) >> 64 << 64)
    return f"{prefix}/64"


def _parse(text: str) -> Address | None:
    """An address without its zone, IPv4-mapped ones as IPv4; None if it is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _parse_hop(hop: bytes) -> Address | None:
    """An element of X-Forwarded-For: an address, which some proxies write with a port."""
    try:
        text = hop.decode("ascii")
    except UnicodeDecodeError:
        return None
    match = _BRACKETED.fullmatch(text) or _PORT_V4.fullmatch(text)
    return _parse(match[1] if match else text)


def _last(value: bytes | None) -> bytes:
    return b"" if value is None else value.rpartition(b",")[2].strip()


def _scheme(value: bytes | None) -> str | None:
    return {b"http": "http", b"https": "https"}.get(_last(value).lower())


def _host(value: bytes | None) -> str | None:
    last = _last(value)
    return last.decode("ascii") if _HOST.fullmatch(last) else None
