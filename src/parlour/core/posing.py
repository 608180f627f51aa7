"""Names that pose as the server or its staff: what the eye takes for a reserved word counts as that word."""

from __future__ import annotations

import re
import unicodedata

from parlour.core.joiners import JOINERS
from parlour.core.marks import is_mark

_WORDS = """
    admin administrator administrators admins all everyone here mod moderator moderators mods official operator
    operators owner parlour root server staff support sysadmin sysop system webmaster
"""
# Greek, Cyrillic and Armenian letters, signs, digits and l, each as the Latin letter that it is taken for.
_LOOKALIKES = str.maketrans(
    "αεηικνοπρτυω\u0430\u0432\u0433\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455\u0456\u0458"
    "\u0475\u04bb\u04cf\u0501\u051d\u0570\u0578\u057d\u0585\u0251\u0269\u028b01345l",
    "aenikvonptuwabrekmhopctyxsijvhidwhnuoaivoieasi",
)
_SIGNS = str.maketrans("@$!|\u00a1\u20ac", "asiiie")
_LETTER = re.compile(
    r"(?:LATIN (?:CAPITAL |SMALL )?LETTER|REGIONAL INDICATOR SYMBOL LETTER|TAG LATIN SMALL LETTER)"
    r"(?: SMALL CAPITAL| DOTLESS| SCRIPT| TURNED| REVERSED)* ([A-Z])(?: WITH .+)?"
)
_PAIRS = (("rn", "m"), ("vv", "w"))
"""Two letters that are read as one."""

_GUEST = re.compile("guest-+[a-z]{4}")
_MORE_DASHES = "_~\u02d7\u2212\u23af\u2500\u2796\u30fc\u4e00"
"""Not dashes for Unicode, but for the eye."""


def poses_as_staff(folded: str) -> bool:
    """Whether a name, NFKC case-folded, reads like one of the words that only the server and its staff may use.

    Marks, spaces and punctuation do not count; letters of other alphabets, small capitals, letters with strokes, digits
    and pairs such as `rn` count as what they look like.
    """
    plain = _plain(folded)
    return _skeleton(plain) in _SKELETONS or _skeleton(plain.translate(_SIGNS)) in _SKELETONS


def poses_as_guest(folded: str) -> bool:
    """Whether a name, NFKC case-folded, reads like those that the server makes up: `guest-` and four letters."""
    plain = "".join(_dash(char) for char in _plain(folded) if not char.isspace())
    return _GUEST.fullmatch(plain.translate(_LOOKALIKES)) is not None


def _plain(folded: str) -> str:
    """Without marks, and each variety of a Latin letter as that letter."""
    if folded.isascii():
        return folded
    apart = unicodedata.normalize("NFD", folded)
    return "".join(_latin(char) for char in apart if not is_mark(char) and char not in JOINERS)


def _latin(char: str) -> str:
    if char.isascii():
        return char
    found = _LETTER.search(unicodedata.name(char, ""))
    return char if found is None else found[1].lower()


def _dash(char: str) -> str:
    return "-" if char in _MORE_DASHES or unicodedata.category(char) == "Pd" else char


def _skeleton(plain: str) -> str:
    letters = "".join(filter(str.isalnum, plain.translate(_LOOKALIKES)))
    for pair, single in _PAIRS:
        letters = letters.replace(pair, single)
    return letters


_SKELETONS = frozenset(_skeleton(word) for word in _WORDS.split())
