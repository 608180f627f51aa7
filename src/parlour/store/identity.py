"""Makes what a new set of logs is known by: its epoch and its secret."""

from __future__ import annotations

import hashlib

from parlour.chat.ports import Ids

EPOCH_LENGTH = 6
"""36^6 is two thousand million: two epochs of one deployment do not meet by chance."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def new_identity(ids: Ids) -> tuple[str, bytes]:
    """A fresh epoch (6 of `0-9a-z`), and a secret: a hash of two tokens of 128 bits, so it has all its 256 bits."""
    number = int.from_bytes(hashlib.sha256(b"epoch" + ids.token().encode()).digest())
    epoch = ""
    for _ in range(EPOCH_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        epoch += _DIGITS[digit]
    return epoch, hashlib.sha256(b"secret" + f"{ids.token()}{ids.token()}".encode()).digest()
