"""Ends of connections: half-close, vanishing, refusals that must be read, and the answers nobody waits for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from parlour.config import Settings
from parlour.core.limits import Limits
from parlour.net.connection import LINGER_S
from tests.support.inprocess import InProcess, LoopFactory, Scripted
from tests.support.raw import UPGRADE, head, post, ws_frame
from tests.support.timeout import TIMEOUT_S

FAST = head("GET", "/fast")


@pytest.fixture
def application() -> Scripted:
    return Scripted()


@pytest.fixture
def server(application: Scripted, new_loop: LoopFactory) -> Iterator[InProcess]:
    with InProcess(application, new_loop=new_loop) as server:
        yield server


@pytest.fixture
def chat(tmp_path: Path, new_loop: LoopFactory) -> Iterator[InProcess]:
    """The whole program."""
    settings = Settings(port=0, data=tmp_path / "data", rate_limits=False)
    with InProcess(settings=settings, new_loop=new_loop) as server:
        yield server


# --- half-close ---


def test_half_close_after_the_last_requests_gets_all_answers_then_the_end(
    server: InProcess, application: Scripted
) -> None:
    with server.client() as client:
        client.send(FAST + head("GET", "/slow/a") + FAST + post("/post", b"123")).half_close()
        assert application.begun.get(timeout=TIMEOUT_S) == "a"
        server.call(application.finish, "a")
        answers = [client.answer() for _ in range(4)]
        assert [answer.body for answer in answers] == [b"fast ", b"slow a", b"fast ", b"3"]
        assert client.rest() == b""
    with server.client() as client:
        client.send(FAST)
        assert client.answer().status == 200
        assert client.half_close().rest() == b""


@pytest.mark.parametrize("cut", [FAST[:20], post("/post", b"12345")[:-1]], ids=["head", "body"])
def test_request_cut_short_by_a_half_close_is_dropped(server: InProcess, cut: bytes) -> None:
    """RFC 9112 §8: it is incomplete; nobody can say what it would have become."""
    with server.client() as client:
        client.send(FAST + cut).half_close()
        assert client.answer().status == 200
        assert client.rest() == b""


def test_streams_and_websockets_end_with_the_side_of_their_client(chat: InProcess) -> None:
    with chat.client() as reader, chat.client() as talker, chat.client() as sender:
        reader.send(head("GET", "/lobby", "Accept: text/event-stream")).half_close()
        reader.read_until(b"caught_up")
        talker.send(head("GET", "/lobby", *UPGRADE))
        assert talker.head().status == 101
        talker.half_close()
        talker.rest()
        reader.rest()  # clients of a stream close their side when they go: nothing may be left of it
        assert sender.send(post("/lobby", b"still there?")).answer().status == 201
    chat.wait_until(lambda: not chat.server.drain.connections)


def test_websocket_half_closed_with_its_handshake_ends(chat: InProcess) -> None:
    with chat.client() as client:
        client.send(head("GET", "/never-opened-before", *UPGRADE)).half_close()
        assert client.head().status == 101
        client.rest()


# --- vanishing ---


def test_handler_of_a_client_that_vanishes_is_cancelled(server: InProcess, application: Scripted) -> None:
    with server.client() as client:
        client.send(head("GET", "/slow/a") + FAST)
        assert application.begun.get(timeout=TIMEOUT_S) == "a"
        client.reset()
        assert application.cancelled.get(timeout=TIMEOUT_S) == "a"
        server.wait_until(lambda: not server.server.drain.connections)


def test_message_of_a_client_that_vanishes_during_the_commit_is_stored(chat: InProcess) -> None:
    with chat.client() as client, chat.client() as reader:
        reader.send(head("GET", "/lobby", "Accept: text/event-stream")).read_until(b"caught_up")
        connection = chat.http(client)

        def post_and_vanish() -> None:
            connection.data_received(post("/lobby", b"my last words"))
            assert connection.state == "busy"  # the disk has not answered: it would do so on this loop
            connection.abort()

        chat.call(post_and_vanish)
        assert b"my last words" in reader.read_until(b"my last words")
    with chat.client() as other:
        assert b"my last words" in other.send(head("GET", "/lobby")).answer().body


def test_clients_that_send_and_hang_up_have_sent(chat: InProcess) -> None:
    """Half of them with a reset, which may outrun the message; but what is stored is whole, and stored once."""
    with chat.client() as reader:
        reader.send(head("GET", "/lobby?follow=1")).head()
        for number in range(100):
            client = chat.client().send(post("/lobby", b"number %d!" % number))
            if number % 2:
                client.reset()
            else:
                client.sock.close()
        sure = set(range(0, 100, 2))
        seen: list[int] = []
        while not sure <= set(seen):
            reader.read_until(b": number ")
            seen.append(int(reader.read_until(b"!")[:-1]))
    assert len(seen) == len(set(seen))


# --- refusals that must be read ---


def test_refusal_is_read_by_a_client_that_is_still_sending(server: InProcess) -> None:
    """RFC 9112 §9.6: closing at once would reset the connection, and the reset would take the answer along."""
    size = 20_000_000
    with server.client() as client:
        client.send(head("POST", "/post", f"Content-Length: {size}"))
        client.send(b"x" * size)
        answer = client.answer()
        assert (answer.status, answer.body) == (413, b"too_large")
        assert client.rest() == b""
        server.wind(LINGER_S + 2)
        server.wait_until(lambda: not server.server.drain.connections)


def test_client_that_never_stops_sending_is_cut_off(server: InProcess) -> None:
    with server.client() as client:
        client.send(head("POST", "/post", "Content-Length: 1000000000"))
        assert client.answer().status == 413
        stop = threading.Event()

        def go_on() -> None:
            try:
                while not stop.is_set():
                    client.send(b"x" * 1000)
            except OSError:
                return

        sender = threading.Thread(target=go_on)
        sender.start()
        try:
            server.wind(LINGER_S + 2)
            server.wait_until(lambda: not server.server.drain.connections)
            sender.join(TIMEOUT_S)
            assert not sender.is_alive()
        finally:
            stop.set()


@pytest.mark.parametrize("version", ["12", "13"])
def test_bytes_behind_a_refused_handshake_are_no_requests(chat: InProcess, version: str) -> None:
    """A proxy that took the handshake for granted would pass them on as frames of somebody else's choosing."""
    fields = ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Version: {version}"]
    with chat.client() as client:
        answer = client.send(head("GET", "/lobby", *fields) + post("/lobby", b"smuggled")).answer()
        assert answer.status == (426 if version == "12" else 400)
        assert answer.fields["connection"] == "close"
        assert client.rest() == b""
    with chat.client() as client:
        assert b"smuggled" not in client.send(head("GET", "/lobby")).answer().body


def test_frames_that_come_with_the_handshake_are_heard(chat: InProcess) -> None:
    with chat.client() as client, chat.client() as reader:
        client.send(head("GET", "/lobby", *UPGRADE) + ws_frame(b'{"op":"send","text":"early","key":"key-00000001"}'))
        assert client.head().status == 101
        assert b'"ack"' in client.read_until(b'"ack"')
        assert b"early" in reader.send(head("GET", "/lobby")).answer().body


# --- streams without a reader ---


def test_head_of_a_stream_is_answered_and_leaves_nothing_behind(chat: InProcess) -> None:
    with chat.client() as client:
        answer = client.send(head("HEAD", "/lobby?follow=1")).answer("HEAD")
        assert (answer.status, answer.fields["content-type"]) == (200, "text/plain; charset=utf-8")
        assert client.rest() == b""
    chat.wait_until(lambda: not chat.server.drain.connections)


def test_stream_to_an_http_1_0_client_is_not_chunked(chat: InProcess) -> None:
    with chat.client() as client, chat.client() as sender:
        request = head("GET", "/lobby?follow=1&format=ndjson").replace(b"HTTP/1.1", b"HTTP/1.0")
        answer = client.send(request).head()
        assert "transfer-encoding" not in answer.fields
        assert client.read_until(b"\n").startswith(b'{"type":"caught_up"')
        assert sender.send(post("/lobby", b"plain")).answer().status == 201
        assert client.read_until(b"\n").startswith(b'{"room":"lobby","seq":1')


def test_silent_stream_carries_signs_of_life(chat: InProcess) -> None:
    limits = Limits()
    with chat.client() as client:
        client.send(head("GET", "/lobby", "Accept: text/event-stream")).read_until(b"caught_up")
        chat.wind(limits.stream_comment_s + 2)
        assert b"heartbeat" in client.read_until(b"heartbeat")


def test_long_poll_of_a_client_that_has_gone_is_given_up(chat: InProcess) -> None:
    with chat.client() as sender:
        assert sender.send(post("/lobby", b"hello")).answer().status == 201
        for _ in range(20):
            with chat.client() as poller:
                poller.send(head("GET", "/lobby?format=json&since=1&wait=55"))
        for _ in range(40):  # less than they were to wait
            chat.wind(1)
            assert sender.send(head("GET", "/healthz")).answer().status == 200
            if chat.call(lambda: len(chat.server.drain.connections)) == 1:
                return
        raise AssertionError("the connections are still there")
