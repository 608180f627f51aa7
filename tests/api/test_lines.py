"""Whatever somebody says, a line that we send is one line for every reader, also if it splits at more than LF."""

from __future__ import annotations

import httpx
import pytest

from tests.support import raw
from tests.support.server import ServerProcess
from tests.support.talk import Client

ENDS = "\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"
"""What `str.splitlines` takes for the end of a line, and naive readers of server-sent events with it."""

TEXT = "".join([f"before{end}id: 9{end}data: forged{end}" for end in ENDS])


@pytest.fixture(scope="module")
def room(http: httpx.Client) -> str:
    """A room in which all of them were said, under every kind of body."""
    assert http.post("/lines", json={"text": TEXT}).json()["text"] == TEXT
    http.post("/lines", content=TEXT.encode())
    http.post("/lines", data={"message": TEXT.replace("\r", "")})
    return "lines"


def lines(data: bytes) -> list[str]:
    """What comes, at the line feeds alone."""
    return data.decode().removesuffix("\n").split("\n")


@pytest.mark.parametrize("query", ["format=json", "format=ndjson", "format=text", "format=json&limit=1"])
def test_a_page_has_no_line_but_its_own(http: httpx.Client, room: str, query: str) -> None:
    body = http.get(f"/{room}?since=0&{query}").content
    assert body.decode().splitlines() == lines(body)


@pytest.mark.parametrize("path", ["/lines/1", "/lines/1?format=json", "/api/v1/rooms/lines/messages"])
def test_an_event_has_no_line_but_its_own(http: httpx.Client, room: str, path: str) -> None:
    body = http.get(path).content
    assert body.decode().splitlines() == lines(body)


@pytest.mark.parametrize("transport", raw.TRANSPORTS[:2], ids=lambda transport: transport.name)
def test_a_stream_has_no_line_but_its_own(server: ServerProcess, room: str, transport: raw.Transport) -> None:
    with Client.to(server.port) as client:
        client.send(transport.request(room, 0))
        data = client.read_until(b'"caught_up"')
    items = b"\n".join(transport.items(data.partition(b"\r\n\r\n")[2]))
    assert items.count(b"forged") > 2
    assert items.decode().splitlines() == lines(items)


def test_a_stream_of_text_has_no_line_but_its_own(server: ServerProcess, room: str) -> None:
    with Client.to(server.port) as client:
        client.send(raw.head("GET", f"/{room}?follow=1&since=0"))
        client.read_until(b"\r\n\r\n")
        client.read_until(b"\r\n")  # the length of the chunk
        data = b"".join([client.read_until(b"forged<U+2029>\n") for _ in range(3)])
    assert data.decode().splitlines() == lines(data)


def test_json_that_is_read_back_is_what_was_said(http: httpx.Client, room: str) -> None:
    texts = [event["text"] for event in http.get(f"/{room}?format=json&since=0").json()["events"]]
    assert texts == [TEXT, TEXT, TEXT.replace("\r", "")]


@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_refusal_is_one_line(http: httpx.Client, format_: str) -> None:
    for path in ("/lines", "/api/v1/stream"):
        body = http.get(path, params={"format": format_, "x\u2028y\x85\x1c": "1"}).content
        assert len(body.decode().splitlines()) == 1
    headers = {"Accept": "application/json"} if format_ == "json" else {}
    for content in ('{"x\u2028y\x85":1}', '{"text":"a","\u2029":1}'):
        body = http.post("/lines", content=content.encode(), headers=headers | {"Content-Type": "text/json"}).content
        assert len(body.decode().splitlines()) == 1
