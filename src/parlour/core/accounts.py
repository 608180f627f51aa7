"""Accounts: who somebody is once they have signed in, and what their role and the scopes of a token allow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, TypeAlias, get_args

from msgspec import Struct

from parlour.core.bidi import has_one_order
from parlour.core.errors import Refusal
from parlour.core.impersonation import impersonated, letters, skeletons
from parlour.core.names import PRIVATE, room_name

Role: TypeAlias = Literal["member", "moderator", "admin", "owner"]
"""On the server, from the least to the most."""

ROLES: tuple[Role, ...] = get_args(Role)

ROLE_MEANINGS: Mapping[Role, str] = {
    "member": "reads and writes, and makes rooms where the settings let members",
    "moderator": "also mutes and bans people and deletes messages in all public rooms",
    "admin": "also invites people, disables accounts, gives roles, sets rooms right and changes the settings",
    "owner": "also makes admins into owners; the last owner stays",
}
"""What each role is for, in the words of pages and commands."""

State: TypeAlias = Literal["active", "disabled", "deleted"]

KeptMessages: TypeAlias = Literal["keep", "remove"]
"""What becomes of the messages of an account that is deleted: they stay, or nothing of them does."""

DeletionRule: TypeAlias = Literal["choose", "keep", "remove"]
"""What of that a server lets people choose."""

DELETED_NAME = "deleted account"
"""How an account is shown that was deleted."""

Scope: TypeAlias = Literal["read", "post", "admin"]
"""What a token may be used for; `admin` for everything that its account may do."""

SCOPES: tuple[Scope, ...] = get_args(Scope)

HUES = 12
"""Colours of people in style.css (`.hue-0` …)."""

MAX_STATUS_CHARS = 80

MAX_FORMER_NAMES = 20
"""Names that an account has had and keeps from others."""

MIN_NAME_CHARS = 2
MAX_NAME_CHARS = 32

MIN_PASSWORD_CHARS = 15
"""Where nothing else is asked for at sign-in (NIST SP 800-63B-4 §3.1.1.2)."""

MAX_PASSWORD_BYTES = 1024

MAX_TOKEN_DAYS = 366
MAX_INVITATION_DAYS, MAX_INVITATION_USES = 90, 1000

_COMMON = re.compile(r"(.)\1*|\d+|(qwertyuiop?)+|(password)+\d*", re.IGNORECASE | re.ASCII)


_IN_NO_NAME = frozenset(map(chr, (0x0640, 0x07FA, 0x302E, 0x302F, *range(0x3031, 0x3036), 0x303B))) | frozenset(
    map(chr, (*range(0x1100, 0x1200), *range(0xA960, 0xA980), *range(0xD7B0, 0xD800)))
)
"""What PRECIS keeps out of names beside all else (RFC 8264 §9.6 and §9.9): strokes that only make a word longer, and
parts of Korean syllables that are no syllable."""


class Account(Struct, frozen=True, omit_defaults=True):
    """One account, as everybody may know it. `id` never changes hands; `name` is unique, `display` is shown.

    `kind` is `member`, or `bot` for one that `owner` (the id of an account) has made. `status` is a line about oneself,
    `time_zone` an IANA name, `language` a tag of BCP 47, each empty for none; `hue` is the colour that was chosen, one
    of HUES (None: that of the id, see `ui/timeline.py`). `factors` is how many second factors it has;
    with `hidden` 1 nobody is shown when it is there.
    """

    id: str
    name: str
    display: str
    kind: Literal["member", "bot"]
    role: Role
    owner: str | None
    state: State
    status: str = ""
    time_zone: str = ""
    language: str = ""
    hue: int | None = None
    factors: int = 0
    hidden: int = 0

    def has_role(self, least: Role) -> bool:
        """Whether its role is `least` or a greater one."""
        return ROLES.index(self.role) >= ROLES.index(least)


def erased_name(id_: str) -> str:
    """The name of a deleted account in tables and in the log of the server. Nobody can have such a name."""
    return f".{id_}"


def account_name(raw: str) -> str:
    """The canonical form of an account's name: 2 to 32 characters as in the name of a room (`core/names.py`).

    Raises Refusal("reserved_name") for one that reads like the server or its staff or that the server needs itself,
    ("bad_name") for any other that is not like that.
    """
    try:
        name = room_name(raw)
    except Refusal as refusal:
        code = "reserved_name" if refusal.code == "reserved_name" else "bad_name"
        raise Refusal(code, refusal.detail.replace("room name", "name"), field="name") from None
    if name.startswith(PRIVATE):
        raise Refusal("bad_name", "A name begins with a letter or a digit.", field="name")
    if not MIN_NAME_CHARS <= len(name) <= MAX_NAME_CHARS:
        raise Refusal("bad_name", f"A name has {MIN_NAME_CHARS} to {MAX_NAME_CHARS} characters.", field="name")
    if not _IN_NO_NAME.isdisjoint(name):
        raise Refusal(
            "bad_name", "A name has no strokes that make a word longer, nor parts of syllables.", field="name"
        )
    if not has_one_order(name):
        detail = "Letters that are written from right to left come first, and without others (RFC 5893)."
        raise Refusal("bad_name", detail, field="name")
    if impersonated(name) is not None:
        raise Refusal("reserved_name", "This name could be taken for the server, its staff or a guest.", field="name")
    return name


def skeleton(name: str) -> str:
    """The skeleton that confusable names share (UTS #39 §4), as it is stored: no two accounts have the same."""
    return min(readings(name))


@lru_cache(maxsize=4096)
def readings(name: str) -> frozenset[str]:
    """All that a name can be read as: what has one of them in common with another name can be taken for it.

    Most have one. A few characters look like two others: a small capital I like `i` and like `l`.
    """
    return skeletons(name.casefold())


@lru_cache(maxsize=4096)
def likenesses(name: str) -> frozenset[str]:
    """The readings of a name, with and without spaces and signs: `MsHolt` and `@Ms Holt` have one of `Ms Holt`.

    Guests are told apart by these: they type any name, and nobody has approved it.
    """
    plain = readings(name)
    return plain | {letters(each) for each in plain if letters(each)}


def check_password(password: str, *words: str) -> str:
    """Give a new password back unchanged. Raises Refusal("weak_password") for one that is easily guessed.

    `words` are those that a guesser tries first, such as the name of its account.
    """
    if len(password) < MIN_PASSWORD_CHARS:
        detail = f"A password has at least {MIN_PASSWORD_CHARS} characters; a few words are easy to remember."
        raise Refusal("weak_password", detail, field="password")
    if len(password.encode()) > MAX_PASSWORD_BYTES:
        raise Refusal("weak_password", f"A password has at most {MAX_PASSWORD_BYTES} bytes.", field="password")
    plain = password.casefold()
    for word in words:
        plain = plain.replace(word.casefold(), "") if len(word) > 1 else plain
    if len(plain) < MIN_PASSWORD_CHARS // 2 or _COMMON.fullmatch(password) or len(set(plain)) < 4:
        raise Refusal(
            "weak_password", "This password is guessed among the first; choose a few words.", field="password"
        )
    return password
