"""Checksums, by which a stored row can be trusted."""

from __future__ import annotations

from zlib import crc32


def room_crc(seed: str, room: str) -> int:
    """The start of the checksums of a room; `seed` is that of the database (`identity.py`)."""
    return crc32(f"{seed}/{room}".encode())


def checksum(start: int, seq: int, body: bytes) -> int:
    """CRC-32 of `body`, started from its place: another database, room or seq gives the same bytes another value."""
    try:
        return crc32(body, (start + seq) & 0xFFFFFFFF)
    except TypeError:  # damage can change the type of a value too
        return -1  # which no row has
