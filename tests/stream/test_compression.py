"""With `websocket_compression` on, who offers it gets long messages compressed, once for all; nobody else notices."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate
from websockets.sync.client import ClientConnection, connect

from parlour.config import Settings
from tests.support.inprocess import InProcess
from tests.support.patience import PATIENCE_S
from tests.support.raw import UPGRADE, head, post, ws_frame
from tests.support.server import ServerProcess
from tests.support.talk import Client

LONG = "The same words again, and again. " * 100
SHORT = "short"
_rooms = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("deflate") / "data", "--websocket-compression", "on") as server:
        yield server


@pytest.fixture
def room() -> str:
    return f"room-{next(_rooms)}"


def open_raw(port: int, room: str, offer: str | None, since: int = 0) -> tuple[Client, str]:
    """A reader on a plain socket, and what was answered to its offer."""
    offers = [] if offer is None else [f"Sec-WebSocket-Extensions: {offer}"]
    client = Client.to(port)
    answer = client.send(head("GET", f"/{room}?since={since}", *UPGRADE, *offers)).head()
    assert answer.status == 101
    return client, answer.fields.get("sec-websocket-extensions", "")


def next_frame(client: Client) -> tuple[int, bytes, bytes]:
    """The next frame: its first byte, its payload, and all of it."""
    start = client.read(2)
    size, length = start[1], b""
    if size > 125:
        length = client.read({126: 2, 127: 8}[size])
        size = int.from_bytes(length, "big")
    payload = client.read(size)
    return start[0], payload, start + length + payload


def next_message(client: Client) -> tuple[bytes, bytes]:
    """The JSON of the next message of the room, and the frame it came in."""
    while True:
        first, payload, whole = next_frame(client)
        if first == 0xC1:
            payload = zlib.decompressobj(-12).decompress(payload + b"\0\0\xff\xff")
        if b'"type":"message"' in payload:
            return payload, whole


def send(server: ServerProcess, room: str, *texts: str) -> None:
    with server.client() as http:
        for text in texts:
            assert http.post(f"/{room}", json={"text": text, "name": "alice"}).status_code == 201


def test_all_who_agreed_get_the_same_bytes_and_all_others_what_they_always_got(
    server: ServerProcess, room: str
) -> None:
    readers = [open_raw(server.port, room, offer) for offer in ("permessage-deflate", "permessage-deflate", None)]
    try:
        assert [answer != "" for _, answer in readers] == [True, True, False]
        send(server, room, SHORT, LONG)
        (one, other, plain) = [[next_message(client) for _ in range(2)] for client, _ in readers]
        assert [json for json, _ in one] == [json for json, _ in plain]
        assert one == other
        assert one[0] == plain[0], "short ones are the same for all"
        assert len(one[1][1]) < 400 < len(LONG) < len(plain[1][1])
        late, _ = open_raw(server.port, room, "permessage-deflate")
        with late:
            assert [next_message(late) for _ in range(2)] == one, "replayed as live"
    finally:
        for client, _ in readers:
            client.sock.close()


@pytest.mark.parametrize(("asked", "answered"), [(9, 9), (11, 9), (12, 12), (15, 12)])
def test_the_window_is_no_larger_than_asked_for(server: ServerProcess, room: str, asked: int, answered: int) -> None:
    client, answer = open_raw(server.port, room, f"permessage-deflate; server_max_window_bits={asked}")
    with client:
        assert answer.endswith(f"; server_max_window_bits={answered}")
        send(server, room, LONG)
        first, payload, _ = next_frame(client)
        while first != 0xC1:
            first, payload, _ = next_frame(client)
        event = zlib.decompressobj(-answered).decompress(payload + b"\0\0\xff\xff")
        assert json.loads(event)["text"] == LONG


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        (None, ""),
        ("permessage-foo", ""),
        ("permessage-deflate; server_max_window_bits=8", ""),
        ("permessage-deflate; mem_level=9", ""),
        (
            "permessage-deflate; server_max_window_bits=8\r\nSec-WebSocket-Extensions: permessage-deflate",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        ),
    ],
)
def test_an_offer_that_cannot_be_kept_is_declined(
    server: ServerProcess, room: str, offer: str | None, answer: str
) -> None:
    client, given = open_raw(server.port, room, offer)
    with client:
        assert given == answer
        client.send(ws_frame(b'{"op":"ping"}')).read_until(b'"pong"')


def test_a_malformed_list_of_extensions_is_refused(server: ServerProcess, room: str) -> None:
    offer = "Sec-WebSocket-Extensions: permessage-deflate; =1"
    with Client.to(server.port) as client:
        assert client.send(head("GET", f"/{room}", *UPGRADE, offer)).head().status == 400


def test_without_the_setting_every_offer_is_declined(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        with connect(ws(server)) as connection:
            assert connection.protocol.extensions == []
        client, answer = open_raw(server.port, "lobby", "permessage-deflate; =1")
        with client:
            assert answer == "", "nor read"


def ws(server: ServerProcess, path: str = "/lobby") -> str:
    return f"ws://127.0.0.1:{server.port}{path}"


def message(connection: ClientConnection) -> dict[str, Any]:
    while True:
        item: dict[str, Any] = json.loads(connection.recv(PATIENCE_S))
        if item["type"] in ("message", "error"):
            return item


@pytest.mark.parametrize("path", ["/{room}", "/api/v1/stream"])
def test_a_client_of_others_sends_and_hears_compressed(server: ServerProcess, room: str, path: str) -> None:
    factory = ClientPerMessageDeflateFactory(client_no_context_takeover=True, compress_settings={"memLevel": 5})
    with connect(ws(server, path.format(room=room)), compression=None, extensions=[factory]) as connection:
        (extension,) = connection.protocol.extensions
        assert isinstance(extension, PerMessageDeflate)
        if path == "/api/v1/stream":
            connection.send(json.dumps({"op": "subscribe", "room": room}))
            assert json.loads(connection.recv(PATIENCE_S))["type"] == "subscribed"
        for text in (SHORT, LONG, "κόσμε 🜁 " * 500, "\\\"' \t" * 300 + "."):
            connection.send(json.dumps({"op": "send", "room": room, "text": text}))
            assert message(connection)["text"] == text
        whole = json.dumps({"op": "send", "room": room, "text": LONG})
        connection.send(iter([whole[:50], whole[50:1000], whole[1000:1001], whole[1001:]]))  # in fragments
        assert message(connection)["text"] == LONG


def test_many_pipelined_sends_are_all_stored(server: ServerProcess, room: str) -> None:
    """More in one read of the socket than fragments would be allowed."""
    with connect(ws(server, f"/{room}")) as connection:
        for number in range(300):
            connection.send(json.dumps({"op": "send", "text": str(number)}))
        items = [json.loads(connection.recv(PATIENCE_S)) for _ in range(601)]
        assert [item["text"] for item in items if item["type"] == "message"] == [str(number) for number in range(300)]
        assert [item["seq"] for item in items if item["type"] == "ack"] == list(range(1, 301))


def test_an_idle_reader_costs_the_same_compressed_or_not(tmp_path: Path) -> None:
    """What a session holds between two messages is the same, and nothing of zlib's."""
    settings = Settings(port=0, data=tmp_path / "data", rate_limits=False, websocket_compression=True)
    with InProcess(settings=settings) as server:
        plain, _ = open_raw(server.port, "lobby", None)
        deflated, answer = open_raw(server.port, "lobby", "permessage-deflate")
        with plain, deflated, server.client() as sender:
            assert answer
            sender.send(post("/lobby", LONG.encode())).answer()
            body = squeezed(b'{"op":"ping"}')
            for client, ping in ((plain, ws_frame(b'{"op":"ping"}')), (deflated, as_compressed(ws_frame(body)))):
                next_message(client)
                client.send(ping).read_until(b'"pong"')
            held = [server.call(held_by, server.connection(client)._session) for client in (plain, deflated)]
            assert held[0] == held[1]


def squeezed(data: bytes) -> bytes:
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    return (deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


def as_compressed(frame: bytes) -> bytes:
    return bytes([frame[0] | 0x40]) + frame[1:]


def held_by(session: object) -> dict[str, type]:
    """The types of what a session holds."""
    slots = [slot for kind in type(session).__mro__ for slot in getattr(kind, "__slots__", ())]
    return {slot: type(getattr(session, slot)) for slot in slots}
