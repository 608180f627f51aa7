"""Each refusal reads the same to programs (RFC 9457) and to people."""

from __future__ import annotations

import json

import pytest

from parlour.core.errors import ERRORS, Refusal
from parlour.schema.problems import error_line, problem


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_every_row_of_the_table_is_a_problem_document_and_a_line(code: str) -> None:
    refusal = Refusal(code)
    document = json.loads(problem(refusal))
    kind = ERRORS[code]
    assert document["type"] == f"/help#{code}"
    assert document["title"] == document["detail"] == kind.title
    assert document["status"] == kind.status
    assert document["code"] == code
    assert ("stored" in document) == (kind.stored is not None)
    assert document.get("stored", False) is False
    assert error_line(refusal) == f"error: {kind.title} ({code})"


def test_what_applies_is_added_and_the_rest_left_out() -> None:
    refusal = Refusal("rate_limited", "Two messages a second.", field="text", retry_after=0.12345, extra={"limit": 2})
    assert json.loads(problem(refusal)) == {
        "type": "/help#rate_limited",
        "title": "Too many requests",
        "status": 429,
        "code": "rate_limited",
        "detail": "Two messages a second.",
        "stored": False,
        "field": "text",
        "retry_after": 0.124,
        "limit": 2,
    }
    assert set(json.loads(problem(Refusal("internal")))) == {"type", "title", "status", "code", "detail"}


def test_extra_members_never_replace_the_standard_ones() -> None:
    document = json.loads(problem(Refusal("cursor_gone", extra={"status": 200, "code": "ok", "epoch": "k"})))
    assert (document["status"], document["code"], document["epoch"]) == (410, "cursor_gone", "k")


def test_a_line_is_one_line_whatever_is_in_it() -> None:
    line = error_line(Refusal("bad_json", "a\r\nerror: b\x1b[2J\u2028", field="x\ny"))
    assert line == "error: a␍␊error: b␛[2J<U+2028> (bad_json: x␊y)"
