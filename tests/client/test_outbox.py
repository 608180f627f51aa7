"""Lines that wait: in order, each with its key, until the server has taken or refused them."""

from __future__ import annotations

import json
import queue

from parlour.client import Backoff, Client, ClientError, OutcomeUnknown, Refused, Sent
from parlour.client.outbox import Outbox, Outcome
from tests.support.peer import Peer, answer, reset

REFUSED = answer(400, b'{"code":"blank_text","detail":"No.","stored":false}')


def stored(seq: int) -> bytes:
    by = {"id": "g", "name": "a", "kind": "guest"}
    return answer(201, json.dumps({"room": "r", "seq": seq, "type": "message", "at": "", "by": by}).encode())


def run(peer: Peer, *texts: str) -> list[Sent | ClientError]:
    outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
    with Client(f"{peer.url}/r", backoff=Backoff(0.001, 0.001)) as client:
        outbox = Outbox(client, outcomes.put)
        for text in texts:
            outbox.put(text, name="alice")
        outbox.start()
        return [outcomes.get(timeout=20).result for _ in texts]


def test_lines_are_sent_in_order_and_a_failing_one_holds_up_the_rest() -> None:
    with Peer(stored(1), reset, answer(503), stored(2), stored(3)) as peer:
        results = run(peer, "one", "two", "three")
    assert [json.loads(asked.body)["text"] for asked in peer.asked] == ["one", "two", "two", "two", "three"]
    keys = [asked.fields["idempotency-key"] for asked in peer.asked]
    assert keys[1] == keys[2] == keys[3]
    assert len(set(keys)) == 3
    assert [result.seq for result in results if isinstance(result, Sent)] == [1, 2, 3]


def test_refused_line_is_given_up_and_the_next_one_sent() -> None:
    with Peer(REFUSED, stored(1), reset, REFUSED) as peer:
        results = run(peer, "bad", "good", "lost")
    assert [type(result) for result in results] == [Refused, Sent, OutcomeUnknown]
