"""The page docs/permissions.md, from the table of rights and the rows of operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from parlour.api.operation import Operation
from parlour.core.accounts import ROLES, SCOPES, Role, Scope
from parlour.core.event import AuthorKind
from parlour.core.permissions import (
    INSTEAD,
    LEAST_ROLES,
    LEAST_ROOM_ROLES,
    MEANINGS,
    ROOM_ROLES,
    SCOPES_FOR,
    Access,
    Right,
    Who,
    rule,
)
from parlour.core.policy import NO_POLICY, Membership, Policy

_HEAD = """\
Every request, stream, message and WebSocket asks one table, in `src/parlour/core/permissions.py`, whether the one who
asks has the right. A test asks every operation in the name of everybody (`tests/people/test_matrix.py`,
`tests/api/test_permissions.py`). Accounts, roles and tokens: [accounts.md](accounts.md).

Who asks is a *guest*, a *member* (somebody signed in), a *bot* (an account of a program, which a member owns), or the
*operator*: whoever may open the Unix socket `operator.sock` in the data directory. Members and bots have a role on the
server, and one in each room that they are in; what asks with a token has its scopes besides, and all have to allow it.

"""

_RIGHTS = """\
## Rights

| right | is for | least role on the server | least role in the room | scope of a token |
|---|---|---|---|---|
"""

_WHO = """\
## Who has which right

Outside of rooms, and in a public room in which they have no role. *open*: where server and room are open (`--access
open`, no room closed to guests). *401* is a refusal with `login_required`, *403* one with `forbidden`.

"""

_IN_ROOMS = """\
## In a room

On an open server. *404* is the refusal `not_found`, which is that of an address at which there is nothing; *403* is
`forbidden`, or `read_only` for `post`. Where the history is `joined`, members read what has come since they joined.

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
- Everybody who is signed in joins and leaves public rooms; a private one is joined by being added, or by a link. The
  last owner of a room stays one. What moderators add are members; roles in a room are changed, and those who have one
  are removed, with `govern`.
- A token for some rooms does nothing elsewhere: there it is refused with `forbidden`, whatever there is.
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


_ROOM_RIGHTS: tuple[Right, ...] = ("read", "post", "moderate", "govern")

_MEMBERS: dict[str, Membership] = {role: Membership(role, 1) for role in ROOM_ROLES}
"""An account that is called like its role."""

_STATES = {
    "Public, open to guests": Policy(1, "open", members=_MEMBERS),
    "Public, closed to guests": Policy(1, "members", members=_MEMBERS),
    "Announcements": Policy(1, "open", is_read_only=True, members=_MEMBERS),
    "Archived": Policy(1, "open", is_archived=True, members=_MEMBERS),
    "Private": Policy(1, "private", members=_MEMBERS),
    "Private, archived": Policy(1, "private", is_archived=True, members=_MEMBERS),
}

_IN_ROOM = {
    "guest": Who("guest"),
    "signed in, no member of the room": Who("member", "somebody", "member"),
    **{f"{role} of the room": Who("member", role, "member") for role in ROOM_ROLES},
    "admin of the server, no member of the room": Who("member", "somebody", "admin"),
    "operator": Who("system"),
}


def permissions_page(operations: Sequence[Operation]) -> str:
    """The page, without its title."""
    rights: Sequence[Right] = get_args(Right)
    return "\n".join(
        (
            _HEAD + _RIGHTS + "".join(map(_right, rights)),
            _WHO
            + _table("who", rights, [(who, [_allowed(*actor, right) for right in rights]) for who, actor in _actors()]),
            _IN_ROOMS + "\n".join(map(_in_room, _STATES)),
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
    in_room = "none"
    if right in LEAST_ROOM_ROLES:
        in_room = f"{LEAST_ROOM_ROLES[right]}, or {INSTEAD[right]} on the server"
    elif right in _ROOM_RIGHTS or right == "members":
        in_room = "none; member in a private one"
    cells = (f"`{right}`", MEANINGS[right], LEAST_ROLES.get(right, "any"), in_room, f"`{SCOPES_FOR[right]}`")
    return f"| {' | '.join(cells)} |\n"


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
    who = Who(kind, None if role is None else "somebody", role)
    accesses: Sequence[Access] = get_args(Access)
    refusals = {(server, room): rule(who, right, server)(Policy(1, room)) for server in accesses for room in accesses}
    refused = {refusal.kind.status for refusal in refusals.values() if refusal is not None}
    if not refused:
        return "yes"
    (status,) = refused
    allowed = [accesses for accesses, refusal in refusals.items() if refusal is None]
    assert allowed in ([], [("open", "open")])
    return f"open; else {status}" if allowed else str(status)


def _in_room(state: str) -> str:
    """Who has which right in a room that is in this state."""
    rows = []
    for name, who in _IN_ROOM.items():
        refusals = [rule(who, right, "open")(_STATES[state]) for right in _ROOM_RIGHTS]
        rows.append((name, ["yes" if refusal is None else str(refusal.kind.status) for refusal in refusals]))
    return f"### {state}\n\n" + _table("who", _ROOM_RIGHTS, rows)


def _of_token(scope: Scope, right: Right) -> str:
    refusal = rule(Who("member", "somebody", "owner", frozenset((scope,))), right, "open")(NO_POLICY)
    return "yes" if refusal is None else str(refusal.kind.status)


def _operation(operation: Operation) -> str:
    if operation.page_for is not None:
        return f"| `{operation.name}` | `{operation.page_for}`; a guest is led to signing in |\n"
    return f"| `{operation.name}` | {f'`{operation.right}`' if operation.right else 'public'} |\n"


def _order(operation: Operation) -> int:
    """The public ones last, the others by right."""
    right = operation.right or operation.page_for
    return len(get_args(Right)) if right is None else get_args(Right).index(right)
