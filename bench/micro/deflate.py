"""What permessage-deflate (RFC 7692) would save and cost on the events of a chat; prints three tables.

    python bench/micro/deflate.py

The events are as the log has them, with English text of various lengths. Without context takeover every message is
compressed on its own, once for all readers, as the server does; with it, by a compressor of each connection. The second
table is of messages that come in. CPU time, least of 15 runs.
"""

from __future__ import annotations

import json
import platform
import random
import resource
import time
import zlib
from collections.abc import Callable
from pydoc_data.topics import topics

from parlour.wire.deflate import SMALL_WINDOW_BITS, WINDOW_BITS, DeflateReader, compressed_frame
from parlour.wire.websocket import FrameReader, text_frame

EVENTS, RUNS, CONNECTIONS = 300, 15, 500
LENGTHS = (36, 140, 600, 4000)
WORDS = " ".join(topics.values()).split()


def event(seq: int, length: int, chance: random.Random) -> bytes:
    text = ""
    while len(text) < length:
        text += chance.choice(WORDS) + " "
    seat = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz234567", k=16))
    by = {"id": f"g_{seat}", "name": chance.choice(("alice", "bob", "guest-abcd")), "kind": "guest"}
    at = f"2026-11-22T06:{seq // 60 % 60:02}:{seq % 60:02}.{chance.randrange(1000):03}Z"
    whole = {"room": "lobby", "seq": seq, "type": "message", "at": at, "by": by, "text": text[:length]}
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode()


def alone(message: bytes) -> bytes:
    """One message by itself, without what is remembered of the last ones."""
    return compressed_frame.__wrapped__(message, WINDOW_BITS)


def with_small_window(message: bytes) -> bytes:
    """The same for a client that asked for less than 4 KiB."""
    return compressed_frame.__wrapped__(message, SMALL_WINDOW_BITS)


def measure(change: Callable[[], Callable[[bytes], bytes]], events: list[bytes]) -> tuple[float, float]:
    """(bytes, microseconds) for an event."""
    least = float("inf")
    size = 0
    for _ in range(RUNS):
        function = change()
        begun = time.process_time()
        size = sum([len(function(each)) for each in events])
        least = min(least, time.process_time() - begun)
    return size / len(events), least / len(events) * 1e6


def connected() -> Callable[[bytes], bytes]:
    """One message after the other, in the context of a connection."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS, 8)
    return lambda message: (deflate.compress(message) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


def weight(memory: int, bits: int) -> float:
    """KiB of a connection's compressor and decompressor, once they have been used."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kept = []
    for _ in range(CONNECTIONS):
        deflate, inflate = zlib.compressobj(6, zlib.DEFLATED, -bits, memory), zlib.decompressobj(-bits)
        inflate.decompress(deflate.compress(b"x" * 100) + deflate.flush(zlib.Z_SYNC_FLUSH))
        kept.append((deflate, inflate))
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / len(kept)


def masked(frame: bytes) -> bytes:
    """A server's frame as a client would send it, masked with zeros."""
    head = 2 if frame[1] < 126 else 4
    return bytes([frame[0], frame[1] | 0x80]) + frame[2:head] + bytes(4) + frame[head:]


def reading(reader: FrameReader, frames: list[bytes]) -> float:
    """Microseconds for a message that comes by itself."""
    least = float("inf")
    for _ in range(RUNS):
        begun = time.process_time()
        for frame in frames:
            assert len(reader.feed(frame)) == 1
        least = min(least, time.process_time() - begun)
    return least / len(frames) * 1e6


def main() -> None:
    print(f"Python {platform.python_version()}, zlib {zlib.ZLIB_RUNTIME_VERSION}\n")
    print(
        "| text | frame | framing it | on its own | on its own, window of 512 bytes | with the connection's context |"
    )
    print("|---|---|---|---|---|---|")
    for length in LENGTHS:
        chance = random.Random(1)
        events = [event(seq, length, chance) for seq in range(1, EVENTS + 1)]
        size, framing = measure(lambda: text_frame, events)
        cells = [f"{length} characters", f"{size:.0f} B", f"{framing:.1f} µs"]
        for way in (lambda: alone, lambda: with_small_window, connected):
            less, us = measure(way, events)
            cells.append(f"{less:.0f} B ({less / size:.0%}), {us:.0f} µs")
        print(f"| {' | '.join(cells)} |")
    print("\n| message that comes in | plain | compressed |\n|---|---|---|")
    for length in LENGTHS:
        texts = [event(seq, length, random.Random(1)) for seq in range(1, EVENTS + 1)]
        plain, deflated = [masked(text_frame(text)) for text in texts], [masked(alone(text)) for text in texts]
        us, more_us = reading(FrameReader(), plain), reading(DeflateReader(), deflated)
        print(f"| {length} characters | {us:.1f} µs | {more_us:.1f} µs |")
    print("\n| context of a connection | KiB |\n|---|---|")
    for memory, bits in ((1, 9), (5, 12), (8, 15)):
        print(f"| window of {2**bits} bytes, memory level {memory} | {weight(memory, bits):.0f} |")


if __name__ == "__main__":
    main()
