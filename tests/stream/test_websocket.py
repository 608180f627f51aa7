"""WebSocket operations, one room and many: every answer carries its key, and nothing bad is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S


class Socket:
    """A WebSocket client that speaks JSON; durable events and answers are kept apart."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, **op: object) -> None:
        self.connection.send(json.dumps(op))

    def next(self, *types: str) -> dict[str, Any]:
        """The next item of one of these types; others are passed over."""
        while True:
            item: dict[str, Any] = json.loads(self.connection.recv(TIMEOUT_S))
            if item["type"] in types:
                return item


@pytest.fixture
def lobby(server: ServerProcess, request: pytest.FixtureRequest) -> Iterator[Socket]:
    with connect(f"ws://127.0.0.1:{server.port}/{request.node.name[:60].split('[')[0]}") as connection:
        yield Socket(connection)


@pytest.fixture
def many(server: ServerProcess) -> Iterator[Socket]:
    with connect(f"ws://127.0.0.1:{server.port}/api/v1/stream") as connection:
        yield Socket(connection)


def test_send_is_acked_with_its_key_and_comes_back_as_event(lobby: Socket) -> None:
    assert lobby.next("caught_up")["cursor"].endswith(".0")
    lobby.send(op="send", text="hello", key="key-12345", name="alice")
    found = {item["type"]: item for item in (lobby.next("ack", "message"), lobby.next("ack", "message"))}
    assert found["ack"]["key"] == "key-12345"
    assert found["ack"]["seq"] == found["message"]["seq"] == 1
    assert found["message"]["by"]["name"] == "alice"
    lobby.send(op="send", text="hello", key="key-12345", name="alice")
    assert lobby.next("ack")["replay"] is True
    lobby.send(op="send", text="other", key="key-12345", name="alice")
    assert lobby.next("error")["code"] == "key_reused"


def test_pipelined_sends_are_appended_in_order(lobby: Socket) -> None:
    for number in range(50):
        lobby.send(op="send", text=str(number))
    items = [lobby.next("message", "ack") for _ in range(100)]
    assert [item["text"] for item in items if item["type"] == "message"] == [str(number) for number in range(50)]
    assert [item["seq"] for item in items if item["type"] == "ack"] == list(range(1, 51))


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{}", "bad_op"),
        ('{"op":"explode"}', "bad_op"),
        ("not json", "bad_json"),
        ('{"op":"send"}', "bad_json"),
        ('{"op":"send","text":1}', "bad_json"),
        ('{"op":"send","text":"a","text":"b"}', "bad_json"),
        ('{"op":"send","text":"a","more":1}', "bad_json"),
        ('{"op":"send","text":"  "}', "blank_text"),
        ('{"op":"send","text":"a\\u0000b"}', "bad_json"),
        ('{"op":"send","text":"hello","key":"short"}', "bad_key"),
        ('{"op":"send","text":"hello","room":"elsewhere"}', "bad_op"),
        ('{"op":"subscribe","room":"elsewhere"}', "bad_op"),
        ('{"op":"read","seq":1}', "login_required"),
    ],
)
def test_bad_operations_are_refused_by_name_and_store_nothing(lobby: Socket, frame: str, code: str) -> None:
    lobby.connection.send(frame)
    error = lobby.next("error", "ack")
    assert error.get("code") == code, error
    lobby.send(op="ping")
    assert lobby.next("pong", "message")["type"] == "pong"


def test_error_carries_the_key_of_its_send(lobby: Socket) -> None:
    lobby.send(op="send", text=" ", key="key-of-blank")
    assert lobby.next("error")["key"] == "key-of-blank"


def test_binary_messages_close_the_connection(lobby: Socket) -> None:
    lobby.connection.send(b"\0\1")
    with suppress(ConnectionClosed):
        for _ in lobby.connection:
            pass
    assert lobby.connection.close_code == 1003


def test_many_rooms_on_one_connection(server: ServerProcess, many: Socket) -> None:
    many.send(op="subscribe", room="Many-A")
    assert many.next("subscribed")["room"] == "many-a"
    many.send(op="subscribe", room="many-b", since=0)
    assert many.next("subscribed")["room"] == "many-b"
    for room in ("many-a", "many-b"):
        many.send(op="send", room=room, text=f"in {room}", key=f"key-{room}")
        assert many.next("message")["room"] == room
    many.send(op="subscribe", room="many-a")
    assert many.next("error")["code"] == "bad_op"
    many.send(op="unsubscribe", room="many-a")
    assert many.next("unsubscribed")["room"] == "many-a"
    many.send(op="send", room="many-a", text="unheard", key="key-unheard")
    assert many.next("ack", "message")["type"] == "ack"
    many.send(op="send", text="where?")
    assert many.next("error")["field"] == "room"


def test_typing_reaches_the_others_and_is_not_kept(server: ServerProcess, lobby: Socket) -> None:
    with (
        connect(f"ws://127.0.0.1:{server.port}/typing-room") as first,
        connect(f"ws://127.0.0.1:{server.port}/typing-room") as second,
    ):
        watcher = Socket(first)
        watcher.next("caught_up")
        Socket(second).send(op="typing", name="bob")
        assert watcher.next("typing")["by"]["name"] == "bob"
    with connect(f"ws://127.0.0.1:{server.port}/typing-room?since=0") as third:
        assert Socket(third).next("caught_up", "typing")["type"] == "caught_up"


def test_ten_thousand_tiny_messages_in_one_write_end_that_connection_only(server: ServerProcess, lobby: Socket) -> None:
    with connect(f"ws://127.0.0.1:{server.port}/undisturbed") as other:
        for _ in range(10_000):
            lobby.connection.protocol.send_text(b'{"op":"ping"}')
        with suppress(OSError):
            lobby.connection.socket.sendall(b"".join(lobby.connection.protocol.data_to_send()))
        with suppress(ConnectionClosed):
            for _ in lobby.connection:
                pass
        assert lobby.connection.close_code == 1008
        Socket(other).send(op="ping")
        assert Socket(other).next("pong")["type"] == "pong"


def test_a_send_is_answered_before_the_connection_ends(server: ServerProcess) -> None:
    """The close frame comes in the same read as the send, while the message is on its way to the disk."""
    for attempt in range(20):
        with raw.connected(server.port) as sock:
            sock.sendall(raw.ask(raw.TRANSPORTS[2], "last-words", 0, ""))
            raw.read_until(sock, raw.is_caught_up(raw.TRANSPORTS[2]))
            said = b'{"op":"send","text":"last words","key":"last-%08d"}' % attempt
            late = b'{"op":"send","text":"too late","key":"late-%08d"}' % attempt
            sock.sendall(raw.ws_frame(said) + raw.ws_frame((1000).to_bytes(2, "big"), 8) + raw.ws_frame(late))
            rest = raw.read_until(sock, lambda data: False)
        acks = [json.loads(item)["key"] for item in raw.ws_payloads(rest) if b'"ack"' in item]
        assert acks == [f"last-{attempt:08}"]
        assert rest.endswith(b"\x88\x02\x03\xe8")
