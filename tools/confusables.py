"""Writes src/parlour/core/confusables.py: what Unicode knows to be confusable with ASCII characters.

Usage: .venv-dev/bin/python tools/confusables.py [--check]. With `--check` nothing is written; the exit code is 1 if the
module is not what it would become. Source: tools/unicode/confusables.txt, in the format of UTS #39 §4.
"""

from __future__ import annotations

import hashlib
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "tools/unicode/confusables.txt"
SHA256 = "091c7f82fc39ef208faf8f94d29c244de99254675e09de163160c810d13ef22a"
MODULE = ROOT / "src/parlour/core/confusables.py"

LONG_DASH = "\u30fc"
"""The prototype of dashes that are longer than a hyphen."""

HEAD = '''"""Characters that are taken for ASCII ones: Unicode's data for UTS #39, version {version}.

Made by tools/confusables.py from tools/unicode/confusables.txt, © Unicode, Inc., licence Unicode-3.0.
"""

TABLE = """
'''

TAIL = '''
"""
"""Hexadecimal code points: a prototype, joined by `+`, then the characters that look like it; entries end with `;`."""
'''


def prototypes(text: str) -> dict[str, list[str]]:
    """The characters of each prototype that has an ASCII character in it or is the long dash, in the file's order."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        fields = line.partition("#")[0].split(";")
        if len(fields) < 3:
            continue
        source, prototype = (("".join(chr(int(code, 16)) for code in field.split())) for field in fields[:2])
        if prototype == LONG_DASH or any(char.isascii() for char in prototype):
            found.setdefault(prototype, []).append(source)
    return found


def module(text: str) -> str:
    """The source of the module, with all characters as hexadecimal code points."""
    version = text.partition("# Version: ")[2].partition("\n")[0]
    entries = (
        "+".join(f"{ord(char):x}" for char in prototype) + "".join(f" {ord(char):x}" for char in sources)
        for prototype, sources in sorted(prototypes(text).items())
    )
    return HEAD.format(version=version) + textwrap.fill("; ".join(entries), 120) + TAIL


def main() -> int:
    """Write or check the module. Returns the exit code."""
    data = SOURCE.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        sys.stderr.write(f"{SOURCE.relative_to(ROOT)} is not the file that tools/confusables.py knows\n")
        return 1
    text = module(data.decode("utf-8-sig"))
    if MODULE.exists() and MODULE.read_text(encoding="utf-8") == text:
        return 0
    if "--check" in sys.argv[1:]:
        sys.stderr.write(
            f"{MODULE.relative_to(ROOT)} is not up to date: run .venv-dev/bin/python tools/confusables.py\n"
        )
        return 1
    MODULE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
