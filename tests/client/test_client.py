"""Sending and looking back: every ending a request can have, with a peer that plays it (docs/protocol.md#sending)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from parlour.client import (
    Backoff,
    Bounds,
    Busy,
    Client,
    ClientError,
    OutcomeUnknown,
    Refused,
    Sent,
    SignedOut,
    Unreachable,
)
from parlour.core.errors import Refusal
from tests.support.peer import Peer, Step, answer, nobody, reset, silence, then

QUICK = Backoff(base_s=0.001, cap_s=0.002)
EVENT = json.dumps(
    {
        "room": "lobby",
        "seq": 7,
        "type": "message",
        "at": "2026-11-22T06:41:23.123Z",
        "by": {"id": "g_1", "name": "alice", "kind": "guest"},
        "text": "hi",
    }
).encode()
STORED = answer(201, EVENT)
REPLAYED = answer(201, EVENT, Idempotent_Replay="true")


def problem(status: int, code: str, *, stored: bool | None = False, **fields: str) -> bytes:
    body: dict[str, Any] = {"code": code, "detail": f"About {code}."} | ({} if stored is None else {"stored": stored})
    return answer(status, json.dumps(body).encode(), **fields)


def client(peer: Peer, **options: Any) -> Client:
    return Client(f"{peer.url}/lobby", backoff=QUICK, **options)


def keys(peer: Peer) -> set[str]:
    return {asked.fields["idempotency-key"] for asked in peer.asked}


def test_send_posts_json_with_a_fresh_key_and_gives_the_receipt() -> None:
    with Peer(STORED, STORED) as peer, client(peer, name="alice", token="t0ken") as room:  # noqa: S106
        assert room.send("h\u00e9") == Sent("lobby", 7, False)
        assert str(room.send("two", name="bob")) == "lobby/7"
    first, second = peer.asked
    assert first.line == "POST /lobby HTTP/1.1"
    assert json.loads(first.body) == {"text": "h\u00e9", "name": "alice"}
    assert first.fields["authorization"] == "Bearer t0ken"
    assert json.loads(second.body) == {"text": "two", "name": "bob"}
    assert len(keys(peer)) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        reset,
        then(STORED[:20], reset),
        then(STORED[:-5], lambda _: None),
        answer(200, b"<html>Please log in to the hotel"),
        answer(201, b"{}"),
        answer(502),
        problem(500, "outcome_unknown", stored=None),
        problem(503, "overloaded", Retry_After="0"),
        problem(429, "rate_limited", Retry_After="0"),
        problem(507, "storage_full"),
        answer(408),
    ],
)
def test_send_is_repeated_with_the_same_key_until_the_outcome_is_known(trouble: Step) -> None:
    with Peer(trouble, trouble, REPLAYED) as peer, client(peer) as room:
        assert room.send("hi") == Sent("lobby", 7, True)
    assert len(peer.asked) == 3
    assert len(keys(peer)) == 1


def test_server_that_does_not_answer_is_asked_again() -> None:
    # On a machine that stands still for a moment the second answer may be too late as well.
    with Peer(silence, *[STORED] * 100) as peer, client(peer, bounds=Bounds(answer_s=0.2)) as room:
        assert room.send("hi").seq == 7
    assert len(peer.asked) >= 2
    assert len(keys(peer)) == 1


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (problem(400, "blank_text"), "blank_text"),
        (problem(413, "text_too_long"), "text_too_long"),
        (problem(422, "key_reused"), "key_reused"),
        (problem(501, "not_implemented"), "not_implemented"),
        (answer(404, b"<html>"), "http_404"),
        (answer(301, Location="https://h/\x9b2J"), "redirected"),
    ],
)
def test_refusal_is_final(refusal: bytes, code: str) -> None:
    with Peer(refusal) as peer, client(peer) as room, pytest.raises(Refused) as caught:
        room.send("hi")
    assert caught.value.code == code
    assert "\x9b" not in str(caught.value)
    assert len(peer.asked) == 1


@pytest.mark.parametrize("code", ["bad_credentials", "login_required"])
def test_a_token_that_is_accepted_no_more_is_told_with_its_server(code: str) -> None:
    with Peer(problem(401, code), problem(401, code)) as peer:
        with client(peer, token="t0ken") as room, pytest.raises(SignedOut) as caught:  # noqa: S106
            room.send("hi")
        assert (caught.value.code, caught.value.server) == (code, peer.url)
        with client(peer) as guest, pytest.raises(Refused) as refused:
            guest.send("hi")
        assert not isinstance(refused.value, SignedOut)
    assert [asked.fields.get("authorization") for asked in peer.asked] == ["Bearer t0ken", None]


def test_refusal_after_a_lost_answer_leaves_the_outcome_unknown() -> None:
    with Peer(reset, problem(400, "blank_text")) as peer, client(peer) as room, pytest.raises(OutcomeUnknown) as caught:
        room.send("hi", key="my-key-01")
    assert caught.value.key == "my-key-01"


@pytest.mark.parametrize(
    ("step", "error"), [(reset, OutcomeUnknown), (problem(503, "draining"), Busy), (answer(500), OutcomeUnknown)]
)
def test_one_attempt_when_there_is_no_time(step: Step, error: type[Exception]) -> None:
    with Peer(step, STORED) as peer, client(peer, timeout_s=0.0) as room, pytest.raises(error):
        room.send("hi")
    assert len(peer.asked) == 1


def test_retry_after_beyond_the_deadline_ends_at_once() -> None:
    with Peer(problem(429, "rate_limited", Retry_After="60"), STORED) as peer, client(peer, timeout_s=5.0) as room:
        with pytest.raises(Busy) as caught:
            room.send("hi")
        assert caught.value.retry_after_s == 60.0


def test_rate_is_obeyed_to_the_second_and_told() -> None:
    """However often: a batch is not slowed more than the server asks for."""
    waits: list[tuple[str, float]] = []

    def note(error: ClientError, wait_s: float) -> None:
        assert isinstance(error, Busy)
        waits.append((error.code, wait_s))

    slowed = problem(429, "rate_limited", Retry_After="1")
    slow = Backoff(base_s=1000.0, cap_s=1000.0)
    with Peer(slowed, slowed, STORED) as peer, Client(f"{peer.url}/lobby", backoff=slow) as room:
        assert room.send("hi", on_wait=note) == Sent("lobby", 7, False)
    assert waits == [("rate_limited", 1.0)] * 2


def test_hurry_ends_a_long_wait() -> None:
    slow = Backoff(base_s=1000.0, cap_s=1000.0)
    with Peer(reset, STORED) as peer, Client(f"{peer.url}/lobby", backoff=slow, timeout_s=math.inf) as room:
        assert room.send("hi", on_wait=lambda _error, _wait_s: room.hurry()).seq == 7


def test_nobody_listening_is_unreachable() -> None:
    with nobody() as place, Client(f"{place}/x", backoff=QUICK, timeout_s=0.05) as room:
        with pytest.raises(Unreachable):
            room.send("hi")
        with pytest.raises(Unreachable):
            room.history()


@pytest.mark.parametrize("key", ["short", "x" * 65, "with space", "new\nline"])
def test_malformed_key_is_refused_before_anything_is_sent(key: str) -> None:
    with Peer() as peer, client(peer) as room, pytest.raises(Refusal, match="key"):
        room.send("hi", key=key)


@pytest.mark.parametrize("token", ["", "two words", "new\nline", "ümlaut", " t"])
def test_token_that_cannot_be_a_field_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="token") as caught:
        Client("h/lobby", token=token)
    assert str(caught.value) == "A token consists of visible ASCII characters."


def test_cookies_are_not_kept_because_they_would_make_a_retry_another_authors() -> None:
    with Peer(answer(500, Set_Cookie="parlour_guest=abc; Path=/"), STORED) as peer, client(peer) as room:
        room.send("hi")
    assert "cookie" not in peer.asked[1].fields


PAGE = json.dumps({"room": "lobby", "epoch": "e", "events": [json.loads(EVENT)], "first_seq": 1, "head_seq": 7})


@pytest.mark.parametrize(
    ("ask", "query"),
    [
        (lambda room: room.history(), "limit=50"),
        (lambda room: room.history(before="e.8", limit=1), "limit=1&before=e.8"),
        (lambda room: room.history(since=6), "limit=50&since=6"),
    ],
)
def test_history_asks_for_a_page(ask: Callable[[Client], Any], query: str) -> None:
    with Peer(reset, answer(200, PAGE.encode())) as peer, client(peer) as room:
        page = ask(room)
    assert peer.asked[1].line == f"GET /lobby?{query} HTTP/1.1"
    assert (page.epoch, page.first_seq, page.head_seq, page.events[0].text) == ("e", 1, 7, "hi")


def test_history_from_a_lost_cursor_is_refused() -> None:
    with Peer(problem(410, "cursor_gone")) as peer, client(peer) as room, pytest.raises(Refused) as caught:
        room.history(since="f.9")
    assert caught.value.code == "cursor_gone"


def test_answer_without_an_end_is_cut_off() -> None:
    endless, bounds = answer(201, b" " * 2000), Bounds(max_answer_bytes=1000)
    with (
        Peer(endless) as peer,
        client(peer, timeout_s=0.0, bounds=bounds) as room,
        pytest.raises(OutcomeUnknown, match="not end"),
    ):
        room.send("hi")
