"""The pages: complete without scripts, and nothing that people write becomes anything but text."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parlour.core.errors import Refusal
from parlour.core.event import Author
from parlour.schema.events import Event
from parlour.ui.page import CSP, ListedRoom, RoomPage, render_error, render_room
from tests.support.many import many
from tests.support.ui import SAMPLE, parse, sample_page, text_of

HOSTILE = [
    "<script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</style></noscript></template></xmp><svg onload=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    '" autofocus onfocus="alert(1)" x="',
    "` onload=`alert(1)",
    "<!--<script>-->alert(1)",
    "]]><script>alert(1)</script>",
    "<math><mtext></mtext><mglyph><style><!--</style><img title='--><img src onerror=alert(1)>'>",
    "<a href=javascript:alert(1)>x</a>",
    "javascript:alert(1)//https://example.net",
    'https://example.net/"onmouseover=alert(1)//',
    "https://example.net/'><script>alert(1)</script>",
    "https://example.net/&quot;onclick=alert(1)",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "{room} {0} {events.__class__} %s %(room)s {{7*7}} ${7*7}",
    "<form id=composer><input name=action>",
    "\u2028<script>\u2029",
    "\x0b\x0c<script\x0b>\x1b[31m",
    "\u202e<tpircs>",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "\nleading line",
    "<bdi></bdi></li></ol></main>",
]

_TEXT = (
    st.text(max_size=40)
    | st.sampled_from(HOSTILE)
    | st.tuples(st.sampled_from(HOSTILE), st.text(max_size=8)).map("".join)
)


def _page(text: str, at: str = "2026-11-22T06:41:23.123Z") -> RoomPage:
    """A room page with `text` in every field that can hold one."""
    events = [
        Event(text, 7, "message", at, Author(text, text, "guest"), text, text),
        Event(text, 8, "message", at, Author("other", text, "bot"), text),
    ]
    return replace(
        SAMPLE, room=text, events=events, epoch=text, guest_name=text, form_key=text, base_url=text, error=text,
        draft=text, name=text, older=7, rooms=[ListedRoom(text, at)],
    )  # fmt: skip


def _shape(document: str) -> list[tuple[str, list[str]]]:
    """The elements and the names of their attributes, without links and pictures: what parts of texts become."""
    return [
        (tag, list(attributes))
        for tag, attributes in parse(document)
        if not attributes.get("rel", "").startswith("noopener") and attributes.get("class") != "hidden-char"
    ]


@given(_TEXT)
@settings(max_examples=many(150))
def test_page_when_any_text_is_in_every_field_has_the_elements_of_a_harmless_one(text: str) -> None:
    document = "".join(render_room(_page(text)))
    harmless = "".join(render_room(_page("harmless")))
    colours = {f"hue-{number}" for number in range(12)}
    assert _shape(document) == _shape(harmless)
    for tag, attributes in parse(document):
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "srcdoc")]
        if tag == "a":
            assert attributes["href"].startswith(("/", "#", "http://", "https://", "HTTP"))
        if "message" in attributes.get("class", "").split():
            assert attributes["class"].split()[1] in colours


@pytest.mark.parametrize("text", HOSTILE)
def test_page_when_a_text_is_hostile_shows_it_as_it_was_written(text: str) -> None:
    document = "".join(render_room(_page(text)))
    assert text_of(document).count(text) >= 7, "title, room, error, draft, names and texts"
    assert "<script>" not in document


@given(_TEXT, _TEXT)
@settings(max_examples=many(50))
def test_error_page_when_any_text_is_in_it_has_its_elements_only(room: str, detail: str) -> None:
    document = render_error(Refusal("bad_request", detail), room=room, typed=detail).decode("utf-8")
    assert _shape(document) == _shape(render_error(Refusal("bad_request"), typed="d").decode("utf-8"))
    assert not [tag for tag, _ in parse(document) if tag == "script"]


def test_page_when_rendered_has_nothing_inline_that_the_policy_forbids() -> None:
    for document in (sample_page(), render_error(Refusal("not_found")).decode()):
        for tag, attributes in parse(document):
            assert tag not in ("style", "iframe", "object", "base")
            assert "style" not in attributes
            assert not [name for name in attributes if name.startswith("on")]
    assert "unsafe" not in CSP
    for directive in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'",
                      "form-action 'self'", "require-trusted-types-for 'script'"):  # fmt: skip
        assert directive in CSP


def test_page_when_rendered_has_one_script_inside_it_which_the_policy_knows_by_its_hash() -> None:
    document = sample_page()
    (script,) = re.findall(r'<script type="module" [^>]*>(.*?)</script>', document, re.DOTALL)
    hashed = b64encode(sha256(script.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{hashed}';" in CSP
    assert len([tag for tag, _ in parse(document) if tag == "script"]) == 1
    assert "<script" not in render_error(Refusal("not_found")).decode()


def test_page_when_rendered_gives_the_script_its_place_in_the_log() -> None:
    body = _only(sample_page(), "body")
    assert {name: body[f"data-{name}"] for name in ("room", "epoch", "first", "last", "live", "limit")} == {
        "room": "lobby", "epoch": "k3f9", "first": "1", "last": "4", "live": "yes", "limit": "16384",
    }  # fmt: skip
    assert _only(sample_page(events=[], head_seq=0), "body")["data-last"] == "0"
    unknown = Event("lobby", 5, "pinned", "2026-11-22T00:04:00.000Z", Author("g_a", "alice", "guest"))
    assert _only(sample_page(events=[*SAMPLE.events, unknown]), "body")["data-last"] == "5"


def test_page_when_scripts_are_off_has_a_form_that_posts_and_links_that_lead_on() -> None:
    document = sample_page(older=1, draft="\nstill here", error="Too long", name="alice")
    form = _only(document, "form", id="composer")
    assert (form["method"], form["action"]) == ("post", "/lobby")
    fields = {attributes["name"]: attributes for tag, attributes in parse(document) if tag in ("input", "textarea")}
    assert fields["key"]["value"] == "form-key-0001"
    assert fields["name"]["value"] == "alice"
    assert fields["name"]["placeholder"] == "guest-wxyz"
    assert ">\n\nstill here</textarea>" in document, "the parser drops one line break after the tag"
    assert _only(document, "p", id="refused")["role"] == "alert"
    links = {attributes["href"] for tag, attributes in parse(document) if tag == "a"}
    assert {"/lobby?before=1", "/lobby", "/lobby/4", "/dev", "/help"} <= links
    assert _only(document, "form", action="/")["method"] == "get"


def test_page_when_a_form_was_refused_says_so_first() -> None:
    assert "<title>Not sent · lobby · Parlour</title>" in sample_page(error="Too long")
    assert "<title>lobby · Parlour</title>" in sample_page()


def test_page_of_the_past_when_rendered_leads_to_the_present_and_does_not_go_live() -> None:
    document = sample_page(newer=4, head_seq=90)
    assert _only(document, "body")["data-live"] == "no"
    links = [attributes["href"] for tag, attributes in parse(document) if tag == "a"]
    assert "/lobby?since=4" in links
    assert "/lobby" in links
    assert "?since=" not in sample_page()


def test_page_when_only_members_write_has_no_form_to_write_in() -> None:
    assert "only members" in text_of(sample_page(can_post=False))
    assert "<textarea" not in sample_page(can_post=False)
    assert _only(sample_page(can_post=False), "a", **{"class": "skip"})["href"] == "#scroller"


def test_room_when_empty_invites_to_begin_it() -> None:
    empty = sample_page(events=[], head_seq=0)
    assert _only(empty, "div", id="empty")
    assert "Nothing here yet" in text_of(empty)
    assert "This is where" not in text_of(empty)
    assert "Nothing here yet" not in text_of(sample_page())  # browsers in a terminal know no `hidden`


def test_room_when_it_is_shown_is_in_the_list_of_rooms_also_before_its_first_message() -> None:
    for changes, rooms in (
        ({"rooms": [], "events": []}, ["/lobby"]),
        ({"room": "new", "events": []}, ["/new", "/lobby", "/dev"]),
        ({}, ["/lobby", "/dev"]),
    ):
        document = sample_page(**changes)
        links = [attributes for tag, attributes in parse(document.split('class="rooms"')[1].split("</ul>")[0])]
        assert [attributes["href"] for attributes in links if "href" in attributes] == rooms
        assert _only(document, "a", **{"aria-current": "page"})["href"] == rooms[0]


def test_timeline_when_rendered_groups_senders_and_separates_days() -> None:
    elements = parse(sample_page())
    messages = [attributes for tag, attributes in elements if "data-seq" in attributes]
    assert [("cont" in attributes["class"].split(), attributes["id"]) for attributes in messages] == [
        (False, "m1"), (False, "m2"), (True, "m3"), (False, "m4"),
    ]  # fmt: skip
    days = text_of(sample_page())
    assert "Saturday, 21 November 2026, UTC" in days
    assert "Sunday, 22 November 2026, UTC" in days


def test_message_when_rendered_isolates_its_direction_and_its_name() -> None:
    elements = parse(sample_page())
    texts = [attributes for tag, attributes in elements if attributes.get("class") == "text"]
    assert [attributes["dir"] for attributes in texts] == ["auto"] * 4
    assert [tag for tag, _ in elements].count("bdi") >= 4
    link = next(attributes for _, attributes in elements if attributes.get("href") == "https://example.net/4")
    assert link["rel"] == "noopener noreferrer nofollow"
    times = [attributes["datetime"] for tag, attributes in elements if tag == "time" and "title" in attributes]
    assert "2026-11-22T00:03:00.000Z" in times


def test_room_when_its_name_needs_it_is_percent_encoded_in_addresses() -> None:
    document = sample_page(room="café.日本", rooms=[ListedRoom("café.日本", "2026-11-22T00:03:00.000Z")])
    path = "/caf%C3%A9.%E6%97%A5%E6%9C%AC"
    assert _only(document, "form", id="composer")["action"] == path
    assert f"curl -d hello http://127.0.0.1:8080{path}" in text_of(document)
    assert "/café" not in document


def test_every_button_works_without_a_script() -> None:
    """Browsers in a terminal know neither popovers nor `hidden`."""
    buttons = [attributes for tag, attributes in parse(sample_page(error="no", older=1)) if tag == "button"]
    assert [button["type"] for button in buttons] == ["submit"] * len(buttons)


def test_every_control_when_rendered_has_a_label() -> None:
    document = sample_page(error="no", older=1)
    elements = parse(document)
    labels = {attributes["for"] for tag, attributes in elements if tag == "label"}
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    for tag, attributes in elements:
        if tag in ("input", "textarea") and attributes.get("type") != "hidden":
            assert attributes["id"] in labels
        for name in ("aria-labelledby", "aria-describedby", "for", "popovertarget"):
            assert name not in attributes or attributes[name] in ids
        if tag == "img":
            assert attributes["alt"]


def _only(document: str, tag: str, **values: str) -> dict[str, Any]:
    found = [
        attributes
        for name, attributes in parse(document)
        if name == tag and all(attributes.get(key) == value for key, value in values.items())
    ]
    assert len(found) == 1, (tag, values, found)
    return dict(found[0])
