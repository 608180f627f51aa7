"""Addresses in a text: the shared cases, and that no text is lost or dangerous."""

from __future__ import annotations

import json
from pathlib import Path
from time import thread_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.ui.links import pieces
from parlour.ui.timeline import hue, initial

FIXTURES = Path(__file__).parents[1] / "fixtures"


def _cases(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((FIXTURES / name).read_text("utf-8"))
    return cases


@pytest.mark.xfail(strict=True, reason="addresses are cut at apostrophes, at `|` and at `{`, and `www.` is none")
def test_text_when_cut_gives_its_addresses() -> None:
    for case in _cases("links.json"):
        check(case)


def check(case: dict[str, Any]) -> None:
    text = case["text"].encode("utf-16", "surrogatepass").decode("utf-16")
    expected = [piece.encode("utf-16", "surrogatepass").decode("utf-16") for piece in case["pieces"]]
    assert ["@" + piece.text if piece.is_link else piece.text for piece in pieces(text)] == expected


@given(st.lists(st.sampled_from(["https://", "a.net", "@", ":", "/", "?", ")", "(", ".", " ", "x", "\u202e", "8"])))
def test_text_when_cut_is_whole_and_every_address_is_http(parts: list[str]) -> None:
    text = "".join(parts)
    found = list(pieces(text))
    assert "".join(piece.text for piece in found) == text
    for piece in found:
        if piece.is_link:
            assert piece.text.startswith("https://")
            host = piece.text.removeprefix("https://").split("/")[0].split("?")[0]
            assert "@" not in host
            assert host
            assert "\u202e" not in piece.text


def test_text_when_it_is_made_to_be_slow_is_cut_in_linear_time() -> None:
    start = thread_time()  # of CPU: what others do meanwhile does not count
    for text in ("https://a/" * 4000, "(" * 40000, "https://a/" + ")" * 40000, "http" * 10000, "https://a@" * 4000):
        assert "".join(piece.text for piece in pieces(text)) == text
    assert thread_time() - start < 2


def test_text_when_it_is_full_of_addresses_has_the_first_fifty_as_links() -> None:
    found = list(pieces("https://example.net " * 60))
    assert [piece.is_link for piece in found].count(True) == 50
    assert found[-1].text == " " + "https://example.net " * 10
    assert [piece.is_link for piece in pieces("https://a.net/".ljust(2000, "🦊"))] == [True]
    assert [piece.is_link for piece in pieces("https://a.net/".ljust(2001, "🦊"))] == [False]


@pytest.mark.parametrize("case", _cases("authors.json"), ids=lambda case: case["id"])
def test_sender_when_shown_has_the_colour_and_initial_that_the_script_gives(case: dict[str, Any]) -> None:
    assert hue(case["id"]) == case["hue"]
    assert initial(case["name"]) == case["initial"]
