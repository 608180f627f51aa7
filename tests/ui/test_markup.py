"""Templates: a value is escaped unless it is markup, and none can be forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from parlour.ui.markup import Template


@given(st.text(), st.text())
def test_template_when_filled_gives_what_markup_format_gives(one: str, two: str) -> None:
    source = '<a href="{one}" title="{two}">{one} {{braces}}</a>'
    assert Template(source)(one=one, two=two) == Markup(source).format(one=one, two=two)  # noqa: S704  # our own literal


def test_template_when_filled_escapes_text_and_keeps_markup_and_numbers() -> None:
    template = Template("<p>{value}</p>")
    assert template(value="<b>&\"'") == "<p>&lt;b&gt;&amp;&#34;&#39;</p>"
    assert template(value=Markup("<b>")) == "<p><b></p>"
    assert template(value=7) == "<p>7</p>"
    assert template(value="{value}") == "<p>{value}</p>"
    with pytest.raises(KeyError):
        template(other="")
