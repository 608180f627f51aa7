"""Whom the server takes a request to be from, behind proxies and behind liars."""

from __future__ import annotations

import pytest

from parlour.net.proxies import TrustedProxies, address_key, parse_networks
from parlour.wire.http1 import RequestHead

PROXY = "10.0.0.1"
LIAR = "192.0.2.1"
TRUSTED = TrustedProxies(["10.0.0.0/8", "fd00::/8", "unix"])


def head(lines: list[bytes], proto: bytes | None, host: bytes | None) -> RequestHead:
    """A head with these fields, malformed ones included."""
    values = {b"x-forwarded-proto": proto, b"x-forwarded-host": host}
    by_name = {name: value for name, value in values.items() if value is not None}
    fields = [(b"x-forwarded-for", line) for line in lines]
    return RequestHead("GET", b"/", 1, fields, by_name, b"", None, False, True, False, None)


@pytest.mark.parametrize(
    ("lines", "client"),
    [
        ([], PROXY),
        ([b"203.0.113.7"], "203.0.113.7"),
        ([b"198.51.100.66, 203.0.113.7"], "203.0.113.7"),  # the left one was written by the client
        ([b"198.51.100.66", b"203.0.113.7"], "203.0.113.7"),
        ([b"203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        ([b"203.0.113.7,10.0.0.2,  10.0.0.3"], "203.0.113.7"),
        ([b"10.0.0.9, 10.0.0.2"], "10.0.0.9"),
        ([b"203.0.113.7:4711"], "203.0.113.7"),
        ([b"[2001:db8::7]:4711"], "2001:db8::7"),
        ([b"2001:db8::7"], "2001:db8::7"),
        ([b"::ffff:203.0.113.7"], "203.0.113.7"),
        ([b"::ffff:10.0.0.2"], "10.0.0.2"),
        ([b"unknown"], PROXY),
        ([b"203.0.113.7, garbage"], PROXY),
        ([b"garbage, 203.0.113.7"], "203.0.113.7"),
        ([b"203.0.113.7, "], PROXY),
        ([b"203.0.113.7\x00"], PROXY),
        (["٢03.0.113.7".encode()], PROXY),
        ([b"0203.0.113.7"], PROXY),
        ([b"10.0.0.2," * 1000 + b"10.0.0.2"], "10.0.0.2"),
    ],
)
def test_the_rightmost_untrusted_address_counts_and_malformed_ones_do_not(lines: list[bytes], client: str) -> None:
    assert TRUSTED.resolve(PROXY, head(lines, None, None))[0] == client
    lie = head(lines, b"https", b"evil.example")
    assert TRUSTED.resolve(LIAR, lie) == (LIAR, None, None)
    assert TrustedProxies().resolve(PROXY, lie) == (PROXY, None, None)


@pytest.mark.parametrize(
    ("proto", "host", "expected"),
    [
        (b"https", b"chat.example.org", ("https", "chat.example.org")),
        (b"HTTP", b"chat.example.org:8443", ("http", "chat.example.org:8443")),
        (b"https, http", b"a.example, b.example", ("http", "b.example")),
        (b"gopher", b"two words", (None, None)),
        (b"", b"", (None, None)),
        (None, b"[2001:db8::1]:80", (None, "[2001:db8::1]:80")),
        (b"https\r\n", b"a.example\r\nx: y", ("https", None)),
        (b"https", b"user@a.example", ("https", None)),
        (b"https", b"a.example/path", ("https", None)),
    ],
)
def test_scheme_and_host_come_from_the_nearest_proxy_or_not_at_all(
    proto: bytes | None, host: bytes, expected: tuple[str | None, str | None]
) -> None:
    assert TRUSTED.resolve(PROXY, head([], proto, host))[1:] == expected


def test_unix_peers_are_trusted_only_when_said() -> None:
    asked = head([b"203.0.113.7"], b"https", None)
    assert TRUSTED.resolve("unix:", asked) == ("203.0.113.7", "https", None)
    assert TrustedProxies(["10.0.0.0/8"]).resolve("unix:", asked) == ("unix:", None, None)


def test_a_mapped_peer_is_the_proxy_it_maps() -> None:
    assert TRUSTED.trusts("::ffff:10.0.0.1")
    assert TRUSTED.trusts("fd00::1%eth0")
    assert TrustedProxies(["::ffff:10.0.0.0/104"]).trusts("10.1.2.3")
    assert not TRUSTED.trusts("no address")


@pytest.mark.parametrize(
    "networks",
    [["0.0.0.0/0"], ["::/0"], ["0.0.0.0/1", "128.0.0.0/1"], ["::ffff:0:0/96"], ["10.0.0.1/8"], ["proxy.example"], [""]],
)
def test_trusting_everybody_and_nonsense_are_refused(networks: list[str]) -> None:
    with pytest.raises(ValueError):
        parse_networks(networks)


@pytest.mark.parametrize(
    ("ip", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("unix:", "unix:"),
        ("unix:/run/parlour.sock", "unix:"),
        ("", ""),
    ],
)
def test_addresses_are_counted_by_what_one_subscriber_owns(ip: str, key: str) -> None:
    assert address_key(ip) == key
