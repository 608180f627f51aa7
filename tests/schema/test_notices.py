"""The words for events that are no messages: the same here and in the page's script (tests/ui/node/notices.test.js)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from parlour.core.event import Author
from parlour.schema.events import Event

CASES = json.loads((Path(__file__).parents[1] / "fixtures" / "notices.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["words"]))
def test_event_that_is_no_message_is_told_in_these_words(case: dict[str, Any]) -> None:
    usual = {"room": "lobby", "at": "2026-11-22T06:41:23.123Z", "by": Author("u_a", "ada", "member")}
    event = Event(**usual | case["event"])
    assert event.notice == case["words"]
    assert event.shown_text == case["words"]
