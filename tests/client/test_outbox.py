"""Lines that wait: in order, each with its key, until the server has taken or refused them."""

from __future__ import annotations

import json
import queue
import threading

from parlour.client import Backoff, Client, OutcomeUnknown
from parlour.client.outbox import Delivered, Outbox, Rejected, Report, Waiting
from tests.support.peer import Peer, answer, reset

REFUSED = answer(400, b'{"code":"blank_text","detail":"No.","stored":false}')


def stored(seq: int) -> bytes:
    by = {"id": "g", "name": "a", "kind": "guest"}
    return answer(201, json.dumps({"room": "r", "seq": seq, "type": "message", "at": "", "by": by}).encode())


def run(peer: Peer, *texts: str, backoff: Backoff, outcomes: int) -> list[Report]:
    reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
    with Client(f"{peer.url}/r") as client:
        outbox = Outbox(client, reports.put, backoff)
        for text in texts:
            outbox.put(text, name="alice")
        outbox.start()
        got: list[Report] = []
        while sum(not isinstance(report, Waiting) for report in got) < outcomes:
            got.append(reports.get(timeout=20))
            if isinstance(got[-1], Waiting):
                outbox.hurry()
    return got


def test_lines_are_sent_in_order_and_a_failing_one_holds_up_the_rest() -> None:
    with Peer(stored(1), reset, answer(503), stored(2), stored(3)) as peer:
        reports = run(peer, "one", "two", "three", backoff=Backoff(0.001, 0.001), outcomes=3)
    assert [json.loads(asked.body)["text"] for asked in peer.asked] == ["one", "two", "two", "two", "three"]
    keys = [asked.fields["idempotency-key"] for asked in peer.asked]
    assert keys[1] == keys[2] == keys[3]
    assert len(set(keys)) == 3
    assert [type(report) for report in reports] == [Delivered, Waiting, Waiting, Delivered, Delivered]
    assert [report.sent.seq for report in reports if isinstance(report, Delivered)] == [1, 2, 3]


def test_refused_line_is_given_up_and_the_next_one_sent() -> None:
    with Peer(REFUSED, stored(1), reset, REFUSED) as peer:
        reports = run(peer, "bad", "good", "lost", backoff=Backoff(0.001, 0.001), outcomes=3)
    assert [type(report) for report in reports] == [Rejected, Delivered, Waiting, Rejected]
    assert isinstance(reports[3], Rejected)
    assert isinstance(reports[3].error, OutcomeUnknown)


def test_hurry_ends_a_long_wait() -> None:
    with Peer(reset, stored(1)) as peer:
        reports = run(peer, "one", backoff=Backoff(3600.0, 3600.0), outcomes=1)
    assert [type(report) for report in reports] == [Waiting, Delivered]
    assert not any(thread.name == "feed" for thread in threading.enumerate())
