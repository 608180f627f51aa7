"""Account names beside UsernameCaseMapped of RFC 8265, as a library has it: each difference has a reason."""

from __future__ import annotations

import unicodedata

import pytest
from precis_i18n import get_profile

from parlour.core.accounts import account_name
from parlour.core.errors import Refusal

PROFILE = get_profile("UsernameCaseMapped")


def ours(text: str) -> str | None:
    try:
        return account_name(text)
    except Refusal:
        return None


def theirs(text: str) -> str | None:
    try:
        return str(PROFILE.enforce(text))
    except UnicodeEncodeError:
        return None


def why_different(text: str) -> str | None:
    """The reason why a name is not what it is by RFC 8265; None for one that is, "?" where there is no reason."""
    we, they = ours(text), theirs(text)
    if we == they:
        return None
    if we is None and they is not None:
        if any(unicodedata.category(char)[0] in "PS" for char in they):
            return "we take no punctuation but - _ and ., which stand in addresses and in `name: text`"
        if any(unicodedata.category(char) == "Nl" or char == "\U00016fe4" for char in they):
            return "we take no numbers that are letters, and nothing that shows nothing"
    elif they is None and we is not None:
        if unicodedata.normalize("NFKC", text) != text and theirs(we) in (we, None):
            return "we take a character of another width or shape for the plain one, and they refuse it"
    elif we is not None and they is not None and text.casefold() != text.lower():
        return "we fold the case (ß is ss, ς is σ), so that both forms are one name; they make small letters"
    return "?"


def names(step: int) -> list[str]:
    """Every `step`th character between two letters that are written in its direction."""
    found = []
    for code in range(0, 0x110000, step):
        char = chr(code)
        if unicodedata.category(char) not in ("Cn", "Cs", "Co"):
            letter = "\u05d0" if unicodedata.bidirectional(char) in ("R", "AL", "AN") else "b"
            found.append(letter + char + letter)
    return found


KNOWN = {
    "alice": "alice",
    "Alice": "alice",
    "\uff21lice": "alice",
    "J\u00fcrgen": "j\u00fcrgen",
    "Ju\u0308rgen": "j\u00fcrgen",
    "\u03a3\u03cc\u03bb\u03c9\u03bd": "\u03c3\u03cc\u03bb\u03c9\u03bd",
    "\u0645\u062d\u0645\u062f": "\u0645\u062d\u0645\u062f",
    "\u05d0\u05d11": "\u05d0\u05d11",
    "\u674e\u5c0f\u9f8d": "\u674e\u5c0f\u9f8d",
    "al\u200dice": None,
    "alice\u202e": None,
    "al ice": None,
    "a\u05d01": None,
    "1\u05d0": None,
    "\u05d0a": None,
    "\u05d01\u0661": None,
    "\u0645\u0640\u062d": None,
    "b\u1100b": None,
    "b\u3035b": None,
}


@pytest.mark.parametrize("text", KNOWN, ids=ascii)
def test_names_are_what_rfc_8265_makes_of_them(text: str) -> None:
    assert ours(text) == theirs(text) == KNOWN[text]


def test_every_difference_has_a_reason() -> None:
    assert [ascii(text) for text in names(23) if why_different(text) == "?"] == []


@pytest.mark.long
def test_every_difference_of_any_character_has_a_reason() -> None:
    assert [ascii(text) for text in names(1) if why_different(text) == "?"] == []


@pytest.mark.parametrize(
    "text", ["stra\u00dfe", "\u03c2\u03bf\u03c6\u03cc\u03c2", "\ufb01sch", "\u2460b", "b!b", "b$b"], ids=ascii
)
def test_where_we_differ(text: str) -> None:
    assert why_different(text) not in (None, "?")
