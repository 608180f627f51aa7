"""The templates of the pages (`pages/`): read and compiled once; every value is escaped, and a missing one an error."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined

from parlour.ui.assets import asset_url

_pages = Environment(
    loader=DictLoader({item.name: item.read_text("utf-8") for item in (files(__package__) / "pages").iterdir()}),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_pages.globals["asset_url"] = asset_url

TEMPLATES = {name: _pages.get_template(name) for name in _pages.list_templates()}
"""File name to template."""
