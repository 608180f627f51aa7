"""Ranges of addresses: one of IPv4, or the /64 around one of IPv6, which one subscriber has, or more."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Generic, TypeVar

from parlour.core.errors import Refusal

T = TypeVar("T")

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


class Ranges(Generic[T]):
    """Values for ranges of addresses, found in as many steps as the ranges have lengths, however many there are."""

    def __init__(self, entries: Iterable[tuple[str, T]] = ()) -> None:
        """`entries` are ranges as `address_range` gives them, each with what belongs to it."""
        self._by_length: dict[tuple[int, int], dict[int, list[T]]] = {}
        for text, value in entries:
            network = ip_network(text)
            of_length = self._by_length.setdefault((network.version, network.prefixlen), {})
            of_length.setdefault(_beginning(network, network.prefixlen), []).append(value)

    def of(self, key: str) -> list[T]:
        """The values for the ranges around what counts for an address (`net.proxies.address_key`).

        What is no address is in none.
        """
        own = _network(key)
        found: list[T] = []
        if own is not None:
            for (version, length), there in self._by_length.items():
                if version == own.version and length <= own.prefixlen:
                    found += there.get(_beginning(own, length), ())
        return found


def _beginning(network: IPv4Network | IPv6Network, length: int) -> int:
    """The first bits of an address, so many, as a number."""
    return int(network.network_address) >> (network.max_prefixlen - length)


@lru_cache(maxsize=8192)
def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text)
    except ValueError:  # a socket of the file system
        return None
