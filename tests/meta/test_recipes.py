"""The recipes of CONTRIBUTING.md lead to places that are there, and leave out no step that can be checked."""

from __future__ import annotations

import re

import pytest

from parlour.core.names import RESERVED
from tests.meta.test_source import ROOT
from tests.support.table import TABLE

NAMED = sorted(set(re.findall(r"`((?:src|docs|tests|tools|bench)/[\w./-]*)`", (ROOT / "CONTRIBUTING.md").read_text())))


@pytest.mark.parametrize("place", NAMED)
def test_what_the_recipes_name_is_there(place: str) -> None:
    assert (ROOT / place).exists()


def test_no_room_can_have_the_address_of_an_operation() -> None:
    first = {operation.path.split("/")[1] for operation in TABLE} - {"", "{room}"}
    assert first <= RESERVED
