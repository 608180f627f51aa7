"""The addresses of NATS servers: what is read, what is refused, and that nothing secret is shown."""

from __future__ import annotations

import pytest

from parlour.core.relay_address import RelayAddress, parse_relay_address, without_secret

READ = {
    "nats://nats1": RelayAddress(("nats://nats1",)),
    "nats://parlour:s3cret@nats1:4222,nats://parlour:s3cret@nats2/": RelayAddress(
        ("nats://parlour:s3cret@nats1:4222", "nats://parlour:s3cret@nats2")
    ),
    "tls://[::1]:4222?ca=/etc/ca.pem&cert=/etc/c.pem&key=/etc/c.key&creds=/etc/n.creds": RelayAddress(
        ("tls://[::1]:4222",), "/etc/n.creds", "/etc/ca.pem", "/etc/c.pem", "/etc/c.key"
    ),
}

REFUSED = [
    "", "nats", "nats://", "redis://nats1", "nats://a,tls://b", "nats://a,", "nats://a:0", "nats://a:99999",
    "nats://a b", "nats://a/path", "nats://a?ca=/etc/ca.pem", "tls://a?cert=/etc/c.pem", "tls://a?ca=", "nats://a?pasword=s3cret",
    "nats://a?creds=/a&creds=/b", "nats://u:s3/cret@a",
]  # fmt: skip

SHOWN = {
    "notify": "notify",
    "nats://parlour:s3cret@nats1:4222,nats://nats2": "nats://parlour@nats1:4222,nats://nats2",
    "nats://s3cret@nats1": "nats://nats1",
    "nats://nats1?pasword=s3cret&creds=/etc/n.creds": "nats://nats1?creds=/etc/n.creds",
    "nats://u:s3/cret@a": "an address that cannot be read",
}


@pytest.mark.parametrize("text", READ)
def test_an_address_is_read(text: str) -> None:
    assert parse_relay_address(text) == READ[text]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_relay_address(text)


@pytest.mark.parametrize("text", SHOWN)
def test_nothing_secret_is_shown(text: str) -> None:
    assert without_secret(text) == SHOWN[text]
