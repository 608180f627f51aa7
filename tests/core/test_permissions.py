"""Who may do what, as one table."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from parlour.core.event import AuthorKind, Policy
from parlour.core.permissions import RIGHTS, Access, Right, may, rule

KINDS: tuple[AuthorKind, ...] = get_args(AuthorKind)
ACCESSES: tuple[Access, ...] = get_args(Access)


@pytest.mark.parametrize("right", ["read", "post"])
@pytest.mark.parametrize(("kind", "server", "room"), list(product(KINDS, ACCESSES, ACCESSES)))
def test_guests_may_come_in_where_server_and_room_are_open_and_others_everywhere(
    kind: AuthorKind, right: Right, server: Access, room: Access
) -> None:
    assert may(kind, right, server, room) is (kind != "guest" or (server, room) == ("open", "open"))


@pytest.mark.parametrize(("kind", "server", "room"), list(product(KINDS, ACCESSES, ACCESSES)))
def test_only_the_system_governs_and_does_so_everywhere(kind: AuthorKind, server: Access, room: Access) -> None:
    assert may(kind, "govern", server, room) is (kind == "system")


@pytest.mark.parametrize(("kind", "right", "server", "room"), list(product(KINDS, get_args(Right), ACCESSES, ACCESSES)))
def test_a_rule_refuses_what_the_table_does_not_allow(
    kind: AuthorKind, right: Right, server: Access, room: Access
) -> None:
    refusal = rule(kind, right, server)(Policy(7, room))
    assert (refusal is None) is may(kind, right, server, room)
    assert refusal is None or refusal.code == "login_required"


def test_the_table_has_every_right_for_every_kind() -> None:
    assert set(RIGHTS) == set(get_args(Right))
    assert all(set(row) == set(KINDS) for row in RIGHTS.values())
