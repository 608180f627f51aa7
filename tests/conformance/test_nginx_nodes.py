"""Two nodes behind the nginx of deploy/nginx-nodes.conf: they are one server, also when one of them goes."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import unix_connect

from tests.conformance.nginx import Nginx, nginx
from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.talk import Client
from tests.support.timeout import TIMEOUT_S

HOST = "chat.example.org"
ENOUGH = 1_000_000
"""Requests that one client may make at once: here it makes them all."""


@pytest.fixture
def nodes(tmp_path: Path, database: str) -> Iterator[list[ServerProcess]]:
    options = ("--store", database, "--trusted-proxies", "127.0.0.1", "--public-url", f"https://{HOST}")
    with ExitStack() as stack:
        made = [ServerProcess(tmp_path / f"data{number}", *options) for number in (1, 2)]
        for node in made:
            stack.callback(node.kill)
            node.start()
        yield made


@pytest.fixture
def site(nodes: list[ServerProcess], tmp_path: Path) -> Iterator[Nginx]:
    with nginx(tmp_path, nodes[0].port, "nginx-nodes.conf", ENOUGH, nodes[1].port) as running:
        yield running


@pytest.fixture
def http(site: Nginx) -> Iterator[httpx.Client]:
    transport = httpx.HTTPTransport(uds=str(site.deployed))
    with httpx.Client(transport=transport, base_url=f"http://{HOST}", timeout=TIMEOUT_S) as client:
        yield client


def to_site(site: Nginx) -> Client:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(site.deployed))
    return Client(sock)


def get(path: str) -> bytes:
    return raw.head("GET", path).replace(b"localhost", HOST.encode())


def post(text: str) -> bytes:
    return raw.post("/lobby", text.encode()).replace(b"localhost", HOST.encode())


def on_both(site: Nginx, stack: ExitStack, request: bytes) -> list[Client]:
    """Two requests at once: each node has one of them, for each has as few connections as the other."""
    clients = [stack.enter_context(to_site(site)) for _ in range(2)]
    for client in clients:
        client.send(request)
    return clients


def texts(http: httpx.Client) -> list[str]:
    """All that is in the lobby."""
    found = []
    with http.stream("GET", "/lobby?follow=1&format=ndjson&since=0") as stream:
        for item in map(json.loads, stream.iter_lines()):
            if item["type"] == "caught_up":
                break
            found.append(item["text"])
    return found


def test_streams_sockets_and_long_polls_get_what_is_posted_on_either_node(http: httpx.Client, site: Nginx) -> None:
    with ExitStack() as stack:
        streams = on_both(site, stack, get("/lobby?follow=1&format=ndjson&since=0"))
        for stream in streams:
            stream.read_until(b"caught_up")
        sockets = [stack.enter_context(unix_connect(str(site.deployed), f"ws://{HOST}/lobby")) for _ in range(2)]
        for each in sockets:
            assert json.loads(each.recv(TIMEOUT_S))["type"] == "caught_up"
        polls = on_both(site, stack, get("/lobby?format=json&wait=20&since=0"))
        for number in range(4):
            assert http.post("/lobby", content=f"n{number}").status_code == 201
        for stream in streams:
            stream.read_until(b'"text":"n3"')
        for each in sockets:
            assert [json.loads(each.recv(TIMEOUT_S))["text"] for _ in range(4)] == ["n0", "n1", "n2", "n3"]
        for poll in polls:
            assert b'"text":"n0"' in poll.answer().body


def test_when_a_node_is_gone_the_other_one_answers(nodes: list[ServerProcess], http: httpx.Client, site: Nginx) -> None:
    with ExitStack() as stack:
        streams = on_both(site, stack, get("/lobby?follow=1&format=ndjson&since=0"))
        for stream in streams:
            stream.read_until(b"caught_up")
        nodes[0].kill()
        for number in range(6):
            assert http.post("/lobby", content=f"n{number}").status_code == 201
        ends = 0
        for stream in streams:
            try:
                stream.read_until(b'"text":"n5"')
            except EOFError:
                ends += 1
        assert ends == 1, "who was on the other node saw nothing of it"
        assert texts(http) == [f"n{number}" for number in range(6)]


@pytest.mark.parametrize("is_post", [True, False], ids=["post", "get"])
def test_what_a_dead_node_was_asked_is_asked_again_only_if_nothing_is_changed_by_it(
    is_post: bool, nodes: list[ServerProcess], http: httpx.Client, site: Nginx
) -> None:
    os.kill(nodes[0].pid, signal.SIGSTOP)
    with ExitStack() as stack:
        waiting = on_both(site, stack, post("once") if is_post else get("/healthz"))
        ready, _, _ = select.select([client.sock for client in waiting], [], [], TIMEOUT_S)
        waiting.sort(key=lambda client: client.sock not in ready)
        first = waiting[0].answer().status
        nodes[0].kill()
        assert (first, waiting[1].answer().status) == ((201, 502) if is_post else (200, 200))
    assert texts(http) == (["once"] if is_post else [])


def test_nodes_are_started_again_one_by_one_without_a_lost_or_doubled_message(
    nodes: list[ServerProcess], http: httpx.Client, site: Nginx
) -> None:
    """As for an update. A client that is told nothing, or of an error, sends again with the same key."""
    is_over = threading.Event()
    sent = 0
    transport = httpx.HTTPTransport(uds=str(site.deployed))

    def send_all() -> None:
        nonlocal sent
        with httpx.Client(transport=transport, base_url=f"http://{HOST}", timeout=TIMEOUT_S) as client:
            while not is_over.is_set():
                status = 0
                while status not in (200, 201):
                    with suppress(httpx.TransportError):
                        fields = {"Idempotency-Key": f"key-{sent:08d}"}
                        status = client.post("/lobby", content=f"n{sent}", headers=fields).status_code
                sent += 1

    thread = threading.Thread(target=send_all)
    thread.start()
    try:
        for node in nodes:
            node.restart()
    finally:
        is_over.set()
        thread.join(TIMEOUT_S)
    assert texts(http) == [f"n{number}" for number in range(sent)]
    assert sent > 0
