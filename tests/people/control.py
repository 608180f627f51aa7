"""What a control of docs/security.md is to its test: a piece of the source that can be taken out."""

from __future__ import annotations

from typing import NamedTuple


class Control(NamedTuple):
    """`file` (below src/parlour) has `text` once; with `instead` in its place the test `test` fails."""

    what: str
    file: str
    text: str
    instead: str
    test: str

    def row(self) -> str:
        """Its row in docs/evidence/security.md."""
        old, new = (f"`{' '.join(text.split())}`" if text else "nothing" for text in (self.text, self.instead))
        file, _, test = self.test.partition("::")
        return f"| {self.what} | `{self.file}` | {old} → {new} | `{file}`: `{test}` |"
