"""An e-mail address has one form, or is refused; nothing in it ends a line of a mail's header."""

from __future__ import annotations

import string
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.core.email_address import email_address, masked
from parlour.core.errors import Refusal

HOSTILE = (
    "ada@example.org\nBcc: eve@example.org",
    "ada@example.org\r\n\r\nHello",
    "ada\r\nTo: eve@example.org",
    "ada@example.org\0",
    "ada@exa\nmple.org",
    '"ada\r\nBcc: eve"@example.org',
    "ada@example.org, eve@example.org",
    "Ada <ada@example.org>",
    "<ada@example.org>",
    "ada@example.org;eve@example.org",
    "ada@example.org\u2028Bcc:x",
    "ada@[192.0.2.7]",
    "ada@localhost",
    "ada@example.123",
    "ada@@example.org",
    "@example.org",
    "ada@",
    "ada.@example.org",
    ".ada@example.org",
    "a..da@example.org",
    "ada @example.org",
    "ada@-example.org",
    "ada@example..org",
    "ädä@example.org",
    "ada@exa mple.org",
    "",
    "ada",
    f"{'a' * 65}@example.org",
    f"ada@{'a' * 64}.org",
    f"ada@{'a.' * 130}org",
)


@pytest.mark.parametrize(
    ("typed", "address", "folded"),
    [
        ("ada@example.org", "ada@example.org", "ada@example.org"),
        (" Ada.Lovelace+chat@Example.ORG ", "Ada.Lovelace+chat@example.org", "ada.lovelace+chat@example.org"),
        ("ada@Bücher.example", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("ada@例え.テスト", "ada@xn--r8jz45g.xn--zckzah", "ada@xn--r8jz45g.xn--zckzah"),
        ("o'brien@example.org", "o'brien@example.org", "o'brien@example.org"),
    ],
)
def test_an_address_has_one_form(typed: str, address: str, folded: str) -> None:
    assert email_address(typed) == (address, folded)
    assert email_address(address).address == address


@pytest.mark.parametrize("typed", HOSTILE)
def test_what_is_no_single_address_is_refused(typed: str) -> None:
    with pytest.raises(Refusal) as caught:
        email_address(typed)
    assert caught.value.code == "bad_email"


@given(st.text(st.one_of(st.characters(), st.sampled_from(string.printable + "@@..\r\n")), max_size=40))
def test_whatever_is_taken_is_one_address_in_a_header(typed: str) -> None:
    try:
        address = email_address(typed).address
    except Refusal:
        return
    message = EmailMessage(policy=SMTP)
    message["To"] = Address(addr_spec=address)
    message.set_content("Hello")
    head = message.as_bytes().partition(b"\r\n\r\n")[0]
    assert head.count(b"\r\n") == message.as_bytes().partition(b"\r\n\r\n")[0].count(b"\n")
    assert message["To"].addresses[0].addr_spec == address
    assert [name for name in message if name not in ("To", "MIME-Version")] == [
        "Content-Type",
        "Content-Transfer-Encoding",
    ]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("andrea@example.org", "an…a@example.org"), ("alice@example.org", "al…e@example.org"),
        ("anna@example.org", "a…@example.org"), ("a@example.org", "a…@example.org"),
    ],
)  # fmt: skip
def test_a_mask_of_an_address_tells_it_from_others(address: str, shown: str) -> None:
    assert masked(address) == shown
