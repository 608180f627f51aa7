"""Who may do what, as one table."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from parlour.core.accounts import ROLES, Role, Scope
from parlour.core.event import AuthorKind
from parlour.core.permissions import RIGHTS, Access, Right, Who, may, rule
from parlour.core.policy import Policy

KINDS: tuple[AuthorKind, ...] = get_args(AuthorKind)
ACCESSES: tuple[Access, ...] = get_args(Access)


@pytest.mark.parametrize("right", ["read", "post"])
@pytest.mark.parametrize(("kind", "server", "room"), list(product(KINDS, ACCESSES, ACCESSES)))
def test_guests_may_come_in_where_server_and_room_are_open_and_others_everywhere(
    kind: AuthorKind, right: Right, server: Access, room: Access
) -> None:
    assert may(kind, right, server, room) is (kind != "guest" or (server, room) == ("open", "open"))


@pytest.mark.parametrize("right", ["moderate", "govern", "create", "inbox", "account", "administer"])
@pytest.mark.parametrize(("kind", "server", "room"), list(product(KINDS, ACCESSES, ACCESSES)))
def test_a_guest_runs_nothing_and_has_no_account(kind: AuthorKind, right: Right, server: Access, room: Access) -> None:
    assert may(kind, right, server, room) is (kind != "guest")


@pytest.mark.parametrize(("role", "right"), list(product(ROLES, get_args(Right))))
def test_a_role_below_admin_runs_nothing(role: Role, right: Right) -> None:
    refusal = rule(Who("member", "u", role), right, "members")(Policy(7, "members"))
    least = {"restrict": "moderator", "order": "moderator", "audit": "owner"}.get(right, "admin")
    needed = right in ("restrict", "moderate", "govern", "administer", "audit", "order") and ROLES.index(
        role
    ) < ROLES.index(least)
    assert (None if refusal is None else refusal.code) == ("forbidden" if needed else None)


@pytest.mark.parametrize(("scopes", "right"), list(product([(), ("read",), ("post",), ("admin",)], get_args(Right))))
def test_a_token_has_the_rights_of_its_scopes(scopes: tuple[Scope, ...], right: Right) -> None:
    refusal = rule(Who("member", "u", "owner", frozenset(scopes)), right, "open")(Policy(7, "open"))
    needed = {"ticket": "read", "members": "read", "inbox": "read", "people": "read"}.get(right, right)
    may_ever = right != "factor"  # a stolen token would be the way around a second factor
    assert (refusal is None) is (may_ever and ("admin" in scopes or needed in scopes))


@pytest.mark.parametrize(("kind", "right", "server", "room"), list(product(KINDS, get_args(Right), ACCESSES, ACCESSES)))
def test_a_rule_refuses_what_the_table_does_not_allow(
    kind: AuthorKind, right: Right, server: Access, room: Access
) -> None:
    refusal = rule(Who(kind, "u", "owner") if kind in ("member", "bot") else Who(kind), right, server)(Policy(7, room))
    assert (refusal is None) is may(kind, right, server, room)
    assert refusal is None or refusal.code == "login_required"  # only guests are refused by the table


def test_the_table_has_every_right_for_every_kind() -> None:
    assert set(RIGHTS) == set(get_args(Right))
    assert all(set(row) == set(KINDS) for row in RIGHTS.values())
