"""Templates: a value is escaped unless it is markup, and none can be forgotten."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from parlour.ui.page import TEMPLATE_NAMES, template


def test_template_when_filled_escapes_text_and_keeps_markup_and_numbers() -> None:
    go = template("go.html").render
    for typed, value in (("<b>&\"'", "&lt;b&gt;&amp;&#34;&#39;"), (Markup("&nbsp;"), "&nbsp;"), (7, "7")):
        assert f'value="{value}"' in go(prefix="", typed=typed)


def test_template_when_it_is_first_needed_can_be_compiled() -> None:
    for name in TEMPLATE_NAMES:
        assert template(name).name == name


def test_template_when_a_value_is_missing_fails() -> None:
    with pytest.raises(UndefinedError):
        template("go.html").render(prefix="")


def test_template_when_a_value_looks_like_a_template_shows_it() -> None:
    assert 'value="{{ prefix }}{% raw %}"' in template("go.html").render(prefix="", typed="{{ prefix }}{% raw %}")
