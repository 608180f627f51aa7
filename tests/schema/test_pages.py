"""A page carries the events' stored bytes untouched."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import cast

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from parlour.schema.events import Event
from parlour.schema.json_line import encode
from parlour.schema.pages import Page
from parlour.schema.rooms import RoomInfo


def page(room: str, events: Sequence[bytes], following: str | None = None, previous: str | None = None) -> bytes:
    stored = cast("list[Event]", [msgspec.Raw(event) for event in events])
    return encode(Page(room, "k", stored, 1, len(events), following, previous))


def test_an_empty_page() -> None:
    assert page("lobby", []) == (
        b'{"room":"lobby","epoch":"k","events":[],"first_seq":1,"head_seq":0,"next":null,"prev":null}'
    )


def test_events_keep_their_own_bytes() -> None:
    odd = b'{"seq" : 7,"text":"\\u00e9"}'
    body = page("lobby", [b'{"seq":6}', odd], "/lobby?since=k.7", "/lobby?before=k.6")
    assert b'"events":[{"seq":6},' + odd + b"]" in body
    assert json.loads(body)["next"] == "/lobby?since=k.7"
    assert json.loads(body)["prev"] == "/lobby?before=k.6"


@given(st.text(), st.lists(st.dictionaries(st.text(), st.text(), max_size=2), max_size=4), st.none() | st.text())
def test_a_page_is_valid_json_whatever_is_in_it(room: str, events: list[dict[str, str]], following: str | None) -> None:
    assert json.loads(page(room, [msgspec.json.encode(event) for event in events], following)) == {
        "room": room,
        "epoch": "k",
        "events": events,
        "first_seq": 1,
        "head_seq": len(events),
        "next": following,
        "prev": None,
    }


def test_a_room_says_when_it_was_active_only_if_that_is_known() -> None:
    assert (
        msgspec.json.encode(RoomInfo("lobby", "k", 1, 9, "open"))
        == b'{"room":"lobby","epoch":"k","first_seq":1,"head_seq":9,"access":"open"}'
    )
    assert b'"active_at":"2026-11-22T06:41:23.123Z"' in msgspec.json.encode(
        RoomInfo("lobby", "k", 1, 9, "members", "2026-11-22T06:41:23.123Z")
    )
