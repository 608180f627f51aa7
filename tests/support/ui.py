"""Pages to look at in tests: a sample page, and a page as the list of its elements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from parlour.core.event import Author
from parlour.schema.events import Event
from parlour.ui.page import ListedRoom, RoomPage, render_room, template
from parlour.ui.timeline import text_parts

Element = tuple[str, Mapping[str, str]]

SAMPLE = RoomPage(
    room="lobby",
    events=[
        Event("lobby", 1, "message", "2026-11-21T23:59:00.000Z", Author("g_a", "alice", "guest"), "Hello"),
        Event("lobby", 2, "message", "2026-11-22T00:01:00.000Z", Author("g_a", "alice", "guest"), "Next day"),
        Event("lobby", 3, "message", "2026-11-22T00:02:00.000Z", Author("g_a", "alice", "guest"), "Go on", "key-0003"),
        Event(
            "lobby", 4, "message", "2026-11-22T00:03:00.000Z", Author("u_b", "builder", "bot"), "https://example.net/4"
        ),
    ],
    epoch="k3f9",
    first_seq=1,
    head_seq=4,
    guest_name="guest-wxyz",
    form_key="form-key-0001",
    base_url="http://127.0.0.1:8080",
    can_post=True,
    rooms=[ListedRoom("lobby", "2026-11-22T00:03:00.000Z"), ListedRoom("dev", "2026-11-21T10:00:00.000Z")],
)


def sample_page(**changes: Any) -> str:
    """The sample room's document with some values of its RoomPage changed."""
    return "".join(render_room(replace(SAMPLE, **changes)))


def render_text(text: str) -> str:
    """The HTML of a message's text."""
    html: str = template("text.html").module.text(text_parts(text))  # type: ignore[attr-defined]  # its macro
    return html


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"an attribute twice in <{tag}>: {names}"
        self.elements.append((tag, {name: value if value is not None else "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data!r}")


def parse(document: str) -> list[Element]:
    """The elements of a document in order, each with its attributes."""
    return _parsed(document).elements


def text_of(document: str) -> str:
    """All character data of a document."""
    return "".join(_parsed(document).text)


def _parsed(document: str) -> _Elements:
    parser = _Elements()
    parser.feed(document)
    parser.close()
    return parser
