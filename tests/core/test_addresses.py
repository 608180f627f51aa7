"""What is counted for an address is counted for its network as well, where one subscriber may own a whole one."""

from __future__ import annotations

from parlour.core.addresses import SITE, AddressBuckets


def test_a_site_has_eight_times_what_an_address_has() -> None:
    """Who has a /48 has 65,536 networks, and as many addresses as they like."""
    buckets, taken = AddressBuckets(1.0, 60), 0
    for network in range(1000):
        for _ in range(60):
            taken += buckets.take(f"2001:db8:1:{network:x}::/64", 0.0) == 0.0
    assert taken == SITE * 60
    assert buckets.take("2001:db8:2:1::/64", 0.0) == 0.0, "another site is not concerned"
    assert buckets.take("203.0.113.9", 0.0) == 0.0
