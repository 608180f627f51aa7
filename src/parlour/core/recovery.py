"""Recovery codes: what lets somebody in once who has lost what they sign in with."""

from __future__ import annotations

from hashlib import sha256

CODES = 10

CODE_BYTES = 15
"""Of randomness: a code is hashed like a token, without a slow hash (ASVS 6.5.2 asks for 112 bits)."""

_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base32: no letter is taken for a digit."""

_TAKEN_FOR = str.maketrans({"o": "0", "i": "1", "l": "1", "-": "", " ": ""})

_CHARS = CODE_BYTES * 8 // 5
_GROUP = 6


def recovery_code(random: bytes) -> str:
    """The code that is made of 15 random bytes: `0123ab-4567cd-89efgh-jkmnpq`."""
    number = int.from_bytes(random, "big")
    text = "".join(_LETTERS[number >> 5 * place & 31] for place in reversed(range(_CHARS)))
    return "-".join(text[start : start + _GROUP] for start in range(0, _CHARS, _GROUP))


def canonical(code: str) -> str:
    """A code as somebody has typed it, in the one form by which it is known; empty for what is none."""
    plain = code.strip().casefold().translate(_TAKEN_FOR)
    return plain if len(plain) == _CHARS and set(plain) <= set(_LETTERS) else ""


def code_digest(account: str, code: str) -> str:
    """The digest by which the database knows a recovery code of an account, in hex; `code` is in the canonical form."""
    return sha256(f"recovery\0{account}\0{code}".encode()).hexdigest()
