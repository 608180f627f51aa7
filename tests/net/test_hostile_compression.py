"""Abuse of compressed WebSocket messages: it ends that connection, and costs others no more than plain ones."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from parlour.config import Settings
from tests.net.test_hostile_websockets import CONTINUATION, TEXT, close_code, frame, opened, send_all
from tests.support.inprocess import InProcess
from tests.support.patience import PATIENCE_S
from tests.support.raw import UPGRADE, head, post, ws_frame
from tests.support.talk import Client

RSV1 = 0x40
LIMIT = 64 * 1024
OFFER = "Sec-WebSocket-Extensions: permessage-deflate"


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[InProcess]:
    settings = Settings(port=0, data=tmp_path / "data", rate_limits=False, websocket_compression=True)
    with InProcess(settings=settings) as server:
        with agreed(server), server.client() as client:  # what is done once for a process is not what is measured
            assert client.send(post("/lobby", b"first" * 1000)).answer().status == 201
        yield server


def agreed(server: InProcess) -> Client:
    """A client that reads the lobby, on a connection that is compressed."""
    client = server.client()
    answer = client.send(head("GET", "/lobby", *UPGRADE, OFFER)).head()
    assert answer.status == 101
    assert answer.fields["sec-websocket-extensions"].startswith("permessage-deflate; server_no_context_takeover")
    client.read_until(b"caught_up")
    client.read_until(b"}")
    return client


def squeezed(data: bytes) -> bytes:
    """A payload, compressed as well as can be."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


def compressed(payload: bytes, opcode: int = TEXT, *, final: bool = True) -> bytes:
    return frame(payload, opcode, final=final, first=RSV1)


NOISE = compressed(squeezed(b"x" * LIMIT))
BOMB = squeezed(bytes(60_000_000))[: LIMIT - 1]

ABUSES: dict[str, tuple[bytes, int]] = {
    "reserved bit 2": (frame(b"{}", first=0x20), 1002),
    "reserved bit 3": (frame(b"{}", first=0x10), 1002),
    "a compressed ping": (compressed(b"", 9), 1002),
    "a compressed close": (compressed(b"\x03\xe8", 8), 1002),
    "a compressed continuation": (compressed(b"\0", final=False) + compressed(b"\0", CONTINUATION), 1002),
    "binary": (compressed(squeezed(b"{}"), 2), 1003),
    "no deflate data": (compressed(b"\xff" * 100), 1007),
    "deflate data without its end": (compressed(squeezed(b'{"op":"ping"}')[:-2]), 1007),
    "not UTF-8": (compressed(squeezed(b"\xff")), 1007),
    "a bomb": (compressed(BOMB), 1009),
    "bombs": (compressed(BOMB) * 100, 1009),
    "a bomb in fragments": (
        compressed(BOMB[:40], final=False) + frame(BOMB[40:], CONTINUATION, final=False),
        1009,
    ),
    "a message larger than a message may be": (compressed(squeezed(b"x" * (LIMIT + 1))), 1009),
    "many small packets of large messages": (NOISE * 10_000, 1008),
    "many empty messages": (compressed(b"\0") * 100_000, 1008),
    "empty fragments": (compressed(b"\0", final=False) + frame(b"", CONTINUATION, final=False) * 100_000, 1008),
}


@pytest.mark.parametrize("abuse", ABUSES)
def test_abuse_closes_its_own_connection_with_the_right_code(chat: InProcess, abuse: str) -> None:
    data, code = ABUSES[abuse]

    def scenario(chat: InProcess) -> None:
        with agreed(chat) as neighbour, opened(chat) as plain, agreed(chat) as client, chat.client() as sender:
            thread = threading.Thread(target=send_all, args=(client, data))
            thread.start()
            assert close_code(client) == code
            thread.join(PATIENCE_S)
            assert sender.send(post("/lobby", b"all is well")).answer().status == 201
            for reader in (neighbour, plain):
                reader.read_until(b"all is well")
            assert neighbour.send(ws_frame(b'{"op":"ping"}')).read_until(b"pong")
            assert neighbour.send(compressed(squeezed(b'{"op":"ping"}'))).read_until(b"pong")

    chat.check_turns(scenario)


def test_long_messages_at_once_are_compressed_without_holding_up_the_loop(chat: InProcess) -> None:
    """More than a batch of the longest texts, that compress badly, for both windows."""
    text = b"".join(b"%08x" % (number * 2654435761 % 2**32) for number in range(2000))

    def scenario(chat: InProcess) -> None:
        with agreed(chat) as reader, small_window(chat) as other, ExitStack() as stack:
            senders = [stack.enter_context(chat.client()) for _ in range(40)]
            for number, sender in enumerate(senders):
                sender.send(post("/lobby", b"%d %b" % (number, text)))
            for sender in senders:
                assert sender.answer().status == 201
            for client in (reader, other):
                for _ in senders:
                    client.read_until(b"\xc1\x7e")  # a compressed frame, its length in two bytes

    chat.check_turns(scenario)


def small_window(server: InProcess) -> Client:
    client = server.client()
    answer = client.send(head("GET", "/lobby", *UPGRADE, f"{OFFER}; server_max_window_bits=9")).head()
    assert answer.fields["sec-websocket-extensions"].endswith("; server_max_window_bits=9")
    return client
