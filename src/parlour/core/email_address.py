"""E-mail addresses: the one form in which one is stored, sent to and compared, or why it is refused."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from parlour.core.errors import Refusal

MAX_ADDRESS_CHARS = 254
"""A path has at most 256, with `<` and `>` (RFC 5321 §4.5.3.1.3, erratum 1690)."""

MAX_LOCAL_CHARS = 64

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
"""A dot-atom (RFC 5322 §3.2.3). No quoted strings: nobody has one, and what they contain has fooled many programs."""

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]", re.ASCII)
"""Names with at least one dot, the last no number: an address in brackets, or `localhost`, is nobody's mailbox."""


MASKED_CHARS = 4
"""Of a name before the `@` with at most so many characters a mask shows one letter, of a longer one three."""


class EmailAddress(NamedTuple):
    """`address` is as it is sent to: the domain in lower case, with A-labels (RFC 5890) for other letters than ASCII.

    `folded` is what two addresses of one mailbox have in common: case alone, as no domain that people use tells it
    apart; no dots and no `+tag`, of which each domain thinks differently.
    """

    address: str
    folded: str


def email_address(text: str) -> EmailAddress:
    """Read an address as somebody types it. Raises Refusal("bad_email") for what no mail is sent to."""
    text = text.strip(" ")
    if len(text) > MAX_ADDRESS_CHARS:
        raise _bad(f"An e-mail address has at most {MAX_ADDRESS_CHARS} characters.")
    local, at, domain = text.rpartition("@")
    if not at:
        raise _bad("An e-mail address is like ada@example.org.")
    if not _LOCAL.fullmatch(local) or len(local) > MAX_LOCAL_CHARS:
        detail = "Before the @ an e-mail address has letters from a to z, digits, and signs such as . - _ + here."
        raise _bad(detail)
    ascii_domain = _ascii(domain)
    address = f"{local}@{ascii_domain}"
    if len(address) > MAX_ADDRESS_CHARS:
        raise _bad(f"An e-mail address has at most {MAX_ADDRESS_CHARS} characters.")
    return EmailAddress(address, f"{local.lower()}@{ascii_domain}")


@lru_cache(maxsize=1024)
def _ascii(domain: str) -> str:
    """A domain with A-labels. Raises Refusal("bad_email")."""
    name = domain.lower()
    if not domain.isascii():
        import idna  # here: for the few that need it

        try:
            name = idna.encode(domain, uts46=True, transitional=False).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise _bad("There can be no such domain behind the @ of the e-mail address.") from None
    if not _DOMAIN.fullmatch(name) or len(name) > 253:
        raise _bad("Behind the @ an e-mail address has a domain such as example.org.")
    return name


def _bad(detail: str) -> Refusal:
    return Refusal("bad_email", detail, field="email")


def masked(address: str) -> str:
    """Enough of an address to tell it from others, for who knows it: `an…a@example.org`."""
    name, _, domain = address.rpartition("@")
    shown = f"{name[:2]}…{name[-1]}" if len(name) > MASKED_CHARS else f"{name[:1]}…"
    return f"{shown}@{domain}"
