"""What a long text can be read as is found by its characters, each looked at once."""

from __future__ import annotations

from random import Random

import pytest

from parlour.core.impersonation import _looks, skeletons, text_skeletons
from parlour.core.text_rules import refused_text

_RANGES = ((0x20, 0x250), (0x300, 0x600), (0x1E00, 0x2200), (0x3000, 0xD7FF), (0xF900, 0xFFFD), (0x1D400, 0x1D7FF))


@pytest.mark.parametrize("seed", range(5))
def test_a_text_is_read_as_a_name_would_be(seed: int) -> None:
    random = Random(seed)
    for _ in range(100):
        text = "".join(chr(random.randint(*random.choice(_RANGES))) for _ in range(random.randint(1, 20)))
        assert text_skeletons(text) == skeletons(text), ascii(text)


def test_a_character_that_stands_for_many_costs_what_others_do() -> None:
    """U+FDFA is 18 letters: the greatest message of it held everybody else for half a second."""
    _looks.cache_clear()
    assert refused_text("\ufdfa" * 5461, ("bad",), "all", is_guest=True) is None
    assert _looks.cache_info().misses == 1
