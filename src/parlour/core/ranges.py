"""Ranges of addresses: one of IPv4, or the /64 around one of IPv6, which one subscriber has, or more."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from parlour.core.errors import Refusal

SUBSCRIBER_BITS = 64
WIDEST_BITS = {4: 8, 6: 19}
"""A wider range would be a mistake."""


def address_range(text: str) -> str:
    """A range as it is kept. Raises Refusal("bad_parameter")."""
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        detail = "An address is written like 203.0.113.7, 203.0.113.0/24, 2001:db8::7 or 2001:db8::/48."
        raise Refusal("bad_parameter", detail, field="address") from None
    if isinstance(network, IPv6Network) and network.prefixlen > SUBSCRIBER_BITS:
        network = network.supernet(new_prefix=SUBSCRIBER_BITS)
    if network.prefixlen < WIDEST_BITS[network.version]:
        detail = f"A range of IPv{network.version} is /{WIDEST_BITS[network.version]} at most."
        raise Refusal("bad_parameter", detail, field="address")
    return str(network)


@lru_cache(maxsize=8192)
def is_in_range(key: str, network: str) -> bool:
    """Whether what counts for an address (`net.proxies.address_key`) is in a range; what is no address is in none."""
    own, other = _network(key), _network(network)
    if isinstance(own, IPv4Network) and isinstance(other, IPv4Network):
        return own.subnet_of(other)
    return isinstance(own, IPv6Network) and isinstance(other, IPv6Network) and own.subnet_of(other)


@lru_cache(maxsize=8192)
def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text)
    except ValueError:  # a socket of the file system
        return None
