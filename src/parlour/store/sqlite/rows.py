"""What makes a stored row trustworthy: its checksum."""

from __future__ import annotations

from zlib import crc32


class BadRow(Exception):
    """An event is missing or is not what was stored; it must not be served."""

    def __init__(self, room: str, seq: int, what: str) -> None:
        self.room = room
        self.seq = seq
        self.what = what
        super().__init__(f"Event {seq} of room {room} is damaged: {what}.")


def room_crc(epoch: str, room: str) -> int:
    """What the checksums of a room start from."""
    return crc32(f"{epoch}/{room}".encode())


def checksum(start: int, seq: int, body: bytes) -> int:
    """CRC-32 of `body`, started from its place: another epoch, room or seq gives another value for the same bytes."""
    return crc32(body, (start + seq) & 0xFFFFFFFF)
