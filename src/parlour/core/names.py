"""Names that people choose: rooms, display names and idempotency keys, each brought to one canonical form or refused.

A room name is compared after NFKC case folding: `Lobby`, `lobby` and `ＬＯＢＢＹ` are one room. Many scripts cannot be
written without combining marks (`हिन्दी`, `ไทย`), joiners and points of spelling (`می‌خواهم`, `col·lecció`).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from parlour.core.errors import Refusal
from parlour.core.impersonation import impersonated
from parlour.core.joiners import JOINERS, is_emoji_part, joins_emoji, may_join, may_stand
from parlour.core.marks import MAX_MARKS, is_mark

MAX_NAME_CHARS = 64
"""Code points of a room or display name in its canonical form."""

MAX_TITLE_CHARS, MAX_TOPIC_CHARS = 80, 300
"""Code points of the title and the topic of a room."""

MAX_KEY_CHARS = 64
"""Characters of an idempotency key."""

_MAX_RAW_CHARS = 256
"""Longer input is refused unread: one code point can become eighteen under NFKC."""

_RESERVED_WORDS = """
    admin api files healthz help hooks invite join limits login me metrics readyz search send static .well-known
    favicon.ico manifest.webmanifest robots.txt sw.js
    account app auth invites livez logout oauth people register reset rooms session sessions settings signup stream
    tokens uploads users version
    ads.txt apple-touch-icon.png apple-touch-icon-precomposed.png browserconfig.xml crossdomain.xml humans.txt
    index.html openapi.json security.txt sitemap.xml
"""
RESERVED: frozenset[str] = frozenset(_RESERVED_WORDS.split())
"""First path segments that the server needs itself (docs/protocol.md#room), now or later, or that browsers and crawlers
ask for by themselves; no room can have these names."""

DEFAULT_ROOM = "lobby"
"""Of whoever names none: the room at `/`."""

PRIVATE = "~"
"""How the name of a private room begins: nobody makes one by posting to it (docs/decisions/0022-rooms.md)."""

_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u2800\u3164\uffa0") | frozenset(
    map(chr, (*range(0xFE00, 0xFE10), 0x13441, 0x13442, 0x16FE4, *range(0xE0000, 0xE1000)))
)
"""Letters, marks and symbols that show nothing (Unicode Default_Ignorable_Code_Point and the blank glyphs)."""

_PLAIN_ROOM = re.compile(r"~[a-z0-9][a-z0-9._-]{0,62}|[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_KEY = re.compile(rf"[A-Za-z0-9_-]{{8,{MAX_KEY_CHARS}}}", re.ASCII)


def room_name(raw: str) -> str:
    """Give the canonical form of a room name; applying it again changes nothing.

    Raises Refusal("reserved_name") for a name that the server needs itself, ("bad_room_name") for any other that is
    not 1 to 64 letters, digits, `-`, `_` and `.` beginning with a letter or a digit; a private one has a `~` before it.
    """
    if len(raw) > _MAX_RAW_CHARS:
        raise _bad_room(f"A room name has at most {MAX_NAME_CHARS} characters.")
    return _canonical_room(raw)


@lru_cache(maxsize=4096)
def _canonical_room(raw: str) -> str:
    if _PLAIN_ROOM.fullmatch(raw) and raw not in RESERVED:
        return raw
    name = _fold(raw)
    if name in RESERVED:
        raise Refusal("reserved_name", f"The server needs the name {name} itself; choose another one.", field="room")
    if not name:
        raise _bad_room("A room name has at least one character.")
    if len(name) > MAX_NAME_CHARS:
        raise _bad_room(f"A room name has at most {MAX_NAME_CHARS} characters; this one has {len(name)}.")
    begins = _beginning(name)
    if not _is_letter_or_digit(name[begins]):
        raise _bad_room(_unfit("begins with a letter or a digit, not with", name[begins:]))
    marks = MAX_MARKS  # none before the first letter
    for index, char in enumerate(name[begins:], begins):
        if char in JOINERS and may_join(name, index):
            pass  # part of the letter before it
        elif char in "-_." or may_stand(name, index):
            marks = MAX_MARKS
        elif _is_letter_or_digit(char):
            marks = MAX_MARKS if char.isdecimal() else 0
        elif unicodedata.category(char) in ("Mn", "Mc") and char not in _INVISIBLE:
            marks += 1
            if marks > MAX_MARKS:
                raise _bad_room(f"In a room name a letter carries at most {MAX_MARKS} marks, and only letters do.")
        else:
            raise _bad_room(_unfit("has letters, digits, - _ and . only, not", char))
    return name


def _beginning(name: str) -> int:
    """Where a name begins: behind the `~` of a private room. Raises Refusal("bad_room_name") for a `~` alone."""
    if name[0] != PRIVATE:
        return 0
    if len(name) == 1 or not _is_letter_or_digit(name[1]):
        raise _bad_room("A letter or a digit follows the ~ at the beginning of a private room's name.")
    return 1


def _fold(raw: str) -> str:
    """NFKC case folding (Unicode 3.13, D146): folding can undo normal forms and the reverse, so go on until stable."""
    folded = unicodedata.normalize("NFKC", raw)
    while True:
        again = unicodedata.normalize("NFKC", folded.casefold())
        if again == folded:
            return folded
        folded = again


def _is_letter_or_digit(char: str) -> bool:
    return unicodedata.category(char) in ("Ll", "Lu", "Lt", "Lo", "Lm", "Nd") and char not in _INVISIBLE


def _unfit(rule: str, text: str) -> str:
    if text[0] == " ":
        return "A room name has no spaces: it has letters, digits, - _ and . only."
    return f"A room name {rule} {character(text)}."


def _bad_room(detail: str) -> Refusal:
    return Refusal("bad_room_name", detail, field="room")


def room_word(text: str, most: int) -> str:
    """The part of a text that can stand in the name of a room, at most `most` characters: `Class 7B` is `class-7b`.

    May be empty.
    """
    word = ""
    for char in _fold(text[:_MAX_RAW_CHARS]):
        joins = char if _is_letter_or_digit(char) or char in "_." else "-"
        if joins != "-" or not word.endswith("-"):
            word += joins
    return word.strip("-_.")[:most].strip("-_.")


def line(raw: str, most: int, field: str) -> str:
    """The form of a text that stands in one line, such as a title: NFC, trimmed, runs of spaces as one; may be empty.

    Raises Refusal("bad_text") for one longer than `most` code points, or with what cannot be seen, breaks the line or
    turns it around.
    """
    if len(raw) > 4 * most:
        raise Refusal("bad_text", f"{field} has at most {most} characters.", field=field)
    text = " ".join(part for part in _SPACES.split(unicodedata.normalize("NFC", raw)) if part)
    if len(text) > most:
        raise Refusal("bad_text", f"{field} has at most {most} characters; this one has {len(text)}.", field=field)
    marks = 0
    for index, char in enumerate(text):
        marks = marks + 1 if is_mark(char) else 0
        if marks > MAX_MARKS or not _may_be_shown(text, index):
            raise Refusal("bad_text", f"{field} may not contain {character(char)} there.", field=field)
    return text


_COLONS = frozenset(":\uff1a\ufe55\ufe13\u2236\ua789\u02d0\u05c3")
"""A text line reads `name: text`, so a name with a colon could put words into another's mouth."""


def display_name(raw: str) -> str:
    """Give the form in which a display name is shown: NFC, trimmed, runs of spaces as one space.

    Raises Refusal("bad_name") for a name that is blank, longer than 64 code points or contains what cannot be seen or
    disturbs its surroundings (controls, format and bidi characters, line separators, colons, piles of marks),
    ("reserved_name") for one that impersonates the server, its staff or a guest without a name. Zero-width joiners are
    allowed between emoji, and where they belong to the script (`core/joiners.py`).
    """
    if len(raw) > _MAX_RAW_CHARS:
        raise _bad_name(f"A display name has at most {MAX_NAME_CHARS} characters.")
    return _display_name(raw)


@lru_cache(maxsize=4096)
def _display_name(raw: str) -> str:
    name = " ".join(part for part in _SPACES.split(unicodedata.normalize("NFC", raw)) if part)
    if len(name) > MAX_NAME_CHARS:
        raise _bad_name(f"A display name has at most {MAX_NAME_CHARS} characters; this one has {len(name)}.")
    if not any(_can_be_seen(char) for char in name):
        raise _bad_name("A display name has at least one character that can be seen.")
    marks = 0
    for index, char in enumerate(name):
        if char in _COLONS:
            raise _bad_name("A display name has no colon: a line of chat reads name: text.")
        marks = marks + 1 if is_mark(char) else 0
        if marks > MAX_MARKS:
            raise _bad_name(f"A display name has at most {MAX_MARKS} marks on one letter.")
        if not _may_be_shown(name, index):
            raise _bad_name(f"A display name may not contain {character(char)} there.")
    if name.casefold().endswith("[bot]"):
        raise Refusal("reserved_name", "Bots are marked like that: leave the mark out.", field="name")
    whom = impersonated(name)
    if whom is not None:
        raise Refusal("reserved_name", _IMPERSONATED[whom], field="name")
    return name


_IMPERSONATED = {
    "staff": "This name could be taken for the server or its staff; choose another one.",
    "guest": "Names like guest-abcd are given to guests without a name; choose another one, or send no name.",
}
_SPACES = re.compile("[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")


def _can_be_seen(char: str) -> bool:
    return (unicodedata.category(char)[0] in "LNPS" and char not in _INVISIBLE) or "\U0001f000" <= char <= "\U0001fbff"


def _may_be_shown(name: str, index: int) -> bool:
    char = name[index]
    before = name[index - 1] if index else ""
    if char in JOINERS:
        return joins_emoji(name, index) or may_join(name, index)
    if "\ufe00" <= char <= "\ufe0f":  # presentation: as emoji or as text
        return before != "" and (
            unicodedata.category(before) == "So" or before in "0123456789#*" or is_emoji_part(before)
        )
    if "\U000e0100" <= char <= "\U000e01ef":  # which form of an ideograph, as in family names
        return before != "" and unicodedata.category(before) == "Lo" and before not in _INVISIBLE
    if char == " ":
        return True
    return (is_mark(char) and char not in _INVISIBLE) or _can_be_seen(char)


def _bad_name(detail: str) -> Refusal:
    return Refusal("bad_name", detail, field="name")


def check_key(raw: str) -> str:
    """Give an idempotency key back unchanged. Raises Refusal("bad_key") unless it is 8 to 64 of `A-Za-z0-9_-`."""
    if _KEY.fullmatch(raw) is None:
        raise Refusal("bad_key", "An idempotency key is 8 to 64 of A-Z a-z 0-9 _ and -.", field="key")
    return raw


def character(text: str) -> str:
    """Name the first character of a text for an error, without showing it: `U+202E RIGHT-TO-LEFT OVERRIDE`."""
    return f"U+{ord(text[0]):04X} {unicodedata.name(text[0], '')}".rstrip()
