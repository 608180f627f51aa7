"""HTML with places for values, each escaped as it is put in: the only way in which the pages come into being."""

from __future__ import annotations

from string import Formatter

from markupsafe import Markup, escape

__all__ = ["Markup", "Template", "escape"]


class Template:
    """HTML with named places, such as `<b>{name}</b>`; called with their values it gives the HTML with them in it.

    A value is escaped for text and for quoted attributes, unless it is `Markup` already. Raises KeyError if a value is
    missing. `Markup.format` does the same, but reads the template anew each time: that takes five times as long.
    """

    __slots__ = ("_parts",)

    def __init__(self, source: str) -> None:
        self._parts = [(literal, name) for literal, name, _, _ in Formatter().parse(source)]

    def __call__(self, **values: object) -> Markup:
        """The HTML with these values."""
        pieces: list[str] = []
        for literal, name in self._parts:
            pieces.append(literal)
            if name is not None:
                pieces.append(escape(values[name]))
        return Markup("".join(pieces))  # noqa: S704  # literals of ours and escaped values
