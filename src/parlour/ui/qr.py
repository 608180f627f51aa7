"""QR codes (ISO/IEC 18004): inline in pages, as a picture, and in characters; black on white in both schemes."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from segno import QRCode

BORDER = 4
"""Modules of light around the code, as the standard wants it: without them many phones find nothing."""


@lru_cache(maxsize=64)
def qr_svg(text: str, label: str = "QR code") -> Markup:
    """The inline SVG of a text; `label` says to those who do not see it what it is."""
    code = _made(text)
    svg = code.svg_inline(border=BORDER, dark="#000", light="#fff", omitsize=True, svgclass="qr", lineclass=None)
    return Markup(svg.replace("<svg ", Markup('<svg role="img" aria-label="{}" ').format(label), 1))  # noqa: S704


def qr_file(text: str) -> bytes:
    """The same as a file of its own, for an `<img>`: a page that shows it on demand need not carry it."""
    file = BytesIO()
    _made(text).save(file, kind="svg", border=BORDER, dark="#000", light="#fff", omitsize=True, xmldecl=False)
    return file.getvalue()


def qr_text(text: str) -> str:
    """The same in lines of half blocks. What is light is drawn: terminals are dark, and most readers take both."""
    matrix = [[True] * BORDER + [not module for module in row] + [True] * BORDER for row in _made(text).matrix]
    blank = [True] * len(matrix[0])
    rows = [*[blank] * BORDER, *matrix, *[blank] * BORDER]
    if len(rows) % 2:
        rows.append(blank)
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "".join("".join(_BLOCKS[upper, lower] for upper, lower in zip(*pair, strict=True)) + "\n" for pair in pairs)


_BLOCKS = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}


def _made(text: str) -> QRCode:
    import segno  # here: for the few pages that show one

    return segno.make(text, error="m", micro=False)
