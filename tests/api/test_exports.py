"""A whole room as a file."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.support.server import ServerProcess

HOSTILE = "<script>alert(1)</script> & \u202eabc"


@pytest.fixture(scope="module")
def room(server: ServerProcess) -> str:
    with server.client() as http:
        for number in range(300):
            http.post("/exported", content=f"message {number}".encode())
        http.post("/exported", json={"text": HOSTILE, "name": "Mia <b>"})
    return "exported"


def export(server: ServerProcess, room: str, format_: str) -> httpx.Response:
    with server.client() as http:
        answer = http.get(f"/rooms/{room}/export", params={"format": format_})
    assert answer.status_code == 200, answer.text
    return answer


def test_json_lines_are_the_log(server: ServerProcess, room: str) -> None:
    answer = export(server, room, "ndjson")
    events = [json.loads(line) for line in answer.text.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, 302))
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''exported.jsonl"
    assert answer.headers["Content-Type"] == "application/x-ndjson"


def test_text_is_what_the_room_reads_as(server: ServerProcess, room: str) -> None:
    lines = export(server, room, "text").text.splitlines()
    assert len(lines) == 301
    assert lines[0].endswith(": message 0")
    with server.client() as http:
        assert lines[-50:] == http.get(f"/{room}").text.splitlines()[-50:]


def test_html_is_a_whole_document_in_which_nothing_runs(server: ServerProcess, room: str) -> None:
    answer = export(server, room, "html")
    assert answer.text.startswith("<!doctype html>")
    assert answer.text.endswith("</html>\n")
    assert answer.text.count("<p>") == 302
    assert "<script" not in answer.text
    assert "Mia &lt;b&gt;" in answer.text
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_an_empty_room_is_an_empty_file(server: ServerProcess) -> None:
    assert export(server, "nothing-here", "text").text == ""
