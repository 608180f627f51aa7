"""What cannot be seen: the page's script and the server show the same pictures of the same characters."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from parlour.core.text import shown
from parlour.ui.timeline import render_text
from tests.support.ui import parse, text_of

STATIC = Path(__file__).parents[2] / "src" / "parlour" / "ui" / "static"
SCRIPT = """
import { readFileSync } from "node:fs";
import { pictured, shown } from "./hidden.js";
const pieces = (text) => shown(text).map(({ text: part, isPicture }) => [part, isPicture]);
const back = (text) => shown(text).map(({ text: part, isPicture }) => (isPicture ? pictured(part) : part)).join("");
const texts = JSON.parse(readFileSync(0, "utf8"));
const table = [];
for (let code = 0; code <= 0x10ffff; code += 1) {
  const [{ text, isPicture }] = shown(String.fromCodePoint(code));
  if (isPicture) table.push([code, text]);
}
console.log(JSON.stringify({ table, pieces: texts.map(pieces), lost: texts.filter((text) => back(text) !== text) }));
"""
PARTS = [*"ab \t\n\r\0\x1b\x7f<>␛", "\x85", "\xad", "\u061c", "\u200b", "\u200c", "\u200d", "\u202e", "\u2066",
         "\u2028", "\ufeff", "\ufe0f", "\u17b4", "\u0301", "م", "क", "्", "👩", "👧", "❤", "🏴", "\U000e0067",
         "\U000e007f", "\U000e0100", "\U0001d173", "\ufffe", "語", "\U0001d400"]  # fmt: skip


def test_script_when_it_shows_a_text_shows_what_the_server_shows(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "main.js").write_text(SCRIPT)
    shutil.copy(STATIC / "hidden.js", tmp_path)
    chance = random.Random(17)
    texts = ["".join(chance.choices(PARTS, k=chance.randrange(12))) for _ in range(5000)]
    done = subprocess.run(
        ["node", str(tmp_path / "main.js")],
        input=json.dumps(texts), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    own = [(code, next(shown(chr(code)))) for code in range(sys.maxunicode + 1)]
    assert found["table"] == [[code, part.text] for code, part in own if part.is_picture]
    for text, pieces in zip(texts, found["pieces"], strict=True):
        assert pieces == [list(part) for part in shown(text)], ascii(text)
    assert found["lost"] == []


@pytest.mark.parametrize(
    ("text", "seen", "pictures"),
    [
        ("\u202eevil", "<U+202E>evil", 1),
        ("a\u200b\u200bb\x1b[2J", "a<U+200B><U+200B>b␛[2J", 2),
        ("one\r\ntwo\rthree\n\tfour", "one\ntwo␍three\n\tfour", 1),
        ("https://example.net/\u17b4x", "https://example.net/<U+17B4>x", 1),
        ("👩\u200d👧 می\u200cخواهم", "👩\u200d👧 می\u200cخواهم", 0),
    ],
)
def test_text_when_something_in_it_cannot_be_seen_shows_a_picture(text: str, seen: str, pictures: int) -> None:
    html = str(render_text(text))
    assert text_of(html) == seen
    spans = [attributes for tag, attributes in parse(html) if tag == "span"]
    assert spans == [{"class": "hidden-char", "dir": "ltr"}] * pictures
