"""Direct conversations: the addresses `@alice`, `@alice+bob` and `@me`, and who may write to whom."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from parlour.core.accounts import Account
from parlour.core.errors import Refusal
from parlour.core.names import room_name

DIRECT = "@"
"""How an address begins that names people: what it leads to depends on who asks."""

MAX_PEOPLE = 20
"""In one direct conversation, whoever writes among them."""

ME = "me"
"""Whoever asks. No account can have this name (`core.names.RESERVED`)."""

FIXED = "A direct conversation is that of its people, for ever: nobody comes or goes, or changes what it is."

DirectRule: TypeAlias = Literal["members", "shared", "staff", "nobody"]
"""Who may write direct messages to whom: everybody with an account to everybody; those who are in a private room
together; those who run the server to everybody, and everybody to them; nobody."""

_MAX_CHARS = 2048
_BETWEEN = re.compile("[+, ]")
"""Between names; in a query a `+` is a space (WHATWG URL, application/x-www-form-urlencoded)."""

_ID = re.compile(r"[ub]_[A-Za-z0-9_-]{22}", re.ASCII)


def is_direct(text: str) -> bool:
    """Whether an address names people."""
    return text.startswith(DIRECT)


def direct_names(address: str) -> tuple[str, ...]:
    """The names in an address, in its order: `ME`, ids of accounts as they are, names in their canonical form.

    Raises Refusal("bad_room_name") for what no account can be called.
    """
    if len(address) > _MAX_CHARS:
        raise _bad_address("This address is too long.")
    return tuple([_name(part) for part in _BETWEEN.split(address.removeprefix(DIRECT))])


def room_or_people(text: str) -> str:
    """A room as it is written: its canonical name, or `@` and the names of people as `direct_names` gives them.

    Raises Refusal("bad_room_name"), ("reserved_name").
    """
    return DIRECT + "+".join(direct_names(text)) if is_direct(text) else room_name(text)


def _name(part: str) -> str:
    if not part:
        raise _bad_address("The name of somebody follows the @, and between two names there is one +.")
    if _ID.fullmatch(part):
        return part
    try:
        return room_name(part)
    except Refusal as refusal:
        if refusal.code == "reserved_name":
            return part.casefold()  # one that is, or that nobody has
        raise _bad_address(refusal.detail.replace("room name", "name")) from None


def _bad_address(detail: str) -> Refusal:
    return Refusal("bad_room_name", detail, field="room")


def direct_address(names: Iterable[str]) -> str:
    """The address of a conversation with these people; with nobody else it is that of notes to oneself."""
    return DIRECT + ("+".join(sorted(names)) or ME)


def people_of(account: Account) -> frozenset[str]:
    """The ids that a block of an account has: a bot is also taken for whoever owns it."""
    return frozenset({account.id, account.owner or account.id})


class Conversation(NamedTuple):
    """Somebody who wants to write, the others who would read it, and all that the rule looks at.

    `blocked_by` are the ids of others who have blocked the writer, `blocks` of those whom the writer has blocked;
    `in_common` those of others who are in a private room together with the writer.
    """

    rule: DirectRule
    writer: Account
    others: Sequence[Account]
    blocked_by: Collection[str] = ()
    blocks: Collection[str] = ()
    in_common: Collection[str] = ()


def refused_direct(conversation: Conversation) -> Refusal | None:
    """Why somebody may not write in a direct conversation; None if they may. Notes to oneself are always allowed.

    Refusal("forbidden"). Whoever is blocked learns that somebody takes no messages from them, and nothing else.
    """
    rule, writer, everybody, blocked_by, blocks, in_common = conversation
    others = [other for other in everybody if other.state != "deleted"]
    if not everybody:
        return None
    if not others:
        return Refusal("forbidden", "This account was deleted: nobody reads what is written here.")
    if all(other.state == "disabled" for other in others):
        return Refusal("forbidden", "This account is disabled: nobody reads what is written here.")
    for other in others:
        if other.id in blocked_by:
            return blocked(other)
    if len(others) == 1 and others[0].id in blocks:
        return Refusal("forbidden", f"You have blocked {others[0].display}: end that before you write.")
    if rule == "nobody":
        return Refusal("forbidden", "Nobody writes direct messages on this server.")
    for other in others:
        if rule == "staff" and not (writer.has_role("admin") or other.has_role("admin")):
            return Refusal("forbidden", "Here direct messages go to those who run the server, and come from them.")
        if rule == "shared" and other.id not in in_common:
            return Refusal("forbidden", f"You may write to {other.display} once you are in a private room together.")
    return None


def blocked(other: Account) -> Refusal:
    """The one refusal of whoever is blocked."""
    return Refusal("forbidden", f"{other.display} does not take messages from you.")


DIRECT_RULES: Mapping[str, str] = {
    "members": "everybody with an account, to everybody with an account",
    "shared": "people who are in a private room together",
    "staff": "those who run the server, to everybody, and everybody to them",
    "nobody": "nobody, but notes to oneself",
}
"""What each rule means, in the words of pages and commands."""
