"""Makes what a new set of logs is known by: its epoch and its secret."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from parlour.chat.ports import Ids

EPOCH_LENGTH = 6
"""36^6 is two thousand million: two epochs of one deployment do not meet by chance."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Identity(NamedTuple):
    """What is made once with the data: the epoch (6 of `0-9a-z`) and the secret (32 bytes)."""

    epoch: str
    secret: bytes


def new_identity(ids: Ids) -> Identity:
    """Draw a fresh identity. The secret hashes two tokens of 128 bits, so it has all 256 bits of its length."""
    number = int.from_bytes(hashlib.sha256(b"epoch" + ids.token().encode()).digest())
    epoch = ""
    for _ in range(EPOCH_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        epoch += _DIGITS[digit]
    return Identity(epoch, hashlib.sha256(b"secret" + f"{ids.token()}{ids.token()}".encode()).digest())
