"""A server with a damaged event serves everything else, over every transport (D25)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import apsw
import httpx
import pytest

from tests.support import raw
from tests.support.server import ServerProcess

DAMAGED = 60
READABLE = [seq for seq in range(1, 101) if seq != DAMAGED]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path_factory.mktemp("damage") / "data")
    with server, server.client() as http:
        for seq in range(1, 101):
            http.post("/lobby", content=f"message {seq}").raise_for_status()
    connection = apsw.Connection(str(server.data / "parlour.db"))
    connection.execute(
        "UPDATE events SET body = CAST(replace(body, 'message', 'massage') AS BLOB) WHERE id >> 36 AND id & 0xfff = ?",
        (DAMAGED,),
    )
    assert connection.changes() == 1
    connection.close()
    with server:
        yield server


@pytest.fixture
def http(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client() as http:
        yield http


def seqs(page: httpx.Response) -> list[int]:
    assert page.status_code == 200, page.text
    return [event["seq"] for event in page.json()["events"]]


def test_pages_and_links_beside_it_are_served(http: httpx.Client) -> None:
    assert seqs(http.get("/lobby?format=json&limit=20")) == list(range(81, 101))
    assert seqs(http.get("/lobby?format=json&since=0&limit=20")) == list(range(1, 21))
    assert seqs(http.get("/lobby?format=json&before=60&limit=20")) == list(range(40, 60))
    assert seqs(http.get("/lobby?format=json&since=50")) == list(range(51, 60))
    assert seqs(http.get("/lobby?format=json")) == list(range(61, 101))
    assert http.get("/lobby/59").text.endswith("message 59\n")
    assert http.get("/lobby/61").text.endswith("message 61\n")
    page = http.get("/lobby", headers={"Accept": "text/html"})
    assert (page.status_code, "message 61" in page.text) == (200, True)


@pytest.mark.parametrize("path", ["/lobby?since=59", "/lobby?before=61", "/lobby/60", "/lobby?since=59&wait=5"])
def test_what_begins_with_it_is_refused_by_name(http: httpx.Client, path: str) -> None:
    answer = http.get(path, headers={"Accept": "application/json"})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (503, "storage_unavailable")
    assert (problem["room"], problem["seq"], problem["last_seq"]) == ("lobby", DAMAGED, DAMAGED)
    assert "Event 60 of room lobby is damaged" in problem["detail"]


@pytest.mark.parametrize("transport", raw.TRANSPORTS, ids=lambda transport: transport.name)
def test_a_stream_tells_where_it_was_and_goes_on(
    server: ServerProcess, http: httpx.Client, transport: raw.Transport
) -> None:
    epoch = http.get("/lobby?format=json").json()["epoch"]
    with raw.connected(server.port) as sock:
        sock.sendall(raw.ask(transport, "lobby", 0, epoch))
        stream = raw.read_until(sock, raw.is_caught_up(transport))
    items = [json.loads(item) for item in transport.items(stream.partition(b"\r\n\r\n")[2])]
    assert [item["seq"] for item in items if "seq" in item] == READABLE
    (place,) = (index for index, item in enumerate(items) if item["type"] == "reset")
    assert items[place] == {
        "type": "reset", "room": "lobby", "reason": "damaged", "epoch": epoch, "first_seq": 61, "head_seq": 60
    }  # fmt: skip
    assert (items[place - 1]["seq"], items[place + 1]["seq"]) == (59, 61)


def test_a_person_who_follows_is_told_in_words(server: ServerProcess) -> None:
    with raw.connected(server.port) as sock:
        sock.sendall(raw.head("GET", "/lobby?follow=1&since=58"))
        text = raw.read_until(sock, lambda data: b"message 100" in data).decode()
    assert "-- damaged: what came last up to 60 cannot be read; continuing after it\n" in text
    assert text.index("message 59") < text.index("-- damaged") < text.index("message 61")


def test_the_log_names_it_once(server: ServerProcess, http: httpx.Client) -> None:
    for _ in range(2):
        assert http.get("/lobby/60").status_code == 503
    server.stop()
    assert server.log.count("Event 60 of room lobby is damaged") == 1
