"""The server behind the nginx of deploy/nginx.conf: everything works through it, and at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from httpx_sse import connect_sse
from websockets.sync.client import unix_connect

from tests.conformance.nginx import ASKED, OPEN, SITE, connected, nginx
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S

HOST = "chat.example.org"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("deployed") / "data"
    with ServerProcess(data, "--trusted-proxies", "127.0.0.1", "--access-log", "on") as server:
        yield server


@pytest.fixture(scope="module")
def site(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where nginx listens."""
    with nginx(tmp_path_factory.mktemp("nginx"), server.port) as running:
        yield running.deployed


@pytest.fixture
def http(site: Path) -> Iterator[httpx.Client]:
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=str(site)), base_url=f"http://{HOST}", timeout=TIMEOUT_S
    ) as client:
        yield client


def test_a_message_is_taken_from_pages_of_the_site_and_of_no_other(http: httpx.Client) -> None:
    sent = http.post("/site", content=b"hello", headers={"Origin": f"http://{HOST}"})
    assert sent.status_code == 201
    assert sent.headers["location"] == "/site/1"
    assert "hello" in http.get("/site", headers={"Accept": "text/html"}).text
    assert http.post("/site", content=b"x", headers={"Origin": "http://elsewhere.example"}).status_code == 403


def test_a_stream_shows_every_event_at_once(http: httpx.Client) -> None:
    with connect_sse(http, "GET", "/streamed") as source:
        events = source.iter_sse()
        assert next(events).event == "caught_up"
        for number in range(1, 21):  # each before the next is sent: nothing on the way waits for more
            assert http.post("/streamed", content=b"n%d" % number).status_code == 201
            assert json.loads(next(events).data)["seq"] == number


def test_a_long_log_is_caught_up_with(http: httpx.Client, site: Path) -> None:
    with unix_connect(str(site), f"ws://{HOST}/long") as sender:
        for number in range(1, 2001):
            sender.send(json.dumps({"op": "send", "text": "x" * 500, "key": f"key-{number:08d}"}))
        acks = 0
        while acks < 2000:
            acks += json.loads(sender.recv(TIMEOUT_S))["type"] == "ack"
    with http.stream("GET", "/long?follow=1&format=ndjson&since=0") as stream:
        seqs = []
        for line in stream.iter_lines():
            item = json.loads(line)
            if item["type"] == "caught_up":
                break
            seqs.append(item["seq"])
    assert seqs == list(range(1, 2001))


def test_a_websocket_goes_through_both_ways(site: Path) -> None:
    with (
        unix_connect(str(site), f"ws://{HOST}/socket", origin=f"http://{HOST}") as one,
        unix_connect(str(site), f"ws://{HOST}/socket") as other,
    ):
        for socket in (one, other):
            assert json.loads(socket.recv(TIMEOUT_S))["type"] == "caught_up"
        one.send('{"op":"send","text":"through","key":"key-0001"}')
        assert json.loads(other.recv(TIMEOUT_S))["text"] == "through"
        assert {json.loads(one.recv(TIMEOUT_S))["type"] for _ in range(2)} == {"message", "ack"}


def test_a_long_poll_is_answered_when_somebody_writes(http: httpx.Client, site: Path) -> None:
    with connected(site) as poll:
        poll.sendall(b"GET /polled?format=json&wait=20&since=0 HTTP/1.1\r\nHost: %b\r\n\r\n" % HOST.encode())
        assert http.post("/polled", content=b"news").status_code == 201
        answer = poll.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"text":"news"' in answer


def test_who_is_asking_is_known_and_what_they_claim_is_not_believed(server: ServerProcess, site: Path) -> None:
    visitor = httpx.HTTPTransport(local_address="127.0.0.88")
    with httpx.Client(transport=visitor, base_url=f"http://{SITE}:{server.port}", timeout=TIMEOUT_S) as client:
        claims = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example", "Forwarded": "for=203.0.113.9"}
        assert client.get("/whoever", headers=claims).status_code == 200
        while "path=/whoever" not in server.log:  # lines are written beside the answers
            assert client.get("/healthz", headers={"Host": HOST}).status_code in (200, 429)
    (line,) = [line for line in server.log.splitlines() if "path=/whoever" in line]
    assert line.endswith("address=127.0.0.88")


def visitor(server: ServerProcess, source: str, site: str = SITE) -> httpx.Client:
    """Somebody at an address of this machine."""
    transport = httpx.HTTPTransport(local_address=source, limits=httpx.Limits(max_connections=None))
    return httpx.Client(transport=transport, base_url=f"http://{site}:{server.port}", timeout=TIMEOUT_S)


@pytest.mark.usefixtures("site")
def test_one_client_may_not_have_too_much_open(server: ServerProcess) -> None:
    with visitor(server, "127.0.0.90") as greedy, visitor(server, "127.0.0.91") as other, ExitStack() as stack:
        for _ in range(OPEN):
            stream = stack.enter_context(greedy.stream("GET", "/open?follow=1&format=ndjson"))
            assert stream.status_code == 200
        refused = greedy.get("/open")
        assert (refused.status_code, refused.headers["retry-after"], refused.headers["refresh"]) == (429, "5", "5")
        assert refused.text.startswith("error: ")
        assert other.get("/open").status_code == 200


@pytest.mark.usefixtures("site")
def test_one_client_may_not_ask_too_often(server: ServerProcess) -> None:
    for source, site, others in (("127.0.0.92", SITE, "127.0.0.93"), ("::1", "[::1]", "127.0.0.94")):
        with visitor(server, source, site) as greedy, visitor(server, others) as other:
            statuses = [greedy.get("/healthz", headers={"Host": HOST}).status_code for _ in range(ASKED + 2)]
            assert statuses == [200] * (ASKED + 1) + [429], source
            assert other.get("/healthz").status_code == 200


@pytest.mark.usefixtures("site")
def test_the_server_counts_what_a_client_has_open_behind_the_proxy(tmp_path: Path) -> None:
    options = ("--trusted-proxies", "127.0.0.1", "--address-streams", "3")
    with (
        ServerProcess(tmp_path / "data", *options, rate_limits=True) as limited,
        nginx(tmp_path, limited.port),
        visitor(limited, "127.0.0.95") as greedy,
        visitor(limited, "127.0.0.96") as other,
        ExitStack() as stack,
    ):
        for _ in range(3):
            stack.enter_context(greedy.stream("GET", "/open?follow=1&format=ndjson"))
        for path in ("/open?follow=1", "/open?format=json&wait=5", "/open?format=sse", "/api/v1/stream?room=a"):
            assert greedy.get(path).status_code == 429, path
        with other.stream("GET", "/open?follow=1&format=ndjson") as stream:
            assert stream.status_code == 200
