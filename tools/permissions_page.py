"""The page docs/permissions.md, from the table of rights and the rows of operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from parlour.api.operation import Operation
from parlour.core.accounts import ROLES, SCOPES, Role, Scope
from parlour.core.event import NO_POLICY, AuthorKind, Policy
from parlour.core.permissions import LEAST_ROLES, MEANINGS, SCOPES_FOR, Access, Right, rule

_HEAD = """\
Every request, stream, message and WebSocket asks one table, in `src/parlour/core/permissions.py`, whether the one who
asks has the right. A test asks every operation in the name of everybody (`tests/people/test_matrix.py`,
`tests/api/test_permissions.py`). Accounts, roles and tokens: [accounts.md](accounts.md).

Who asks is a *guest*, a *member* (somebody signed in), a *bot* (an account of a program, which a member owns), or the
*operator*: whoever may open the Unix socket `operator.sock` in the data directory. Members and bots have a role; what
asks with a token has its scopes besides, and both have to allow it.

"""

_RIGHTS = """\
## Rights

| right | is for | least role | scope of a token |
|---|---|---|---|
"""

_WHO = """\
## Who has which right

*open*: where server and room are open (`--access open`, no room closed to guests). *401* is a refusal with
`login_required`, *403* one with `forbidden`.

"""

_TOKENS = """\
## What a token can be used for

By an account whose role allows everything. Sessions and passwords have no scopes: they are for everything that their
account may do.

"""

_RULES = """\
## Besides

- Only an owner, or the operator, makes an owner, changes the role of one, disables one or resets the password of one.
  The last owner stays one.
- Sessions, tokens and bots are those of the account that asks: those of others are `404 not_found`, as if they were
  not there.
- The operator has no account, so nothing of its own to change.
- Over a WebSocket, sending needs `post`, besides the right that opening it needs.
- A bot has no bots. A token makes no token that may do more than itself.
- A disabled account asks for nothing: its sessions, tokens and password are refused.

"""

_OPERATIONS = """\
## Operations

The right that each needs; *public* ones are answered to everybody. What each does: [api.md](api.md).

"""


def permissions_page(operations: Sequence[Operation]) -> str:
    """The page, without its title."""
    rights: Sequence[Right] = get_args(Right)
    return "\n".join(
        (
            _HEAD + _RIGHTS + "".join(map(_right, rights)),
            _WHO
            + _table("who", rights, [(who, [_allowed(*actor, right) for right in rights]) for who, actor in _actors()]),
            _TOKENS
            + _table(
                "scope", rights, [(f"`{scope}`", [_of_token(scope, right) for right in rights]) for scope in SCOPES]
            ),
            _RULES
            + _OPERATIONS
            + "| operation | right |\n|---|---|\n"
            + "".join(map(_operation, sorted(operations, key=_order))),
        )
    )


def _right(right: Right) -> str:
    return f"| `{right}` | {MEANINGS[right]} | {LEAST_ROLES.get(right, 'any')} | `{SCOPES_FOR[right]}` |\n"


def _table(first: str, rights: Sequence[Right], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    head = " | ".join((first, *(f"`{right}`" for right in rights)))
    return (
        f"| {head} |\n"
        + "|---" * (len(rights) + 1)
        + "|\n"
        + "".join(f"| {' | '.join((who, *cells))} |\n" for who, cells in rows)
    )


def _actors() -> list[tuple[str, tuple[AuthorKind, Role | None]]]:
    kinds: tuple[AuthorKind, ...] = ("member", "bot")
    people = [(f"{kind}: {role}", (kind, role)) for kind in kinds for role in ROLES]
    return [("guest", ("guest", None)), *people, ("operator", ("system", None))]


def _allowed(kind: AuthorKind, role: Role | None, right: Right) -> str:
    """Under which accesses, of the server and of a room, somebody has a right."""
    accesses: Sequence[Access] = get_args(Access)
    refusals = {
        (server, room): rule(kind, right, server, role)(Policy(1, room)) for server in accesses for room in accesses
    }
    refused = {refusal.kind.status for refusal in refusals.values() if refusal is not None}
    if not refused:
        return "yes"
    (status,) = refused
    allowed = [accesses for accesses, refusal in refusals.items() if refusal is None]
    assert allowed in ([], [("open", "open")])
    return f"open; else {status}" if allowed else str(status)


def _of_token(scope: Scope, right: Right) -> str:
    refusal = rule("member", right, "open", "owner", frozenset((scope,)))(NO_POLICY)
    return "yes" if refusal is None else str(refusal.kind.status)


def _operation(operation: Operation) -> str:
    if operation.page_for is not None:
        return f"| `{operation.name}` | `{operation.page_for}`; a guest is led to signing in |\n"
    return f"| `{operation.name}` | {f'`{operation.right}`' if operation.right else 'public'} |\n"


def _order(operation: Operation) -> int:
    """The public ones last, the others by right."""
    right = operation.right or operation.page_for
    return len(get_args(Right)) if right is None else get_args(Right).index(right)
