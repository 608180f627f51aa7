"""What retention drops is gone for readers at once, also where somebody follows the room (D23)."""

from __future__ import annotations

from pathlib import Path

import httpx

from parlour.clock import SystemClock
from parlour.config import Settings
from parlour.core.durations import DAY_MS
from parlour.work.retention import Retention
from tests.support import raw
from tests.support.inprocess import InProcess
from tests.support.timeout import TIMEOUT_S

JSON = {"Accept": "application/json"}


class TwoDaysOn(SystemClock):
    """The real clock, two days on."""

    def now_ms(self) -> int:
        return super().now_ms() + 2 * DAY_MS


def test_a_dropped_event_is_gone_and_a_cursor_before_it_too(tmp_path: Path) -> None:
    settings = Settings(port=0, data=tmp_path / "data", rate_limits=False)
    with (
        InProcess(settings=settings) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=TIMEOUT_S) as http,
    ):
        for number in range(10):
            assert http.post("/lobby", content=f"message {number + 1}").status_code == 201
        with raw.connected(server.port) as follower:
            follower.sendall(raw.head("GET", "/lobby?follow=1&format=ndjson"))
            raw.read_until(follower, lambda data: b"caught_up" in data)
            assert http.get("/lobby/7").text.endswith("message 7\n")
            assert server.app is not None
            server.wait(Retention(server.app.context.store, 1, TwoDaysOn()).round())
            assert http.get("/api/v1/rooms/lobby").json()["first_seq"] == 10
            page = http.get("/lobby?since=5", headers=JSON)
            assert (page.status_code, page.json()["code"]) == (410, "cursor_gone")
            assert (page.json()["reason"], page.json()["first_seq"]) == ("below_retention", 10)
            assert http.get("/lobby/7", headers=JSON).json()["code"] == "gone"
            newest = http.get("/lobby", headers=JSON).json()
            assert ([event["seq"] for event in newest["events"]], newest["first_seq"]) == ([10], 10)
            assert http.post("/lobby", content="young").status_code == 201
            assert b"young" in raw.read_until(follower, lambda data: b"young" in data)
