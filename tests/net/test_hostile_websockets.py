"""WebSocket abuse: it ends that connection, with a reason; the neighbour on the same room notices nothing."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from parlour.config import Settings
from parlour.net.connection import LINGER_S
from tests.support.inprocess import InProcess
from tests.support.raw import UPGRADE, head, post, ws_frame
from tests.support.talk import Client
from tests.support.timeout import TIMEOUT_S

HANDSHAKE = head("GET", "/lobby", *UPGRADE)
PING = ws_frame(b"", 9)
TEXT, CONTINUATION, CLOSE = 1, 0, 8


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[InProcess]:
    settings = Settings(port=0, data=tmp_path / "data", rate_limits=False)
    with InProcess(settings=settings) as server:
        with opened(server), server.client() as client:  # what is done once for a process is not what is measured
            assert client.send(post("/lobby", b"first")).answer().status == 201
        yield server


def opened(server: InProcess) -> Client:
    client = server.client()
    assert client.send(HANDSHAKE).head().status == 101
    client.read_until(b"caught_up")
    client.read_until(b"}")
    return client


def frame(payload: bytes, opcode: int = TEXT, *, final: bool = True, first: int = 0, masked: bool = True) -> bytes:
    """A client's frame with what may be wrong about it; `first` are further bits of its first byte."""
    data = bytearray(ws_frame(payload, opcode))
    data[0] = (0x80 if final else 0) | first | opcode
    if not masked:
        data[1] &= 0x7F
        start = {126: 4, 127: 10}.get(data[1], 2)
        del data[start : start + 4]
    return bytes(data)


def long_frame(size: int) -> bytes:
    """The head of a frame that announces so many bytes, in eight bytes of length."""
    return b"\x81\xff" + size.to_bytes(8, "big") + b"\0\0\0\0"


ABUSES: dict[str, tuple[bytes, int]] = {
    "unmasked": (frame(b"{}", masked=False), 1002),
    "reserved bit 1": (frame(b"{}", first=0x40), 1002),
    "reserved bit 2": (frame(b"{}", first=0x20), 1002),
    "reserved bit 3": (frame(b"{}", first=0x10), 1002),
    "reserved opcode": (frame(b"", 3), 1002),
    "reserved control opcode": (frame(b"", 11), 1002),
    "long ping": (b"\x89\xfe\x00\x7e" + b"\0" * 130, 1002),
    "fragmented ping": (frame(b"", 9, final=False), 1002),
    "continuation of nothing": (frame(b"a", CONTINUATION), 1002),
    "message inside a message": (frame(b"a", final=False) + frame(b"b"), 1002),
    "length not minimal": (b"\x81\xfe\x00\x05\0\0\0\0hello", 1002),
    "length with its top bit": (long_frame(1 << 63), 1002),
    "binary": (frame(b"\0\1", 2), 1003),
    "not UTF-8": (frame(b"\xff"), 1007),
    "not UTF-8, in the second fragment": (frame(b"\xc3", final=False) + frame(b"(", CONTINUATION), 1007),
    "frame too large": (long_frame(65537), 1009),
    "message too large": (frame(b"a" * 40_000, final=False) + frame(b"a" * 40_000, CONTINUATION), 1009),
    "too many fragments": (frame(b"a", final=False) + frame(b"a", CONTINUATION, final=False) * 16, 1008),
    "empty fragments": (frame(b"", final=False) + frame(b"", CONTINUATION, final=False) * 100_000, 1008),
    "flood of pings": (PING * 100_000, 1008),
    "flood of full pings": (ws_frame(b"x" * 125, 9) * 20_000, 1008),
    "flood of pongs": (ws_frame(b"", 10) * 100_000, 1008),
    "close code that must not be sent": (frame((1005).to_bytes(2, "big"), CLOSE), 1002),
    "close reason that is not UTF-8": (frame(b"\x03\xe8\xff", CLOSE), 1007),
    "close of one byte": (frame(b"\x03", CLOSE), 1002),
}


def close_code(client: Client) -> int:
    """Read to the end; the code of the close frame that comes last."""
    data = client.rest()
    place = data.rfind(b"\x88")
    assert place >= 0, data[-100:]
    return int.from_bytes(data[place + 2 : place + 4], "big")


@pytest.mark.parametrize("abuse", ABUSES)
def test_abuse_closes_its_own_connection_with_the_right_code(chat: InProcess, abuse: str) -> None:
    data, code = ABUSES[abuse]

    def scenario(chat: InProcess) -> None:
        with opened(chat) as neighbour, opened(chat) as client, chat.client() as sender:
            thread = threading.Thread(target=send_all, args=(client, data))
            thread.start()
            assert close_code(client) == code
            thread.join(TIMEOUT_S)
            assert sender.send(post("/lobby", b"all is well")).answer().status == 201
            neighbour.read_until(b"all is well")
            assert neighbour.send(ws_frame(b'{"op":"ping"}')).read_until(b"pong")

    chat.check_turns(scenario)


def send_all(client: Client, data: bytes) -> None:
    """Send what the server takes; it closes when it has seen enough."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        client.send(data)


def test_nothing_counts_after_a_close_frame(chat: InProcess) -> None:
    late = ws_frame(b'{"op":"send","text":"too late","key":"key-00000001"}')
    with opened(chat) as client:
        client.send(frame((1000).to_bytes(2, "big"), CLOSE) + late)
        assert close_code(client) == 1000
    with chat.client() as reader:
        assert b"too late" not in reader.send(head("GET", "/lobby")).answer().body


@pytest.mark.parametrize(
    "message",
    [b'{"op":"ping"}', b"x", b"", b'{"op":"typing"}', b'{"op":"subscribe","room":"x"}', b'{"op":"send","text":" "}'],
    ids=["ping", "noise", "empty", "typing", "subscribe", "blank"],
)
def test_flood_of_tiny_messages_is_taken_in_turns(chat: InProcess, message: bytes) -> None:
    """100 000 in few reads: each is answered, and somebody else is served in between."""
    count = 100_000

    def scenario(chat: InProcess) -> None:
        with opened(chat) as client, chat.client() as other:
            thread = threading.Thread(target=send_all, args=(client, ws_frame(message) * count))
            thread.start()
            for number in range(5):
                assert other.send(post("/other", b"number %d" % number)).answer().status == 201
            client.sock.shutdown(socket.SHUT_RDWR)
            thread.join(TIMEOUT_S)
            assert other.send(head("GET", "/other")).answer().status == 200

    chat.check_turns(scenario)


@pytest.mark.parametrize(
    "message", [b"x", b'{"op":"ping"}', b'{"op":"send","text":" "}'], ids=["noise", "ping", "blank"]
)
def test_client_that_asks_all_the_time_for_nothing_is_closed(chat: InProcess, message: bytes) -> None:
    def scenario(chat: InProcess) -> None:
        with opened(chat) as client, chat.client() as other:
            thread = threading.Thread(target=send_all, args=(client, ws_frame(message) * 100_000))
            begun = time.monotonic()
            thread.start()
            rest = client.rest()
            took_s = time.monotonic() - begun
            thread.join(TIMEOUT_S)
            assert b"\x03\xf0too many operations" in rest
            limits = chat.setup.limits
            most = limits.websocket_ops_burst + limits.websocket_ops_per_s * took_s
            assert rest.count(b'"pong"') + rest.count(b'"error"') <= most + 50
            assert other.send(head("GET", "/other")).answer().status == 200

    chat.check_turns(scenario)


def test_client_that_sends_without_reading_is_not_read_from(chat: InProcess) -> None:
    """The answers it does not take would pile up here."""
    message = b'{"op":"send","text":"hello"}'
    with opened(chat) as client, chat.client() as other:
        connection = chat.connection(client)
        thread = threading.Thread(target=send_all, args=(client, ws_frame(message) * 5_000_000))
        thread.start()
        chat.wait_until(lambda: connection.is_paused)
        for number in range(50):  # time for much more to come
            assert other.send(post("/other", b"number %d" % number)).answer().status == 201
        assert chat.call(connection.transport.get_write_buffer_size) < 400_000
        chat.wind(2 * chat.setup.limits.stalled_s + LINGER_S + 6)
        chat.wait_until(lambda: len(chat.server.drain.connections) == 1)
        thread.join(TIMEOUT_S)  # it has been cut off
        assert not thread.is_alive()


def test_client_that_reads_late_gets_every_answer(chat: InProcess) -> None:
    count = 20_000
    with opened(chat) as client:
        connection = chat.connection(client)
        thread = threading.Thread(target=send_all, args=(client, ws_frame(b'{"op":"send","text":"hello"}') * count))
        thread.start()
        chat.wait_until(lambda: connection.is_paused)
        for _ in range(count):
            client.read_until(b'"ack"')
        thread.join(TIMEOUT_S)
        client.send(ws_frame(b'{"op":"ping"}'))
        client.read_until(b"pong")
