"""What reading one delivery costs the generator in each dialect: a server without work floods it with ready bytes.

`python -m bench.micro.dialects`, after `bench/prepare --own`. The fastest servers under test need 0.2 µs to send one.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
from dataclasses import dataclass

from bench.servers import BUILD

TEXT = b"x" * 120
BLOCK = 400_000  # bytes sent at once
SECONDS = "0.5"


@dataclass(frozen=True, slots=True)
class Flood:
    """What a subscriber hears: the end of its greeting, then one delivery again and again, as WebSocket frames."""

    dialect: str
    title: str
    greeting: bytes
    delivery: bytes


def frame(payload: bytes, kind: int = 0x82) -> bytes:
    """One unmasked frame (RFC 6455 §5.2)."""
    n = len(payload)
    length = bytes((n,)) if n < 126 else b"\x7e" + n.to_bytes(2, "big")
    return bytes((kind,)) + length + payload


_MSG = b"MSG bench.0 1 %d\r\n%s\r\n" % (len(TEXT), TEXT)
_PUBLISH = b"\x30\x80\x01\0\x06bench0" + TEXT

FLOODS = (
    Flood("http", "plain frames", b"", frame(TEXT, 0x81)),
    Flood("socket.io", "Socket.IO", frame(b"40", 0x81), frame(b'42["message","%s"]' % TEXT, 0x81)),
    Flood("mqtt", "MQTT", frame(b"\x20\x02\0\0\x90\x03\0\1\0"), frame(_PUBLISH)),
    Flood("nats", "NATS, a frame each", frame(b"PONG\r\n"), frame(_MSG)),
    Flood("nats", "NATS, 64 in a frame", frame(b"PONG\r\n"), frame(_MSG * 64)),
)


def serve(listening: socket.socket, flood: Flood) -> None:
    """Greet one subscriber and flood it until it leaves."""
    connection, _ = listening.accept()
    block = flood.delivery * (BLOCK // len(flood.delivery))
    with connection, contextlib.suppress(OSError):
        request = b""
        while b"\r\n\r\n" not in request:
            request += connection.recv(65536)
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + flood.greeting)
        while True:
            connection.sendall(block)


def measure(flood: Flood) -> tuple[float, float]:
    """Return deliveries per second, and µs of the generator's CPU for each."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening, flood), daemon=True).start()
        port = str(listening.getsockname()[1])
        nobody = ("--publishers", "0", "--markers", "0", "--seconds", SECONDS)
        command = [str(BUILD / "load"), "--port", port, "--dialect", flood.dialect, *nobody]
        figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    cpu_us = figures["generator_share"] * figures["seconds"] * 1e6
    return figures["deliveries_per_s"], cpu_us / figures["deliveries"]


if __name__ == "__main__":
    for each in FLOODS:
        per_second, cost = measure(each)
        print(f"{each.title:22} {cost:.3f} µs  ({per_second:,.0f}/s from one busy sender)")
