"""What makes a stored row trustworthy: its checksum, and the check of a page that leaves the database."""

from __future__ import annotations

from zlib import crc32

from parlour.core.event import Stored


class BadRow(Exception):
    """An event is missing or not what was stored; it must not be served."""

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


def parse_page(lines: bytes | None, room: str, start: int) -> list[Stored]:
    """Events from "seq checksum body" lines, verified one by one. Raises BadRow at the first bad one."""
    if lines is None:
        return []
    events = []
    expected = 0
    for line in lines.split(b"\n"):
        try:
            number, crc, body = line.split(b" ", 2)
            seq = int(number)
            good = int(crc) == crc32(body, (start + seq) & 0xFFFFFFFF)
        except ValueError:
            raise BadRow(room, expected, "it cannot be parsed") from None
        if expected and seq != expected:
            raise BadRow(room, expected, "it is missing")
        if not good:
            raise BadRow(room, seq, "its checksum does not match")
        events.append(Stored(seq, body))
        expected = seq + 1
    return events
