"""Links by which guests come into rooms, and what each guest has then: a pass.

docs/decisions/0032-guest-links.md says why they are as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, TypeAlias, get_args

Newcomers: TypeAlias = Literal["ask_after_removal", "wait_after_removal", "ask", "open"]
"""What becomes of those who open a guest link."""

NEWCOMERS: tuple[Newcomers, ...] = get_args(Newcomers)

NEWCOMERS_MEANINGS: Mapping[Newcomers, str] = {
    "ask_after_removal": "come in at once; after a removal, whoever comes from the same address waits for your nod",
    "wait_after_removal": "come in at once; after a removal, nobody comes in from the same address for a while",
    "ask": "wait until you let them in",
    "open": "come in at once",
}
"""In the words of the page: people who open the link …"""

PassState: TypeAlias = Literal["in", "waiting", "removed"]
"""`waiting` for the host to let them in. `removed` stays until the link ends: it keeps its browser out."""

MAX_PEOPLE, MAX_ROOMS = 1000, 10
"""Of one guest link."""

MIN_MINUTES, MAX_MINUTES = 5, 129_600
"""How long a guest link lasts: 90 days at most."""

MAX_WAIT_MINUTES = 1440
"""How long a removal keeps others of that address waiting."""

LINKS_OF_A_ROOM = 20
"""Guest links that lead into one room at the same time."""

CODE_CHARS = 8
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""What can be told apart on a wall and over a telephone: no i, l, o, 0 and 1. Eight of them are 39 bits."""

_DROPPED = str.maketrans("", "", "- ")

ENDED_KEPT_DAYS = 30
"""So long it is known of the passes of a link that has ended that they were there: who comes back is told why not."""

MAX_ENDED = 100_000
"""So many passes of links that have ended are known at most: the oldest go."""


class GuestPass(NamedTuple):
    """A guest who came by a link. `id` is that of the author of what they say; `name` is theirs alone in the rooms.

    `rooms` are those of the link, for who asks with the pass; `was_in` whether they were ever let into them.
    """

    id: str
    link: str
    name: str
    state: PassState
    rooms: tuple[str, ...] = ()
    was_in: bool = False

    def keeps_out_of(self, rooms: Iterable[str]) -> bool:
        """Whether its guest was removed from one of these rooms, or not let in, whichever link they try."""
        return self.state == "removed" and not set(rooms).isdisjoint(self.rooms)


class EndedPass(NamedTuple):
    """The remains of a pass whose link has ended: the rooms that its guest was in, and the end, in ms since 1970."""

    rooms: tuple[str, ...]
    ended_ms: int


def new_code(secret: str) -> str:
    """The code of a link, made of a secret of at least 128 bits."""
    number, code = int.from_bytes(secret.encode()), ""
    for _ in range(CODE_CHARS):
        number, digit = divmod(number, len(_LETTERS))
        code += _LETTERS[digit]
    return code


def link_code(text: str) -> str | None:
    """The code that somebody has typed, or that stands in an address; None for what can be none."""
    if len(text) > 4 * CODE_CHARS:
        return None
    code = text.casefold().translate(_DROPPED)
    return code if len(code) == CODE_CHARS and not set(code) - set(_LETTERS) else None


def shown_code(code: str) -> str:
    """A code as people read it: `kfm4-q7zd`."""
    return f"{code[: CODE_CHARS // 2]}-{code[CODE_CHARS // 2 :]}"
