"""Requests that are nearly right: the rows of the table, changed at random where parsers disagree."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from tests.conformance.http1_case import HOST
from tests.conformance.http1_cases import CASES

MAX_BYTES = 700
"""Longer rows are about limits; here they would only be slow."""

ANY = [case.data for case in CASES if len(case.data) <= MAX_BYTES]
GOOD = [
    case.data
    for case in CASES
    if len(case.data) <= MAX_BYTES and case.accepted and case.rest == "between" and not case.refusal
]

_FIELDS = (
    b"Content-Length: 5",
    b"Content-Length: 0",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: identity",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Connection: content-length",
    b"Expect: 100-continue",
    b"Upgrade: websocket",
    b"Host: " + HOST,
)
_PIECES = (
    *(bytes([byte]) for byte in b"\r\n\0 \t:,;05a\x0b\xff/?-+_\"'.%*"),
    *(b"\r\n", b"\r\n ", b"\r\n\r\n", b"%00", b"HTTP/1.0", b"HTTP/1.1", b"chunked", b"hello", b"OPTIONS", b"HEAD"),
    *(field + b"\r\n" for field in _FIELDS),
    *(b"0\r\n\r\n", b"5\r\nhello\r\n", b"GET /smuggled HTTP/1.1\r\nHost: " + HOST + b"\r\n\r\n"),
)
_SEAM = re.compile(rb"\r\n|: |[ :;]")


def mutations(seed: int, count: int) -> Iterator[bytes]:
    """So many of them; the same for the same seed."""
    chance = random.Random(seed)
    for _ in range(count):
        data = chance.choice(GOOD if chance.random() < 0.8 else ANY)
        if chance.random() < 0.3:
            data += chance.choice(GOOD)
        for _ in range(chance.choice((1, 1, 1, 2, 2, 3))):
            data = _mutated(chance, data)
        yield data


def _mutated(chance: random.Random, data: bytes) -> bytes:
    place = _place(chance, data)
    head, tail = data[:place], data[place:]
    match chance.randrange(5):
        case 0 | 1:
            return head + chance.choice(_PIECES) + tail
        case 2:
            return head + tail[chance.choice((1, 1, 2, 4)) :]
        case 3:
            return head + chance.choice(_PIECES) + tail[1:]
        case _:
            other = chance.choice(ANY)
            return head + other[_place(chance, other) :]


def _place(chance: random.Random, data: bytes) -> int:
    """Anywhere, but half of the time beside what separates one thing from the next."""
    if chance.random() < 0.5:
        seams = [match.start() for match in _SEAM.finditer(data)]
        if seams:
            return min(chance.choice(seams) + chance.choice((0, 0, 1, 2)), len(data))
    return chance.randrange(len(data) + 1)
