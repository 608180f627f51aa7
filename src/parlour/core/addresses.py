"""The keys that an address counts under: of IPv6, where one subscriber may own a whole site, its network too."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address

from parlour.core.limits import Buckets

SITE_BITS = 48
"""The network around a /64 that one subscriber may have been given (RFC 6177 §2): 65,536 of them."""

SITE = 8
"""So many times what one /64 may have, a site may."""


@lru_cache(maxsize=4096)
def site_of(key: str) -> str | None:
    """The site of an address, by its key (`net.proxies.address_key`); None for what is no IPv6 network."""
    if not key.endswith("/64"):
        return None
    return f"{IPv6Address(int(IPv6Address(key[:-3])) >> 80 << 80)}/{SITE_BITS}"


class AddressBuckets(Buckets):
    """`Buckets` by address, with one for each site as well."""

    __slots__ = ("_sites",)

    def __init__(self, per_second: float, burst: int) -> None:
        super().__init__(per_second, burst)
        self._sites = Buckets(per_second * SITE, burst * SITE)

    def wait(self, key: str, now: float) -> float:
        """See `Buckets.wait`."""
        wait = Buckets.wait(self, key, now)
        site = site_of(key)
        return wait if site is None else max(wait, self._sites.wait(site, now))

    def spend(self, key: str, now: float, tokens: float = 1.0) -> None:
        """See `Buckets.spend`."""
        Buckets.spend(self, key, now, tokens)
        site = site_of(key)
        if site is not None:
            self._sites.spend(site, now, tokens)

    def __len__(self) -> int:
        return Buckets.__len__(self) + len(self._sites)


class AddressCounts:
    """How many of something each address has: at most `most`, a site eight times that, or one that is larger."""

    __slots__ = ("_counts", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self._counts: dict[str, int] = {}

    def enter(self, key: str, size: int = 1) -> bool:
        """Count one more, or one of that size; False, and it is not counted, if that would be too many."""
        counts, site = self._counts, site_of(key)
        count = counts.get(key, 0)
        of_site = 0 if site is None else counts.get(site, 0)
        if (count and count + size > self.most) or (of_site and of_site + size > self.most * SITE):
            return False
        counts[key] = count + size
        if site is not None:
            counts[site] = of_site + size
        return True

    def leave(self, key: str, size: int = 1) -> None:
        """One less, of those that `enter` has counted with that size."""
        site = site_of(key)
        for counted in (key,) if site is None else (key, site):
            count = self._counts.pop(counted) - size
            if count:
                self._counts[counted] = count

    @property
    def total(self) -> int:
        """How many there are, of all addresses together."""
        return sum(count for key, count in self._counts.items() if not key.endswith(f"/{SITE_BITS}"))

    def __len__(self) -> int:
        return len(self._counts)
