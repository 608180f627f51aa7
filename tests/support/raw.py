"""Requests and answers of every transport over raw sockets, also of answers that were cut short."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.timeout import TIMEOUT_S

WS_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {WS_KEY}")
"""The fields of a WebSocket handshake."""


def head(method: str, target: str, *fields: str) -> bytes:
    """A request head for 127.0.0.1."""
    return "".join(
        [f"{method} {target} HTTP/1.1\r\n", *[f"{field}\r\n" for field in ("Host: localhost", *fields)], "\r\n"]
    ).encode()


def post(target: str, body: bytes, *fields: str) -> bytes:
    """A whole POST."""
    return head("POST", target, f"Content-Length: {len(body)}", *fields) + body


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """A connection to the server under test."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as sock:
        yield sock


def exchange(port: int, request: bytes) -> bytes:
    """Send a request and read until the server closes; ask for `Connection: close` in it."""
    with connected(port) as sock:
        sock.sendall(request)
        return read_until(sock, lambda data: False)


def flood(port: int, sends: Sequence[tuple[str, str]]) -> None:
    """Send texts to rooms over one WebSocket, hundreds under way at once; returns when all of them are stored."""
    ops = b"".join([ws_frame(json.dumps({"op": "send", "room": room, "text": text}).encode()) for room, text in sends])
    with connected(port) as sock:
        sock.sendall(head("GET", "/api/v1/stream", *UPGRADE) + ops)
        acks = 0
        while acks < len(sends):
            piece = read_until(sock, lambda data: data.endswith(b"}"))
            assert piece, "the server has closed the connection"
            acks += piece.count(b'"type":"ack"')


def read_until(sock: socket.socket, enough: Callable[[bytes], bool]) -> bytes:
    """Read until what came is enough, or the end."""
    data = b""
    while not enough(data):
        piece = sock.recv(65536)
        if not piece:
            break
        data += piece
    return data


def status(response: bytes) -> int:
    """The status code of a response."""
    return int(response.split(b" ", 2)[1])


def body(response: bytes) -> bytes:
    """The body of a response with a Content-Length."""
    return response.partition(b"\r\n\r\n")[2]


def dechunk(data: bytes) -> bytes:
    """The data of the complete chunks, and of a last one that was cut short."""
    out = b""
    while b"\r\n" in data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        out += data[:length]
        if len(data) < length + 2:
            break
        data = data[length + 2 :]
    return out


def ws_payloads(data: bytes) -> list[bytes]:
    """The payloads of the complete text frames of a server."""
    out = []
    while len(data) >= 2:
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        if len(data) < start + size:
            break
        if data[0] == 0x81:
            out.append(data[start : start + size])
        data = data[start + size :]
    return out


def ws_frame(payload: bytes, opcode: int = 1) -> bytes:
    """A client's frame, masked with zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + b"\0\0\0\0" + payload


def _ndjson_items(data: bytes) -> list[bytes]:
    return data.split(b"\n")[:-1]


def _sse_items(data: bytes) -> list[bytes]:
    blocks = data.split(b"\n\n")[:-1]
    return [line[6:] for block in blocks for line in block.split(b"\n") if line.startswith(b"data: ")]


@dataclass(frozen=True)
class Transport:
    """One live transport: how it is asked for, and the JSON items in the bytes it sends."""

    name: str
    request: Callable[[str, int], bytes]
    items: Callable[[bytes], list[bytes]]


TRANSPORTS = (
    Transport(
        "ndjson",
        lambda room, since: head("GET", f"/{room}?follow=1&format=ndjson&since={since}"),
        lambda data: _ndjson_items(dechunk(data)),
    ),
    Transport(
        "sse",
        lambda room, since: head("GET", f"/{room}", "Accept: text/event-stream", f"Last-Event-ID: {since}"),
        lambda data: _sse_items(dechunk(data)),
    ),
    Transport("websocket", lambda room, since: head("GET", f"/{room}?since={since}", *UPGRADE), ws_payloads),
    Transport(
        "many",
        lambda room, since: head(
            "GET", f"/api/v1/stream?room={room}&since={{epoch}};{room}={since}", "Accept: text/event-stream"
        ),
        lambda data: _sse_items(dechunk(data)),
    ),
)


def ask(transport: Transport, room: str, since: int, epoch: str) -> bytes:
    """The request for a stream of a room after a seq."""
    return transport.request(room, since).replace(b"{epoch}", epoch.encode())


def events(transport: Transport, stream: bytes) -> list[bytes]:
    """The complete durable events in a recorded stream (the response head included)."""
    return [item for item in transport.items(stream.partition(b"\r\n\r\n")[2]) if "seq" in json.loads(item)]


def is_caught_up(transport: Transport) -> Callable[[bytes], bool]:
    """Whether a recorded stream has reached the head."""

    def check(stream: bytes) -> bool:
        if b"caught_up" not in stream:
            return False
        return any(
            json.loads(item).get("type") == "caught_up" for item in transport.items(stream.partition(b"\r\n\r\n")[2])
        )

    return check


def guest_cookie(port: int) -> str:
    """A new guest, as the value of its cookie."""
    page = exchange(port, head("GET", "/lobby", "Accept: text/html", "Connection: close"))
    found = re.search(rb"Set-Cookie: parlour_guest=([^;]+);", page)
    assert found is not None, page[:500]
    return str(found[1], "ascii")
