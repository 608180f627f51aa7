"""Addresses in a text: the shared cases, and that no text is lost or dangerous."""

from __future__ import annotations

import json
import random
from pathlib import Path
from time import thread_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.ui.links import pieces
from parlour.ui.timeline import hue, initial
from tests.ui.conftest import Engine

FIXTURES = Path(__file__).parents[1] / "fixtures"


def _cases(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((FIXTURES / name).read_text("utf-8"))
    return cases


LINKS = _cases("links.json")
IN_SCRIPT = """async (texts) => {
    const { pieces } = await import("./links.js");
    return texts.map((text) => pieces(text).map(({ text: part, address }) => [part, address]));
}"""


def _expected(case: dict[str, Any]) -> list[list[str | None]]:
    """The pieces of a case, each with the address it leads to: `@` marks a link."""
    found: list[list[str | None]] = []
    for piece in case["pieces"]:
        text = piece.removeprefix("@")
        address = None if text == piece else f"https://{text}" if text[0] in "wW" else text
        found.append([text, address])
    return found


@pytest.mark.parametrize("case", LINKS, ids=lambda case: case["text"][:40])
def test_text_when_cut_gives_its_addresses(case: dict[str, Any]) -> None:
    assert [[piece.text, piece.address] for piece in pieces(case["text"])] == _expected(case)


def test_script_when_it_cuts_a_text_gives_the_same_addresses_in_every_browser(engine: Engine) -> None:
    texts = [case["text"] for case in LINKS]
    assert dict(zip(texts, engine(IN_SCRIPT, texts), strict=True)) == {case["text"]: _expected(case) for case in LINKS}


def test_script_when_it_cuts_any_text_does_what_the_server_does(engine: Engine) -> None:
    chance = random.Random(20)
    texts = ["".join(chance.choices(PARTS, k=chance.randrange(14))) for _ in range(5000)]
    for text, found in zip(texts, engine(IN_SCRIPT, texts), strict=True):
        assert found == [[piece.text, piece.address] for piece in pieces(text)], ascii(text)


PARTS = [*"ab/?#@:;,.()[]{}'\"|*_~!-= \n", "https://", "http://", "www.", "a.net", "www.a.net", "é", "看", "（", "）",
         "。", "’", "”", "…", "\u202e", "\ufe0f", "👩", "\u17b4", ":80", "[::1]", "%20"]  # fmt: skip


@given(
    st.lists(
        st.sampled_from(["https://", "a.net", "@", ":", "/", "?", ")", "(", ".", " ", "x", "\u202e", "8", "'", "]"])
    )
)
def test_text_when_cut_is_whole_and_every_address_is_http(parts: list[str]) -> None:
    text = "".join(parts)
    found = list(pieces(text))
    assert "".join(piece.text for piece in found) == text
    for piece in found:
        if piece.address is not None:
            assert piece.address == piece.text
            assert piece.text.startswith("https://")
            host = piece.text.removeprefix("https://").split("/")[0].split("?")[0]
            assert "@" not in host
            assert host
            assert "\u202e" not in piece.text


def test_text_when_it_is_made_to_be_slow_is_cut_in_linear_time() -> None:
    start = thread_time()  # of CPU: what others do meanwhile does not count
    for text in (
        "https://a/" * 4000,
        "(" * 40000,
        "https://a/" + ")" * 40000,
        "http" * 10000,
        "https://a@" * 4000,
        "www." * 4000 + "@",
        "看www." * 3000 + "@",
        "https://a/" + "([{" * 13000,
        "https://a/" + "'" * 40000,
        "https://a)" * 4000,
        "www.a.b)" * 5000,
    ):
        assert "".join(piece.text for piece in pieces(text)) == text
    assert thread_time() - start < 2


def test_text_when_it_is_full_of_addresses_has_the_first_fifty_as_links() -> None:
    found = list(pieces("https://example.net " * 60))
    assert [piece.address is not None for piece in found].count(True) == 50
    assert found[-1].text == " " + "https://example.net " * 10
    assert [piece.address is not None for piece in pieces("https://a.net/".ljust(2000, "🦊"))] == [True]
    assert [piece.address is not None for piece in pieces("https://a.net/".ljust(2001, "🦊"))] == [False]


@pytest.mark.parametrize("case", _cases("authors.json"), ids=lambda case: case["name"])
def test_sender_when_shown_has_the_colour_and_initial_that_the_script_gives(case: dict[str, Any]) -> None:
    assert hue(case["id"], case.get("chosen")) == case["hue"]
    assert initial(case["name"]) == case["initial"]
