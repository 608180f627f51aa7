"""The conformance table against a running server: answers, what is closed, what is stored, and who notices."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.conformance.http1_case import PLAIN
from tests.conformance.http1_cases import CASES, Case, Taken
from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.talk import Client

SMALL = 700
"""Cases of at most so many bytes are also sent byte by byte, in as many packets."""


@dataclass
class Bench:
    """The server under test, and a connection and a stream of a neighbour, open all the time."""

    server: ServerProcess
    neighbour: Client
    listener: Client
    posted: int = 0
    heard: list[int] = field(default_factory=list)

    def check_neighbour(self, name: str) -> None:
        """Ask on the neighbour's connection; it must not have noticed anything."""
        assert self.neighbour.send(PLAIN).answer().body == b"ok\n", name

    def check_log(self) -> None:
        """Exactly what was answered with 201 is stored, and the listener has heard each once, in order."""
        found = json.loads(self.neighbour.send(raw.head("GET", "/api/v1/rooms")).answer().body)["rooms"]
        assert {room["room"]: room["head_seq"] for room in found} == ({"lobby": self.posted} if self.posted else {})
        while len(self.heard) < self.posted:
            size = int(self.listener.read_until(b"\r\n"), 16)
            items = [json.loads(line) for line in self.listener.read(size + 2).splitlines() if line]
            self.heard += [item["seq"] for item in items if "seq" in item]
        assert self.heard == list(range(1, self.posted + 1))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with (
        ServerProcess(tmp_path_factory.mktemp("live") / "data", "--allowed-hosts", "*") as server,
        Client.to(server.port) as neighbour,
        Client.to(server.port) as listener,
    ):
        assert listener.send(raw.head("GET", "/lobby?follow=1&format=ndjson")).head().status == 200
        yield Bench(server, neighbour, listener)
        assert server.process is not None
        assert server.process.poll() is None
    assert "_failed" not in server.log
    assert "Traceback" not in server.log


def takes_body(taken: Taken) -> bool:
    """Whether the route of a request wants its body; elsewhere it is refused, and the connection ends there."""
    return taken.method in ("POST", "PUT") and taken.target.startswith(b"/lobby")


def run(bench: Bench, case: Case, pieces: Iterator[bytes]) -> None:
    """Send a case on a new connection and check everything that must come of it."""
    with Client.to(bench.server.port) as client:
        try:
            for piece in pieces:
                client.send(piece)
        except (BrokenPipeError, ConnectionResetError):
            assert case.closes, case.name
        for taken in case.accepted:
            status = final_status(client, taken)
            bench.posted += status == 201
            if status == 101:
                return
            assert status < 500, (case.name, status)
            if taken.body and not takes_body(taken):
                assert status in (404, 405, 413), (case.name, status)
                assert client.rest() == b"", case.name
                return
        if case.status is not None:
            assert final_status(client, case.accepted[-1] if case.accepted else Taken()) == case.status, case.name
        check_end(client, case)


def final_status(client: Client, taken: Taken) -> int:
    """The status of the next final response."""
    found = client.answer(taken.method)
    return found.status if found.status != 100 else client.answer(taken.method).status


def check_end(client: Client, case: Case) -> None:
    """Closed when the table says so; else open, for another request or the rest of this one."""
    if not case.closes and case.rest == "between":
        assert client.send(PLAIN).answer().status == 200, case.name
    if not case.closes:
        client.half_close()
    left = client.rest()
    assert left in (b"", b"HTTP/1.1 100 Continue\r\n\r\n"), case.name


def test_refused_cases_are_answered_closed_and_store_nothing(bench: Bench) -> None:
    refused = [case for case in CASES if case.refusal and not case.accepted]
    assert len(refused) > 150
    before = bench.posted
    for case in refused:
        run(bench, case, iter([case.data]))
        bench.check_neighbour(case.name)
    assert bench.posted == before
    bench.check_log()


def test_accepted_cases_are_answered_in_order_and_store_what_they_say(bench: Bench) -> None:
    for case in CASES:
        if case.accepted or not case.refusal:
            run(bench, case, iter([case.data]))
            bench.check_neighbour(case.name)
    assert bench.posted > 0
    bench.check_log()


def test_small_cases_sent_byte_by_byte_are_answered_the_same(bench: Bench) -> None:
    small = [case for case in CASES if len(case.data) <= SMALL]
    assert len(small) > 200
    for case in small:
        run(bench, case, (case.data[place : place + 1] for place in range(len(case.data))))
    bench.check_log()
