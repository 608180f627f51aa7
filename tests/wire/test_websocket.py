"""The handshake and the frames out are what RFC 6455 says, byte for byte, as another implementation reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, Protocol

from parlour.core.errors import Refusal
from parlour.wire.websocket import NO_STATUS, close_frame, handshake, ping_frame, pong_frame, text_frame

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
HEAD = {
    b"upgrade": b"websocket",
    b"connection": b"Upgrade",
    b"sec-websocket-version": b"13",
    b"sec-websocket-key": KEY,
}


def test_the_handshake_of_the_rfc_is_accepted() -> None:
    assert handshake(HEAD.get) == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"  # RFC 6455 §1.3
    )


@pytest.mark.parametrize(
    "fields",
    [
        {b"upgrade": b"WebSocket"},
        {b"upgrade": b"h2c, websocket"},
        {b"connection": b"keep-alive, Upgrade"},
        {b"connection": b"UPGRADE"},
        {b"sec-websocket-extensions": b"permessage-deflate; client_max_window_bits"},
        {b"sec-websocket-protocol": b"chat, superchat"},
        {b"origin": b"https://example.org"},
    ],
)
def test_a_handshake_may_vary_and_nothing_is_negotiated(fields: dict[bytes, bytes]) -> None:
    response = handshake((HEAD | fields).get)
    assert response == handshake(HEAD.get)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({b"upgrade": None}, "bad_upgrade"),
        ({b"upgrade": b"websockets"}, "bad_upgrade"),
        ({b"upgrade": b"h2c"}, "bad_upgrade"),
        ({b"connection": None}, "bad_upgrade"),
        ({b"connection": b"keep-alive"}, "bad_upgrade"),
        ({b"sec-websocket-version": None}, "bad_upgrade"),
        ({b"sec-websocket-version": b"8"}, "upgrade_required"),
        ({b"sec-websocket-version": b"013"}, "upgrade_required"),
        ({b"sec-websocket-version": b"13, 8"}, "upgrade_required"),
        ({b"sec-websocket-version": "١٣".encode()}, "upgrade_required"),
        ({b"sec-websocket-key": None}, "bad_upgrade"),
        ({b"sec-websocket-key": b""}, "bad_upgrade"),
        ({b"sec-websocket-key": b"short"}, "bad_upgrade"),
        ({b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZQ"}, "bad_upgrade"),
        ({b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZTE="}, "bad_upgrade"),
        ({b"sec-websocket-key": b"dGhl\xe9HNhbXBsZSBub25jZQ=="}, "bad_upgrade"),
        ({b"sec-websocket-key": KEY + b", " + KEY}, "bad_upgrade"),
        ({b"sec-websocket-key": b"A" * 8000}, "bad_upgrade"),
    ],
)
def test_a_wrong_handshake_is_refused(fields: dict[bytes, bytes | None], code: str) -> None:
    head: dict[bytes, bytes | None] = {**HEAD, **fields}
    with pytest.raises(Refusal) as refused:
        handshake(head.get)
    assert refused.value.code == code
    if code == "upgrade_required":
        assert refused.value.extra == {"Sec-WebSocket-Version": "13"}


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 255, 256, 65535, 65536, 100_000])
def test_a_data_frame_has_the_shortest_head(size: int) -> None:
    payload = b"x" * size
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


@given(st.binary(max_size=125))
def test_control_frames_are_those_of_the_rfc(payload: bytes) -> None:
    assert ping_frame(payload) == Frame(Opcode.PING, payload).serialize(mask=False)
    assert pong_frame(payload) == Frame(Opcode.PONG, payload).serialize(mask=False)


@given(
    st.sampled_from([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 3000, 4008, 4999]),
    st.text(max_size=200),
)
def test_a_close_frame_is_read_back_with_its_reason_cut_at_a_character(code: int, reason: str) -> None:
    client = Protocol(CLIENT)
    client.receive_data(close_frame(code, reason))
    assert client.close_rcvd is not None
    assert client.close_rcvd.code == code
    assert reason.startswith(client.close_rcvd.reason)
    if len(reason.encode()) <= 123:
        assert client.close_rcvd.reason == reason


def test_a_close_frame_without_a_code_is_empty() -> None:
    assert close_frame() == close_frame(NO_STATUS) == b"\x88\x00"
