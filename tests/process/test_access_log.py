"""`--access-log on`: one line for every answer that goes out, whoever made it, and nothing that a person typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from parlour.core.limits import Limits
from tests.support import raw
from tests.support.inprocess import InProcess, Scripted
from tests.support.server import ServerProcess

ANSWERED: dict[str, tuple[bytes, tuple[str, str, int]]] = {
    "a page": (raw.head("GET", "/lobby?name=secret", "Accept: text/html"), ("GET", "/lobby", 200)),
    "a message": (raw.post("/lobby", b"secret"), ("POST", "/lobby", 201)),
    "a handler's refusal": (raw.post("/lobby", b" "), ("POST", "/lobby", 400)),
    "a stream": (raw.head("HEAD", "/lobby?follow=1"), ("HEAD", "/lobby", 200)),
    "a WebSocket": (raw.head("GET", "/lobby", *raw.UPGRADE) + raw.ws_frame(b"", 8), ("GET", "/lobby", 101)),
    "no such address": (raw.head("GET", "/no/such/place"), ("GET", "/no/such/place", 404)),
    "no such method": (raw.head("DELETE", "/lobby"), ("DELETE", "/lobby", 405)),
    "too large": (raw.head("POST", "/lobby", "Content-Length: 99999999"), ("POST", "/lobby", 413)),
    "no HTTP": (b"secret\r\n\r\n", ("-", "-", 400)),
    "a hostile address": (raw.head("GET", "/%1b%5b31m"), ("GET", "/%1b%5b31m", 400)),
}


def rows(log: str) -> list[dict[str, Any]]:
    """The lines of requests in a log of JSON."""
    return [row for row in map(json.loads, log.splitlines()) if row["event"] == "request"]


def test_every_answer_has_its_line(tmp_path: Path) -> None:
    options = ("--access-log", "on", "--log-format", "json", "--trusted-proxies", "127.0.0.1")
    with ServerProcess(tmp_path / "data", *options) as server:
        for request, (_, _, status) in ANSWERED.values():
            fields = b"\r\nX-Forwarded-For: 192.0.2.7\r\n" + (b"" if status == 101 else b"Connection: close\r\n")
            raw.exchange(server.port, request.replace(b"\r\n", fields, 1))
    found = rows(server.log)
    assert [(row["method"], row["path"], row["status"]) for row in found] == [row for _, row in ANSWERED.values()]
    assert {row["address"] for row in found if row["method"] != "-"} == {"192.0.2.7"}
    assert {row["address"] for row in found if row["method"] == "-"} == {"127.0.0.1"}
    assert all(0 <= row["ms"] < 60_000 for row in found)
    assert "secret" not in server.log


def test_without_the_option_there_are_none(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--log-format", "json") as server:
        raw.exchange(server.port, raw.head("GET", "/lobby", "Connection: close"))
    assert rows(server.log) == []


@pytest.mark.parametrize(
    ("request_", "answered"),
    [
        (raw.head("GET", "/broken"), ("GET", "/broken", 500)),
        (raw.head("GET", "/split"), ("GET", "/split", 500)),
        (raw.post("/post", b"12345")[:-1], ("POST", "/post", 408)),
        (b"GET / HT", ("-", "-", 408)),
    ],
    ids=["a handler that fails", "an answer that cannot be sent", "a body that does not end", "a head that does not"],
)
def test_what_fails_is_told_too(request_: bytes, answered: tuple[str, str, int]) -> None:
    told: list[tuple[str, str, int]] = []
    with InProcess(Scripted()) as server:
        server.server.on_answer = lambda method, path, status, _seconds, _address: told.append((method, path, status))
        with server.client() as client:
            client.send(request_)
            if answered[2] == 408:
                server.connection(client)
                server.wind(Limits().header_read_s + Limits().body_read_s)
            assert client.answer().status == answered[2]
    assert told == [answered]
