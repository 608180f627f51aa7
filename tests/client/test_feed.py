"""Following through every kind of break, with a peer that plays it (docs/protocol.md#reading)."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from itertools import islice

import pytest

from parlour.client import (
    Backoff,
    Bounds,
    CaughtUp,
    Client,
    Event,
    Lost,
    OutcomeUnknown,
    Refused,
    Reset,
    SignedOut,
    Unreachable,
)
from parlour.client.items import Item
from parlour.core.errors import Refusal
from tests.support.peer import Peer, Step, answer, nobody, reset, silence, stream, then

QUICK = Backoff(base_s=0.001, cap_s=0.002)


def follower(peer: Peer, silence_s: float = 20.0) -> Client:
    return Client(f"{peer.url}/lobby", backoff=QUICK, bounds=Bounds(silence_s=silence_s))


def line(seq: int) -> bytes:
    return (
        b'{"room":"lobby","seq":%d,"type":"message","at":"x","by":{"id":"g","name":"a","kind":"guest"},"text":"%d"}'
        % (seq, seq)
    )


def caught_up(seq: int) -> bytes:
    return b'{"type":"caught_up","room":"lobby","cursor":"e.%d"}' % seq


LAST = then(stream(caught_up(4)), silence)


def read(items: Iterator[Item | Lost], until_seq: int) -> list[Item | Lost]:
    got: list[Item | Lost] = []
    for item in items:
        got.append(item)
        if isinstance(item, Event) and item.seq == until_seq:
            return got
    raise AssertionError("the feed has ended")


def seqs(items: list[Item | Lost]) -> list[int]:
    return [item.seq for item in items if isinstance(item, Event)]


@pytest.mark.parametrize(
    "trouble",
    [
        stream(line(1), line(2)),
        then(stream(line(1), line(2)), reset),
        stream(line(1), line(2), line(3)[:-9]),
        stream(line(1), line(2), b'{"type":"bye","reconnect_after_ms":1}', line(3)),
        stream(line(1), line(2), b"not json"),
        stream(line(1), line(2), line(4)),
        stream(line(1), line(2), caught_up(4)),
    ],
)
def test_feed_resumes_from_its_cursor_without_gap_or_repeat(trouble: Step) -> None:
    with (
        Peer(trouble, stream(line(2), line(3), line(4), caught_up(4))) as peer,
        follower(peer) as client,
    ):
        feed = client.follow("e.0")
        items = iter(feed)
        got = read(items, 4)
        assert str(feed.cursor) == "e.4"
        items.close()  # type: ignore[attr-defined]  # a generator
    assert seqs(got) == [1, 2, 3, 4]
    assert sum(isinstance(item, Lost) for item in got) == 1
    assert [asked.line for asked in peer.asked] == [
        "GET /lobby?follow=1&since=e.0 HTTP/1.1",
        "GET /lobby?follow=1&since=e.2 HTTP/1.1",
    ]


def test_feed_that_falls_silent_is_taken_up_again_from_its_cursor() -> None:
    rest = stream(line(2), line(3), line(4), caught_up(4))
    # On a machine that stands still the next streams can be silent for as long, too.
    with Peer(then(stream(line(1), line(2)), silence), *[rest] * 20) as peer, follower(peer, silence_s=1.0) as client:
        got = read(iter(client.follow("e.0")), 4)
    assert seqs(got) == [1, 2, 3, 4]
    assert sum(isinstance(item, Lost) for item in got) == len(peer.asked) - 1
    assert [asked.line for asked in peer.asked][:2] == [
        "GET /lobby?follow=1&since=e.0 HTTP/1.1",
        "GET /lobby?follow=1&since=e.2 HTTP/1.1",
    ]


def test_feed_without_a_cursor_asks_for_the_last_events_and_resumes_with_what_it_learned() -> None:
    with (
        Peer(stream(line(3), line(4), caught_up(4)), reset, stream(line(5))) as peer,
        follower(peer) as client,
    ):
        got = read(iter(client.follow(last=2)), 5)
    assert seqs(got) == [3, 4, 5]
    assert [asked.line.split("?")[1] for asked in peer.asked] == [
        "follow=1&limit=2 HTTP/1.1",
        "follow=1&since=e.4 HTTP/1.1",
        "follow=1&since=e.4 HTTP/1.1",
    ]
    assert "application/x-ndjson" in peer.asked[0].fields["accept"]


def test_feed_without_anything_begins_at_the_head() -> None:
    with Peer(stream(caught_up(4)), stream(line(5))) as peer, follower(peer) as client:
        assert seqs(read(iter(client.follow()), 5)) == [5]
    assert peer.asked[0].line == "GET /lobby?follow=1 HTTP/1.1"


def test_reset_is_passed_on_and_moves_the_cursor() -> None:
    moved = b'{"type":"reset","room":"lobby","reason":"epoch_changed","epoch":"f","first_seq":1,"head_seq":4}'
    with (
        Peer(stream(moved, b'{"type":"caught_up","room":"lobby","cursor":"f.4"}'), stream(line(5))) as peer,
        follower(peer) as client,
    ):
        got = read(iter(client.follow("e.9")), 5)
    assert [type(item) for item in got] == [Reset, CaughtUp, Lost, Event]
    assert peer.asked[1].line == "GET /lobby?follow=1&since=f.4 HTTP/1.1"


def reset_line(reason: str, epoch: str, first_seq: int, head_seq: int) -> bytes:
    return b'{"type":"reset","room":"lobby","reason":"%b","epoch":"%b","first_seq":%d,"head_seq":%d}' % (
        reason.encode(),
        epoch.encode(),
        first_seq,
        head_seq,
    )


def test_after_a_restore_the_newest_events_of_the_new_log_are_read() -> None:
    replaced = then(
        stream(reset_line("epoch_changed", "f", 1, 5), b'{"type":"caught_up","room":"lobby","cursor":"f.5"}'), silence
    )
    with Peer(replaced, stream(line(4), line(5), line(6))) as peer, follower(peer) as client:
        feed = client.follow("e.9", last=2)
        got = read(iter(feed), 6)
    assert [type(item) for item in got] == [Reset, Event, Event, Event]
    assert seqs(got) == [4, 5, 6]
    assert peer.asked[1].line == "GET /lobby?follow=1&since=f.3 HTTP/1.1"


def test_what_is_kept_behind_a_gap_is_read_whole_also_over_broken_connections() -> None:
    gap = then(stream(reset_line("below_retention", "e", 30, 33), caught_up(33)), silence)
    with Peer(gap, stream(line(30), line(31)), stream(line(32), line(33), line(34))) as peer, follower(peer) as client:
        got = read(iter(client.follow("e.9")), 34)
    assert [type(item) for item in got] == [Reset, Event, Event, Lost, Event, Event, Event]
    assert seqs(got) == [30, 31, 32, 33, 34]


def test_behind_damage_the_stream_goes_on_by_itself() -> None:
    with (
        Peer(stream(reset_line("damaged", "e", 13, 12), line(13), line(14))) as peer,
        follower(peer) as client,
    ):
        got = read(iter(client.follow("e.9")), 14)
    assert [type(item) for item in got] == [Reset, Event, Event]


def test_two_logs_that_take_turns_are_not_asked_without_a_pause() -> None:
    """Two servers behind one address, for example."""
    turns = [stream(reset_line("epoch_changed", epoch, 1, 5)) for epoch in ("f", "g", "f", "g")]
    with Peer(*turns, stream(line(5))) as peer, follower(peer) as client:
        got = read(iter(client.follow("e.9", last=1)), 5)
    assert [type(item) for item in got] == [Reset, Reset, Lost, Reset, Lost, Reset, Lost, Event]


def test_lines_keep_the_bytes_of_the_server_with_fields_unknown_here() -> None:
    raw = line(1)[:-1] + b',"mood":"new"}'
    with Peer(stream(raw)) as peer, follower(peer) as client:
        (first,) = islice(client.follow("e.0").lines(), 1)
    assert not isinstance(first, Lost)
    assert first.raw == raw


def test_busy_server_is_left_alone_for_as_long_as_it_asks() -> None:
    with Peer(answer(503, Retry_After="7"), LAST) as peer, follower(peer) as client:
        (lost,) = islice(iter(client.follow("e.4")), 1)
    assert isinstance(lost, Lost)
    assert 7.0 <= lost.retry_in_s < 7.1


def test_refusal_ends_the_feed_at_once_and_later() -> None:
    refusal = answer(404, b'{"code":"not_found","detail":"There is nothing here"}')
    with Peer(stream(line(1)), refusal) as peer, follower(peer) as client:
        items = iter(client.follow("e.0"))
        assert seqs([next(items)]) == [1]
        assert isinstance(next(items), Lost)
        with pytest.raises(Refused, match="nothing here"):
            next(items)


@pytest.mark.parametrize(
    ("code", "token", "error"),
    [
        ("login_required", "t0ken", SignedOut),
        ("login_required", None, Refused),
        ("not_found", "t0ken", Refused),
    ],
)
def test_a_room_that_is_closed_to_the_reader_ends_the_feed(code: str, token: str | None, error: type[Refused]) -> None:
    closed = b'{"type":"closed","room":"lobby","code":"%b","detail":"No more."}' % code.encode()
    with Peer(stream(line(1), closed)) as peer, Client(f"{peer.url}/lobby", token=token) as client:
        items = iter(client.follow("e.0"))
        assert seqs([next(items)]) == [1]
        with pytest.raises(Refused, match="No more") as caught:
            next(items)
    assert type(caught.value) is error
    assert caught.value.code == code


def test_first_connection_has_a_deadline() -> None:
    with nobody() as place, Client(f"{place}/lobby", backoff=QUICK) as client, pytest.raises(Unreachable):
        list(client.follow(timeout_s=0.05))


@pytest.mark.parametrize(
    "stranger",
    [silence, stream(b"<html>"), stream(), answer(200, b'{"events":[]}'), stream(b"<html>", b"</html>")],
    ids=["silent", "one line", "nothing", "json", "page"],
)
def test_what_is_no_chat_server_is_given_up_at_the_deadline_too(stranger: Step) -> None:
    began = time.monotonic()
    with Peer(*[stranger] * 1000) as peer, follower(peer) as client, pytest.raises(OutcomeUnknown):
        list(client.follow(timeout_s=0.05))
    assert time.monotonic() - began < Bounds().silence_s / 3, "silence was waited for as on a stream that has begun"


def test_silence_is_long_on_a_stream_that_has_begun_whatever_the_first_connection_had() -> None:
    late = threading.Event()

    def begins_and_waits(connection: socket.socket) -> None:
        connection.sendall(stream(caught_up(4)))
        late.wait(4.5)  # longer than an answer may take with this deadline
        connection.sendall(line(5) + b"\n")

    with Peer(begins_and_waits) as peer, follower(peer) as client:
        got = read(iter(client.follow(timeout_s=4.0)), 5)
    assert [type(item) for item in got] == [CaughtUp, Event]


def test_malformed_cursor_is_refused_at_once() -> None:
    with Client("h/lobby") as client, pytest.raises(Refusal, match="cursor"):
        client.follow("forty-two")
