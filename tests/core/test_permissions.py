"""Who may do what, as one table."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from parlour.core.event import AuthorKind
from parlour.core.permissions import RIGHTS, Access, Right, may

KINDS: tuple[AuthorKind, ...] = get_args(AuthorKind)
ACCESSES: tuple[Access, ...] = get_args(Access)


@pytest.mark.parametrize("right", get_args(Right))
@pytest.mark.parametrize(("kind", "server", "room"), list(product(KINDS, ACCESSES, ACCESSES)))
def test_guests_may_come_in_where_server_and_room_are_open_and_others_everywhere(
    kind: AuthorKind, right: Right, server: Access, room: Access
) -> None:
    assert may(kind, right, server, room) is (kind != "guest" or (server, room) == ("open", "open"))


def test_the_table_has_every_right_for_every_kind() -> None:
    assert set(RIGHTS) == set(get_args(Right))
    assert all(set(row) == set(KINDS) for row in RIGHTS.values())
