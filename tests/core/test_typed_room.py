"""What people type where a room is asked for, and the room that they mean."""

from __future__ import annotations

import pytest

from parlour.core.errors import Refusal
from parlour.core.typed_room import room_as_typed

SITE = "http://chat.example:8080"


@pytest.mark.parametrize(
    ("typed", "room"),
    [
        ("dev", "dev"),
        ("Class 7B", "class-7b"),
        ("  Class \t 7B ", "class-7b"),
        ("Class\u00a07B", "class-7b"),
        ("#dev", "dev"),
        ("# dev", "dev"),
        ("/dev", "dev"),
        ("/dev/", "dev"),
        ("日本 語", "日本-語"),
        ("http://chat.example:8080/dev", "dev"),
        ("HTTP://Chat.Example:8080/Dev", "dev"),
        ("http://chat.example:8080/dev/12", "dev"),
        ("http://chat.example:8080/dev?since=3#m4", "dev"),
        ("http://chat.example:8080/caf%C3%A9", "café"),
        ("chat.example:8080/dev", "dev"),
    ],
)
def test_room_that_is_meant(typed: str, room: str) -> None:
    assert room_as_typed(typed, SITE) == room


def test_address_below_a_path() -> None:
    assert room_as_typed("https://example.org/chat/dev", "https://example.org", "/chat") == "dev"


@pytest.mark.parametrize("path", ["/chatter", "/chatter/dev", "/dev", "/"])
def test_an_address_beside_the_path_is_no_room(path: str) -> None:
    with pytest.raises(Refusal, match="below"):
        room_as_typed(f"https://example.org{path}", "https://example.org", "/chat")


@pytest.mark.parametrize("typed", ["", " ", "#", "/", "???", "http://elsewhere.example/dev", "help", SITE + "/"])
def test_what_is_no_room(typed: str) -> None:
    with pytest.raises(Refusal) as caught:
        room_as_typed(typed, SITE)
    assert caught.value.kind.code in ("bad_room_name", "reserved_name")
