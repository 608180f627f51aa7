"""Promises 2 and 3: the same bytes on every transport, and a stream cut anywhere resumes without gap or repeat."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from tests.support import raw
from tests.support.server import ServerProcess

TEXTS = ("one", "zwei ÄÖÜ", "три", "四 🎉", 'quotes " and \\ and \n a second line', "x" * 300)


def say(server: ServerProcess, room: str, *texts: str) -> list[bytes]:
    """Post over one connection; gives the events' JSON as the sender got it."""
    found = []
    with raw.connected(server.port) as sock:
        for text in texts:
            sock.sendall(raw.post(f"/{room}", json.dumps({"text": text}).encode(), "Content-Type: application/json"))
            answer = raw.read_until(sock, lambda data: data.endswith(b"}\n"))
            assert raw.status(answer) == 201, answer
            found.append(raw.body(answer)[:-1])
    return found


def epoch(server: ServerProcess) -> str:
    page = json.loads(raw.body(raw.exchange(server.port, raw.head("GET", "/x?format=json", "Connection: close"))))
    return str(page["epoch"])


def replay(server: ServerProcess, transport: raw.Transport, room: str, since: int) -> bytes:
    """Everything a stream sends until it is caught up."""
    with raw.connected(server.port) as sock:
        sock.sendall(raw.ask(transport, room, since, epoch(server) if transport.name == "many" else ""))
        return raw.read_until(sock, raw.is_caught_up(transport))


def test_replay_and_live_give_the_same_bytes_on_every_transport(server: ServerProcess) -> None:
    first = say(server, "same", *TEXTS[:3])
    current = epoch(server)
    socks: list[socket.socket] = []
    streams = []
    for transport in raw.TRANSPORTS:
        sock = socket.create_connection(("127.0.0.1", server.port), 10)
        sock.sendall(raw.ask(transport, "same", 0, current))
        streams.append(raw.read_until(sock, raw.is_caught_up(transport)))
        socks.append(sock)
    sent = first + say(server, "same", *TEXTS[3:])
    for transport, sock, stream in zip(raw.TRANSPORTS, socks, streams, strict=True):
        with sock:
            while len(raw.events(transport, stream)) < len(sent):
                stream += sock.recv(65536)
        assert raw.events(transport, stream) == sent, transport.name
    page = raw.body(raw.exchange(server.port, raw.head("GET", "/same?format=json", "Connection: close")))
    assert b'"events":[' + b",".join(sent) + b"]" in page
    poll = raw.exchange(server.port, raw.head("GET", "/same?format=json&since=0&wait=5", "Connection: close"))
    assert b",".join(sent) in poll


@pytest.mark.parametrize("transport", raw.TRANSPORTS, ids=lambda transport: transport.name)
def test_stream_cut_after_every_byte_resumes_without_gap_or_repeat(
    server: ServerProcess, transport: raw.Transport
) -> None:
    room = f"cut-{transport.name}"
    sent = say(server, room, *TEXTS)
    recorded = replay(server, transport, room, 0)
    assert raw.events(transport, recorded) == sent
    resumed: dict[int, list[bytes]] = {}
    for cut in range(len(recorded) + 1):
        seen = raw.events(transport, recorded[:cut])
        last = json.loads(seen[-1])["seq"] if seen else 0
        if last not in resumed:  # what the server answers depends on the cursor alone
            resumed[last] = raw.events(transport, replay(server, transport, room, last))
        assert seen + resumed[last] == sent, f"cut at {cut}"
    assert len(resumed) == len(sent) + 1


@pytest.mark.parametrize("transport", raw.TRANSPORTS[:3], ids=lambda transport: transport.name)
def test_readers_that_join_while_messages_arrive_miss_and_repeat_nothing(
    server: ServerProcess, transport: raw.Transport
) -> None:
    room = f"race-{transport.name}"
    say(server, room, "0")
    count = 300
    sender = threading.Thread(target=say, args=(server, room, *[str(number) for number in range(1, count)]))
    sender.start()
    for _ in range(10):
        with raw.connected(server.port) as sock:
            sock.sendall(raw.ask(transport, room, 0, ""))
            stream = b""
            while len(raw.events(transport, stream)) < count:
                piece = sock.recv(65536)
                assert piece
                stream += piece
        assert [json.loads(event)["seq"] for event in raw.events(transport, stream)] == list(range(1, count + 1))
    sender.join()


@pytest.mark.parametrize(
    ("cursor", "reason"), [("0other.1", "epoch_changed"), ("99", "cursor_ahead")], ids=["epoch", "ahead"]
)
def test_cursor_that_cannot_be_continued_is_reset_in_streams_and_410_in_pages(
    server: ServerProcess, cursor: str, reason: str
) -> None:
    say(server, "broken", "hello") if reason == "epoch_changed" else None
    with raw.connected(server.port) as sock:
        sock.sendall(raw.head("GET", "/broken", "Accept: text/event-stream", f"Last-Event-ID: {cursor}"))
        stream = raw.read_until(sock, lambda data: b"caught_up" in data and data.endswith(b"\n\n\r\n"))
    assert b"event: reset\n" in stream
    assert f'"reason":"{reason}"'.encode() in stream
    assert b'"seq"' not in stream
    for wait in ("", "&wait=5"):
        page = raw.exchange(
            server.port,
            raw.head(
                "GET", f"/broken?format=json&since={cursor}{wait}", "Accept: application/json", "Connection: close"
            ),
        )
        assert raw.status(page) == 410
        problem = json.loads(raw.body(page))
        assert (problem["code"], problem["reason"]) == ("cursor_gone", reason)
        assert {"epoch", "first_seq", "head_seq", "room"} <= problem.keys()


def test_long_poll_answers_at_once_when_there_is_news_and_when_it_comes(server: ServerProcess) -> None:
    say(server, "poll", "old")
    with raw.connected(server.port) as sock:
        sock.sendall(raw.head("GET", "/poll?format=json&since=1&wait=30", "Connection: close"))
        sent = say(server, "poll", "new")
        answer = raw.read_until(sock, lambda data: False)
    assert raw.status(answer) == 200
    assert sent[0] in answer


def test_many_rooms_resume_together_from_one_last_event_id(server: ServerProcess) -> None:
    say(server, "m1", "a", "b")
    say(server, "m2", "c")
    current = epoch(server)
    with raw.connected(server.port) as sock:
        sock.sendall(
            raw.head(
                "GET",
                "/api/v1/stream?room=m1&room=m2",
                "Accept: text/event-stream",
                f"Last-Event-ID: {current};m1=1;m2=0",
            )
        )
        stream = raw.read_until(sock, lambda data: data.count(b"caught_up\n") == 2 and data.endswith(b"\n\n\r\n"))
        say(server, "m2", "d")
        stream += raw.read_until(sock, lambda data: b'"d"' in data and data.endswith(b"\n\n\r\n"))
    assert [json.loads(event)["text"] for event in raw.events(raw.TRANSPORTS[3], stream)] == ["b", "c", "d"]
    ids = [line for line in raw.dechunk(raw.body(stream)).split(b"\n") if line.startswith(b"id: ")]
    assert ids[-1] == f"id: {current};m1=2;m2=2".encode()
