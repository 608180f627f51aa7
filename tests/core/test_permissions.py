"""Who may do what, as one table."""

from __future__ import annotations

import pytest

from parlour.core.event import AuthorKind
from parlour.core.permissions import Access, may_post, may_read


@pytest.mark.parametrize(
    ("kind", "access", "allowed"),
    [
        ("member", "open", True),
        ("bot", "open", True),
        ("system", "open", True),
        ("guest", "open", True),
        ("member", "members", True),
        ("bot", "members", True),
        ("system", "members", True),
        ("guest", "members", False),
    ],
)
def test_only_guests_of_a_members_server_are_kept_out(kind: AuthorKind, access: Access, allowed: bool) -> None:
    assert may_read(kind, access) is allowed
    assert may_post(kind, access) is allowed
