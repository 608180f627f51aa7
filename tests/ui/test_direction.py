"""Direction: each paragraph has its own, beside its author, whatever stands before it or in it; in every engine."""

from __future__ import annotations

import pytest

from tests.support.server import ServerProcess
from tests.ui.conftest import AnyTab, Say

# Where the first and the last letter of a line stand: the last is left of the first where the line runs from the right.
LINES = """(seq) => {
    const text = document.querySelector(`#m${seq} .text`);
    const boxes = [];
    const walk = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        for (let index = 0; index < node.length; index += 1) {
            const range = document.createRange();
            range.setStart(node, index);
            range.setEnd(node, index + 1);
            boxes.push([node.data[index], range.getBoundingClientRect()]);
        }
    }
    const lines = [[]];
    for (const [letter, box] of boxes) {
        if (letter === "\\n") lines.push([]);
        else lines.at(-1).push(box);
    }
    return lines.map((line) => (line.at(-1).left < line[0].left ? "rtl" : "ltr"));
}"""
GAP = """(seq) => {
    const range = document.createRange();
    range.selectNodeContents(document.querySelector(`#m${seq} .text`));
    const boxes = [...range.getClientRects()].filter((box) => box.width > 0);
    const { right } = document.querySelector(`#m${seq} .avatar`).getBoundingClientRect();
    return Math.min(...boxes.map((box) => box.left)) - right;
}"""

CASES = [
    ("Hello, all!\nשלום לכולם!\nand on.", ["ltr", "rtl", "ltr"]),
    ("שלום לכולם!\nHello, all!", ["rtl", "ltr"]),
    ("https://example.net/ הקישור הזה!", ["rtl"]),
    ("www.example.net زر هذا الموقع!", ["rtl"]),
    ("\u202b\u202eשלום לכולם!", ["rtl"]),
    ("10:00 (אולי)!", ["rtl"]),
    ("see שלום and go on!", ["ltr"]),
    ("مرحبا https://example.net/a now!", ["rtl"]),
]


@pytest.mark.parametrize("is_live", [True, False], ids=["live", "from the server"])
def test_paragraph_when_shown_has_its_own_direction_beside_its_author(
    tab: AnyTab, server: ServerProcess, say: Say, room: str, *, is_live: bool
) -> None:
    if is_live:
        tab.goto(f"{server.url}/{room}")
    seqs = [say(room, text, f"author {number}") for number, (text, _) in enumerate(CASES)]
    if not is_live:
        tab.goto(f"{server.url}/{room}")
    tab.wait_for("(seq) => document.getElementById(`m${seq}`)", seqs[-1])
    assert {text: tab.evaluate(LINES, seq) for seq, (text, _) in zip(seqs, CASES, strict=True)} == dict(CASES)
    for seq, (text, _) in zip(seqs, CASES, strict=True):
        assert 4 <= tab.evaluate(GAP, seq) <= 24, ascii(text)


def test_name_when_it_runs_from_the_right_leaves_the_time_where_it_is(
    tab: AnyTab, server: ServerProcess, say: Say, room: str
) -> None:
    seqs = [say(room, "hello", name) for name in ("Maya", "מאיה 2", "مايا")]
    tab.goto(f"{server.url}/{room}")
    for seq in seqs:
        name, time = (
            tab.evaluate(
                "(seq, part) => { const { left, right } = document.querySelector(`#m${seq} ${part}`)"
                ".getBoundingClientRect(); return [left, right]; }", seq, part,
            )
            for part in (".name", ".when")
        )  # fmt: skip
        assert name[1] <= time[0] <= name[1] + 24
