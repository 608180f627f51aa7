"""QR codes in pages: an inline SVG, black on white in both schemes, because some readers take no other."""

from __future__ import annotations

from io import BytesIO

from markupsafe import Markup


def qr_svg(text: str, label: str = "QR code") -> Markup:
    """The SVG of a text; `label` says to those who do not see it what it is."""
    import segno  # here: for the few pages that show one

    code = segno.make(text, error="m", micro=False)
    svg = code.svg_inline(border=4, dark="#000", light="#fff", omitsize=True, svgclass="qr", lineclass=None)
    return Markup(svg.replace("<svg ", Markup('<svg role="img" aria-label="{}" ').format(label), 1))  # noqa: S704


def qr_file(text: str) -> bytes:
    """The same as a file of its own, for an `<img>`: a page that shows it on demand need not carry it."""
    import segno

    file = BytesIO()
    segno.make(text, error="m", micro=False).save(
        file, kind="svg", border=4, dark="#000", light="#fff", omitsize=True, xmldecl=False
    )
    return file.getvalue()
