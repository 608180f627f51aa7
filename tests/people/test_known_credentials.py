"""The credentials in memory: as many as there is room for, and none that has ended."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from parlour.chat.known_credentials import Known, KnownCredentials

KEPT = 4

keys = st.integers(0, 9)
steps = st.one_of(
    st.tuples(st.just("keep"), keys),
    st.tuples(st.just("forget"), keys),
    st.tuples(st.just("end"), keys),
    st.tuples(st.just("disable"), st.integers(0, 2)),
)


def of(key: int) -> Known:
    """The credentials with a key; three accounts have all of them."""
    return Known("token", f"u_{key % 3}", f"t_{key}", None, 0, 0, 0)


@given(st.lists(steps))
def test_what_is_forgotten_is_not_found_and_the_oldest_goes_first(history: list[tuple[str, int]]) -> None:
    known, model = KnownCredentials(KEPT), list[int]()
    for what, number in history:
        if what == "keep":
            known.keep(str(number), of(number))
            model = model if number in model else [*model, number][-KEPT:]
        elif what == "forget":
            known.forget(str(number))
            model = [each for each in model if each != number]
        elif what == "end":
            ended = of(number)
            known.forget_of(ended.account, lambda each, id_=ended.sign_in: each.sign_in == id_)  # type: ignore[misc]
            model = [each for each in model if each != number]
        else:
            known.forget_of(f"u_{number}", lambda _: True)
            model = [each for each in model if each % 3 != number]
        assert len(known) == len(model)
        assert [key for key in range(10) if known.get(str(key)) is not None] == sorted(model)
